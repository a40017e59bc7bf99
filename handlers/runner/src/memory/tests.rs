//! The memory backends' own promises: faults strike where they are told to, and the world stays as it must.

use std::collections::BTreeMap;

use futures::executor::block_on;
use jiff::SignedDuration;
use pipeline::effect::{JobSpec, ReplyTo};
use pipeline::event::{Event, JobOutputs, JobResult, Message, Step, StepKey};
use pipeline::names::{Branch, Digest, Project};

use super::{Fault, Faults, JobPlan, Machine, promises};
use crate::ports::{Clock, Expect, JobStatus, Parcel, PortError, Revision, Write};

macro_rules! promises {
    ($($test:ident: $port:ident),* $(,)?) => {$(
        #[tokio::test]
        async fn $test() {
            for machine in [Machine::new(), Machine::save_then_send()] {
                promises::$port(&machine, &machine.ports()).await;
            }
        }
    )*};
}

promises!(
    the_store_keeps_its_promises: store,
    the_bus_keeps_its_promises: bus,
    the_ledger_keeps_its_promises: ledger,
    artifacts_keep_their_promises: artifacts,
    the_source_keeps_its_promises: source,
    the_job_platform_keeps_its_promises: jobs,
    the_model_registry_keeps_its_promises: models,
    images_keep_their_promises: images,
    deployments_keep_their_promises: deployments,
    infrastructure_keeps_its_promises: infrastructure,
    secrets_keep_their_promises: secrets,
);

#[test]
fn a_crash_before_a_call_leaves_the_world_as_it_was_and_kills_all_later_calls() {
    let machine = Machine::new();
    machine.faults.at(2, Fault::CrashBefore);
    let ports = machine.ports();

    block_on(ports.store.put("a", b"1".to_vec(), Expect::Absent)).unwrap();
    let crash = block_on(ports.store.put("b", b"2".to_vec(), Expect::Absent)).unwrap_err();
    let later = block_on(ports.store.get("a")).unwrap_err();

    assert!(Faults::is_crash(&crash) && Faults::is_crash(&later));
    assert_eq!(machine.store.keys(), ["a"]);
    machine.faults.revive();
    assert!(block_on(ports.store.get("a")).unwrap().is_some());
    assert_eq!(machine.faults.trace(), ["store.put a", "store.put b", "store.get a"]);
}

#[test]
fn a_crash_after_a_call_leaves_its_effect() {
    let machine = Machine::new();
    machine.faults.at_next("jobs.submit", Fault::CrashAfter);

    let crash = block_on(machine.ports().jobs.submit(&job("train-r1"))).unwrap_err();

    assert!(Faults::is_crash(&crash));
    assert!(machine.faults.is_dead());
    assert_eq!(machine.jobs.submitted(), [job("train-r1")]);
}

#[test]
fn a_lost_reply_is_transient_and_the_repeat_changes_nothing() {
    let machine = Machine::new();
    let ports = machine.ports();
    machine.faults.at_next("jobs.submit", Fault::LostReply);

    let lost = block_on(ports.jobs.submit(&job("train-r1"))).unwrap_err();
    block_on(ports.jobs.submit(&job("train-r1"))).unwrap();

    assert!(matches!(lost, PortError::Transient { .. }) && !Faults::is_crash(&lost));
    assert_eq!(machine.tally.applied("job"), count("train-r1", 1));
    assert_eq!(machine.tally.asked("job"), count("train-r1", 2));
    assert!(machine.tally.twice().is_empty());
}

#[test]
fn only_writes_of_documents_can_conflict() {
    let machine = Machine::new();
    let ports = machine.ports();
    machine.faults.at(1, Fault::Conflict);
    machine.faults.at(2, Fault::Conflict);

    block_on(ports.jobs.submit(&job("train-r1"))).unwrap();
    let conflict = block_on(ports.ledger.commit(vec![write("a", Expect::Absent)], vec![]));

    assert!(matches!(conflict, Err(PortError::Conflict { .. })));
    assert!(machine.store.keys().is_empty());
}

#[test]
fn a_commit_that_conflicts_leaves_nothing_of_itself() {
    let machine = Machine::new();
    let ports = machine.ports();
    let version = block_on(ports.store.put("b", b"old".to_vec(), Expect::Absent)).unwrap();
    let writes = vec![
        write("a", Expect::Absent),
        Write { body: None, ..write("b", Expect::Version(version)) },
        write("c", Expect::Version("never".into())),
    ];

    let conflict = block_on(ports.ledger.commit(writes, vec![parcel("m1", None)]));

    assert!(matches!(conflict, Err(PortError::Conflict { key, .. }) if key == "c"));
    assert_eq!(machine.store.keys(), ["b"]);
    assert_eq!(machine.store.look("b").unwrap().body, b"old");
    assert_eq!(machine.queue.ready(), 0);
}

#[test]
fn in_the_cloud_a_crash_between_save_and_send_leaves_the_document_without_its_message() {
    let machine = Machine::save_then_send();
    machine.faults.at_next("bus.send", Fault::CrashBefore);
    let ledger = machine.ports().ledger;

    let crash = block_on(ledger.commit(vec![write("a", Expect::Absent)], vec![parcel("m1", None)]));

    assert!(!ledger.is_atomic());
    assert!(Faults::is_crash(&crash.unwrap_err()));
    assert_eq!(machine.store.keys(), ["a"]);
    assert!(machine.queue.waiting().is_empty());
}

