//! What is told: decided by then where that is one commit, and otherwise on its way.

use pipeline::event::{Step, StepKey, Verdict};
use pipeline::names::RunId;
use pipeline::run::On;

use super::*;
use crate::intake::{Start, Wish};
use crate::memory::Machine;

#[tokio::test]
async fn an_approval_is_decided_when_it_is_answered() {
    let (machine, runner, approval) = at_its_gate(Machine::new()).await;
    runner.tell(&approval).await.unwrap();

    let run = load(&runner, &approval.run).await;
    assert!(run.waiting().is_none_or(|(_, _, wait)| !matches!(wait.on, On::Approval { .. })), "{:?}", run.waiting());
    let next = take(&machine);
    assert_ne!(next.step, approval.step, "the next step's message left with the decision");
    // Told twice it changes nothing.
    runner.tell(&approval).await.unwrap();
    assert_eq!(take(&machine), approval);
    assert_eq!(runner.handle(&approval).await.unwrap(), Handled::Done);
    assert_eq!(load(&runner, &approval.run).await, run);
}

#[tokio::test]
async fn where_saving_and_sending_are_two_requests_it_is_sent() {
    let (machine, runner, approval) = at_its_gate(Machine::save_then_send()).await;
    runner.tell(&approval).await.unwrap();
    assert_eq!(take(&machine), approval);
}

#[tokio::test]
async fn nobody_waits_for_a_step_that_is_at_work() {
    let (machine, runner, approval) = at_its_gate(Machine::new()).await;
    let slot = runner.records.slot(&approval.run);
    let _at_work = slot.lock().await;
    runner.tell(&approval).await.unwrap();
    assert_eq!(take(&machine), approval);
}

#[tokio::test]
async fn nobody_waits_for_what_is_to_be_performed() {
    let machine = Machine::new();
    let main = "main".parse().unwrap();
    let text = "version: 1\nproject: diabetes\ntrain: {command: python train.py}\n";
    machine.source.commit(&"diabetes".parse().unwrap(), &main, [("trainyard.yml", text.to_owned())]);
    let runner = Runner::new(machine.ports());
    let run = start(&runner, Wish::Push { branch: main, commit: None }).await;
    deliver_all(&machine, &runner).await;
    let before = machine.faults.trace().len();

    let event = Event::CancelRequested { by: "ann".into(), reason: None };
    let step = load(&runner, &run).await.waiting().unwrap().0.clone();
    let cancel = Message { id: format!("{run}/cancel-1"), run, step, attempt: u32::MAX, event };
    runner.tell(&cancel).await.unwrap();
    assert_eq!(take(&machine), cancel);
    let asked = &machine.faults.trace()[before..];
    assert!(!asked.iter().any(|call| call.starts_with("jobs.")), "{asked:?}");
}

/// A rehearsal that waits for a person, and the person's approval.
async fn at_its_gate(machine: Machine) -> (Machine, Runner, Message) {
    let runner = Runner::new(machine.ports());
    let run = start(&runner, Wish::Rehearsal {}).await;
    deliver_all(&machine, &runner).await;
    let step = StepKey::at(Step::Approve, &"prod".parse().unwrap());
    let attempt = load(&runner, &run).await.step(&step).unwrap().attempt;
    let event = Event::ApprovalAnswered { verdict: Verdict::Approve, by: "bob".into(), reason: None };
    let approval = Message { id: format!("{run}/{step}/{attempt}/by-bob"), run, step, attempt, event };
    (machine, runner, approval)
}

async fn start(runner: &Runner, wish: Wish) -> RunId {
    let project = "diabetes".parse().unwrap();
    let start = Start { project, wish, by: "ann".into(), cause: None, only_if_wanted: false };
    runner.start(&start).await.unwrap().run.id
}

async fn deliver_all(machine: &Machine, runner: &Runner) {
    while let Some(delivery) = machine.queue.take() {
        let message = serde_json::from_slice(&delivery.parcel.body).unwrap();
        runner.handle(&message).await.unwrap();
        machine.queue.settle(&delivery);
    }
}

fn take(machine: &Machine) -> Message {
    let delivery = machine.queue.take().expect("a message is on its way");
    machine.queue.settle(&delivery);
    serde_json::from_slice(&delivery.parcel.body).unwrap()
}

async fn load(runner: &Runner, id: &RunId) -> Run {
    *runner.records.load(&runner.ports, id).await.unwrap().expect("it was started").run
}
