//! A bad day: the real runner over the happy, the reject and the rollback path, with every message doubled, with every
//! event lost, and with a crash at each call of each port in turn. It ends every time as on a good day, and nothing
//! happens twice.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod day;

use day::{Day, End, Path};
use pipeline::environment::Environment;
use pipeline::event::{EnvironmentEvent, Event, Message, Step, StepKey, Verdict};
use pipeline::names::EnvironmentName;
use pipeline::run::Outcome;
use runner::intake::Wish;
use runner::keys;
use runner::memory::{Fault, Faults};
use runner::ports::{Expect, PortError, StatusState, Store};

const PATHS: [(Path, Outcome); 4] = [
    (Path::Happy, Outcome::Released),
    (Path::Reject, Outcome::Rejected),
    (Path::RollBack, Outcome::RolledBack),
    (Path::Expire, Outcome::Expired),
];

#[tokio::test(start_paused = true)]
async fn a_good_day_ends_as_it_should() {
    for (path, outcome) in PATHS {
        let day = Day::new(path, true);
        day.live().await;
        assert_eq!(day.end().outcome, Some(outcome), "{path:?}: {:#?}", day.last_run().journal);
        let state = match outcome {
            Outcome::Released => StatusState::Succeeded,
            Outcome::Expired => StatusState::Error,
            _ => StatusState::Failed,
        };
        assert_eq!(day.end().told, (Some(state), vec![1]), "{path:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_people_cannot_be_told_changes_no_run() {
    for (path, _) in PATHS {
        let good = good_day(path, true).await;
        for fault in [Fault::Refused, Fault::Busy] {
            let day = Day::new(path, true);
            for _ in 0..60 {
                day.machine.faults.at_next("source.set_status", fault);
                day.machine.faults.at_next("source.publish_tests", fault);
            }
            day.live().await;
            let mut end = day.end();
            if fault == Fault::Refused {
                assert_eq!(std::mem::replace(&mut end.told, good.told.clone()), (None, vec![]), "{path:?}");
            }
            assert_eq!(end, good, "{path:?} with {fault:?}");
            let journal = day.last_run().journal;
            let untold = journal.iter().filter(|entry| entry.event.starts_with("could not ")).count();
            assert_eq!(untold, if fault == Fault::Refused { 3 } else { 0 }, "{path:?}: {journal:#?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_code_host_that_does_not_come_back_is_given_up_a_day_after_the_end() {
    let day = Day::new(Path::Happy, true);
    for _ in 0..30_000 {
        day.machine.faults.at_next("source.set_status", Fault::Busy);
    }
    let wish = Wish::Push { branch: "main".parse().unwrap(), commit: None };
    day.deliver_until(1, wish, |run| run.ended.is_some()).await;
    let ended = day.last_run().ended.unwrap();
    day.machine.clock.advance_secs(25 * 3600);
    day.quiesce().await;

    let run = day.last_run();
    assert_eq!((run.ended.as_ref(), run.pending.len()), (Some(&ended), 0));
    let because = &run.journal.last().unwrap().because;
    assert!(because[0].starts_with("given up, a day after the run's end: "), "{because:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pull_request_is_told_once_what_became_of_it() {
    for faults in [&[][..], &[Fault::CrashAfter], &[Fault::CrashBefore], &[Fault::LostReply], &[Fault::Refused]] {
        let day = Day::new(Path::Happy, true);
        for &fault in faults {
            day.machine.faults.at_next("source.comment", fault);
        }
        day.check_pull_request(12).await;

        let run = day.last_run();
        assert_eq!(run.ended.as_ref().map(|ended| ended.outcome), Some(Outcome::Checked), "{faults:?}");
        let comment = day.machine.source.comment_on(&day::project(), 12);
        assert_eq!(comment.is_some(), faults != [Fault::Refused], "{faults:?}");
        if let Some(comment) = comment {
            assert_eq!(comment.run, run.id);
            assert!(comment.markdown.contains("| check | succeeded |"), "{}", comment.markdown);
        }
        let statuses = day.machine.source.statuses(&day::project(), run.commit.as_ref().unwrap());
        assert_eq!(statuses["trainyard"].pull_request, Some(12));
    }
}

#[tokio::test(start_paused = true)]
async fn every_message_twice_changes_nothing() {
    for (path, _) in PATHS {
        let good = good_day(path, true).await;
        let mut day = Day::new(path, true);
        day.doubled = true;
        day.live().await;
        assert_eq!(day.end(), good, "{path:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn l_terminates_with_every_event_of_the_world_lost() {
    for (path, _) in PATHS {
        let good = good_day(path, true).await;
        let day = Day::new(path, true);
        day.machine.lose_events(true);
        day.live().await;
        assert_eq!(day.end(), good, "{path:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn i_effect_once_with_a_crash_at_each_point() {
    each_point(true, &[Fault::CrashBefore, Fault::CrashAfter]).await;
}

#[tokio::test(start_paused = true)]
async fn i_effect_once_with_a_crash_at_each_point_where_saving_and_sending_are_two() {
    each_point(false, &[Fault::CrashBefore, Fault::CrashAfter]).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_a_refusal_or_a_conflict_at_each_point_is_survived() {
    each_point(true, &[Fault::LostReply, Fault::Busy, Fault::Conflict]).await;
}

async fn each_point(atomic: bool, faults: &[Fault]) {
    for path in [Path::Happy, Path::Reject, Path::RollBack] {
        let good = good_day(path, atomic).await;
        let points = {
            let day = Day::new(path, atomic);
            day.machine.faults.forget();
            day.live().await;
            day.machine.faults.count()
        };
        assert!(points > 50, "{path:?} passes only {points} points");
        for point in 1..=points {
            for &fault in faults {
                let day = Day::new(path, atomic);
                day.machine.faults.forget();
                day.machine.faults.at(point, fault);
                day.live().await;
                let trace = day.machine.faults.trace();
                let at = trace.get(point - 1).cloned().unwrap_or_default();
                assert_eq!(day.end(), good, "{path:?} with {fault:?} at point {point}: {at}");
            }
        }
    }
}

async fn good_day(path: Path, atomic: bool) -> End {
    let day = Day::new(path, atomic);
    day.live().await;
    day.end()
}

#[tokio::test(start_paused = true)]
async fn an_approval_after_the_end_changes_nothing() {
    let day = Day::new(Path::Expire, true);
    day.live().await;
    let run = day.last_run();
    let key = StepKey::at(Step::Approve, &"prod".parse().unwrap());
    let event = Event::ApprovalAnswered { verdict: Verdict::Approve, by: "bob".into(), reason: None };
    let late = Message { id: "late".into(), run: run.id.clone(), step: key, attempt: 1, event };

    day.runner().handle(&late).await.unwrap();

    assert_eq!(day.last_run().ended, run.ended);
    assert_eq!(day.end().serving["prod"], None);
    assert!(!Faults::is_crash(&PortError::transient("x", "y")));
}

#[tokio::test(start_paused = true)]
async fn an_environment_that_a_run_left_behind_held_is_free_after_a_sweep() {
    let day = Day::new(Path::Reject, true);
    day.live().await;
    let run = day.last_run();
    let prod: EnvironmentName = "prod".parse().unwrap();
    let mut held = Environment::new(run.project.clone(), prod.clone());
    let reply_to = (StepKey::at(Step::Deploy, &prod), 1);
    let acquire = EnvironmentEvent::Acquire { number: run.number, image: None, explicit: false, reply_to };
    held.take(&run.id, &acquire, "a message that was decided on too late", run.created_at);
    let key = keys::environment(&run.project, &prod);
    day.machine.store.put(&key, serde_json::to_vec(&held).unwrap(), Expect::Anything).await.unwrap();

    day.runner().sweep().await.unwrap();

    let document = day.machine.store.look(&key).unwrap();
    let free: Environment = serde_json::from_slice(&document.body).unwrap();
    assert!(held.holder.is_some() && free.holder.is_none(), "{free:?}");
}
