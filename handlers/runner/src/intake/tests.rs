//! What a start asks of the outside world, and what it does not.

use pipeline::names::Branch;

use super::*;
use crate::memory::Machine;

const MANIFEST_TEXT: &str = "version: 1\nproject: diabetes\n";

#[tokio::test]
async fn a_rehearsal_without_a_repository_asks_for_nothing_that_cannot_be_there() {
    let machine = Machine::new();
    let started = Runner::new(machine.ports()).start(&wish(Wish::Rehearsal {})).await.unwrap();

    assert_eq!((started.created, started.run.commit), (true, None));
    let gets = asked(&machine, "store.get");
    assert_eq!(gets, ["store.get projects/diabetes"], "nobody can have claimed a cause that was made up just now");
    assert_eq!(asked(&machine, "source.").len(), 2, "main and master, at once");
}

#[tokio::test]
async fn a_rehearsal_visits_the_environments_of_the_repository_where_there_is_one() {
    let machine = Machine::new();
    commit(&machine, "environments:\n  only: {}\n");
    let started = Runner::new(machine.ports()).start(&wish(Wish::Rehearsal {})).await.unwrap();
    let names: Vec<_> = started.run.manifest.environments.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["only"]);
}

#[tokio::test]
async fn a_first_push_does_not_ask_what_it_changed() {
    let machine = Machine::new();
    let runner = Runner::new(machine.ports());
    commit(&machine, "");
    runner.start(&push()).await.unwrap();
    assert_eq!(asked(&machine, "source.changed"), [""; 0]);

    commit(&machine, "train: {command: python train.py}\n");
    runner.start(&push()).await.unwrap();
    assert_eq!(asked(&machine, "source.changed").len(), 1);
}

#[tokio::test]
async fn a_cause_that_is_told_is_found_although_its_commit_is_gone() {
    let machine = Machine::new();
    let runner = Runner::new(machine.ports());
    let commit = commit(&machine, "");
    let branch: Branch = "main".parse().unwrap();
    let start = Start { cause: Some("delivery-1".into()), ..wish(Wish::Push { branch, commit: Some(commit.clone()) }) };
    let first = runner.start(&start).await.unwrap();

    machine.source.forget(&project(), &commit);
    let again = runner.start(&start).await.unwrap();

    assert_eq!((first.created, again.created), (true, false));
    assert_eq!(first.run.id, again.run.id);
}

fn project() -> Project {
    "diabetes".parse().unwrap()
}

fn wish(wish: Wish) -> Start {
    Start { project: project(), wish, by: "ann".into(), cause: None, only_if_wanted: false }
}

fn push() -> Start {
    wish(Wish::Push { branch: "main".parse().unwrap(), commit: None })
}

fn commit(machine: &Machine, more: &str) -> CommitId {
    machine.source.commit(&project(), &"main".parse().unwrap(), [(MANIFEST, format!("{MANIFEST_TEXT}{more}"))])
}

/// The calls whose names begin like this.
fn asked(machine: &Machine, name: &str) -> Vec<String> {
    machine.faults.trace().into_iter().filter(|call| call.starts_with(name)).collect()
}