#[test]
fn messages_come_when_they_are_due_and_in_the_order_of_their_session() {
    let machine = Machine::new();
    let soon = machine.clock.now() + SignedDuration::from_secs(60);
    let later = Parcel { deliver_at: Some(soon), ..parcel("later", None) };
    let sent = vec![later, parcel("first", Some("s")), parcel("second", Some("s"))];
    block_on(machine.ports().bus.send(sent)).unwrap();

    let first = machine.queue.take().unwrap();
    assert_eq!(first.parcel.id, "first");
    assert_eq!(machine.queue.take(), None, "the session is busy");
    assert_eq!(machine.queue.next_due(), Some(soon));

    machine.queue.settle(&first);
    machine.clock.advance_to(soon);
    let rest = [machine.queue.take().unwrap(), machine.queue.take().unwrap()];
    assert_eq!(rest.map(|delivery| delivery.parcel.id), ["second", "later"]);
}

#[test]
fn a_message_comes_again_until_it_is_settled_and_its_repeat_is_dropped() {
    let machine = Machine::new();
    let bus = machine.ports().bus;
    block_on(bus.send(vec![parcel("m1", None), parcel("m1", None)])).unwrap();

    let once = machine.queue.take().unwrap();
    assert_eq!(machine.queue.take(), None);
    machine.queue.give_all_back();
    let again = machine.queue.take().unwrap();
    machine.queue.settle(&again);

    assert_eq!((once.count, again.count), (1, 2));
    block_on(bus.send(vec![parcel("m1", None)])).unwrap();
    assert_eq!(machine.queue.take(), None, "it was sent a short while ago");
    machine.clock.advance_secs(600);
    block_on(bus.send(vec![parcel("m1", None)])).unwrap();
    assert!(machine.queue.take().is_some());
}

#[test]
fn the_end_of_a_job_is_told_to_the_step_that_waits() {
    let machine = Machine::new();
    let done = JobResult::Completed(JobOutputs::default());
    let plan = JobPlan::Finish(done.clone());
    machine.jobs.plan(move |_| plan.clone());

    block_on(machine.ports().jobs.submit(&job("train-r1"))).unwrap();

    let delivery = machine.queue.take_from("train").unwrap();
    let message: Message = serde_json::from_slice(&delivery.parcel.body).unwrap();
    let name = job("train-r1").name;
    assert_eq!(message.step, StepKey::of(Step::Train));
    assert_eq!(message.event, Event::JobFinished { job: name, result: done });
}

#[test]
fn a_lost_event_is_found_by_asking() {
    let machine = Machine::new();
    let jobs = machine.ports().jobs;
    let name = job("train-r1").name;
    block_on(jobs.submit(&job("train-r1"))).unwrap();
    machine.lose_events(true);

    machine.jobs.finish(&name, JobResult::Canceled).unwrap();

    assert_eq!(machine.queue.ready(), 0);
    let result = JobResult::Canceled;
    assert_eq!(block_on(jobs.status(&name)).unwrap(), JobStatus::Finished { result });
}

#[test]
fn a_commit_has_its_files_and_a_snapshot_of_them_is_a_tar() {
    let machine = Machine::new();
    let source = machine.ports().source;
    let project: Project = "diabetes".parse().unwrap();
    let main: Branch = "main".parse().unwrap();
    let one = machine.source.commit(&project, &main, [("a", "1"), ("b", "1")]);
    let two = machine.source.commit(&project, &main, [("b", "2"), ("c", "1")]);

    let head = block_on(source.resolve(&project, &Revision::Branch(main))).unwrap();
    let changed = block_on(source.changed(&project, Some(&one), &two)).unwrap();
    let snapshot = block_on(source.snapshot(&project, &one)).unwrap();

    assert_eq!(head, two);
    assert_eq!(changed, ["a", "b", "c"]);
    let tar = block_on(machine.ports().artifacts.get(&snapshot)).unwrap();
    assert_eq!(tar.len(), 6 * 512);
    assert_eq!((tar[0], tar[512], tar[1024]), (b'a', b'1', b'b'));
}

fn count(key: &str, times: usize) -> BTreeMap<String, usize> {
    BTreeMap::from([(key.to_owned(), times)])
}

fn write(key: &str, expect: Expect) -> Write {
    Write { key: key.into(), body: Some(b"new".to_vec()), expect }
}

fn parcel(id: &str, session: Option<&str>) -> Parcel {
    Parcel {
        queue: "train".into(),
        id: id.into(),
        session: session.map(str::to_owned),
        deliver_at: None,
        body: b"{}".to_vec(),
    }
}

fn job(name: &str) -> JobSpec {
    JobSpec {
        name: name.parse().unwrap(),
        project: "diabetes".parse().unwrap(),
        reply_to: ReplyTo { run: "r1".parse().unwrap(), step: StepKey::of(Step::Train), attempt: 1 },
        source: Digest::of(b"source"),
        image: None,
        environments: vec![],
        commands: vec![],
        load: None,
        entry: None,
        variables: BTreeMap::new(),
        parameters: None,
        data: None,
        required: vec![],
        reports: vec![],
        timeout_secs: 60,
    }
}
