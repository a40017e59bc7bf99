//! Whatever happens, in whatever order: what a run promises holds.

use proptest::prelude::*;

use super::testing::Delivery;
use super::tests::{assert_quiet, cancel, prod_of_run_6, retry, superseded, wrong_answer};
use crate::effect::Effect;
use crate::event::{EnvironmentEvent, Event, JobOutputs, Message};
use crate::run::{On, Outcome, Progress, Run};
use crate::steps::approve;
use crate::steps::testing::{
    MSE_04, answered, approved_by, broken, completed, environment, infrastructure, job_failed, key, refused,
    rejected_by, release, run, unreachable,
};

/// Something that may happen while a run is under way.
#[derive(Debug, Clone)]
enum News {
    /// All goes well with whatever is waited for.
    Well,
    /// It goes wrong.
    Wrong,
    /// Any of the events, told to any step of the plan; an old try where that is asked for.
    Any { event: usize, step: usize, is_old: bool },
    /// A message that was taken before comes again.
    Again(usize),
    /// Time passes, and the sweep finds a deadline.
    Late,
    /// A person, or a newer change.
    Person(usize),
    /// Another run is at work in an environment.
    Other { run: u64, event: usize, is_prod: bool },
    /// What is on its way arrives.
    Deliver,
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_a_run_keeps_its_promises(
        story in prop::collection::vec(news(), 0..80),
        declares in any::<bool>(),
    ) {
        let mut run = run();
        run.manifest.infrastructure = declares.then(infrastructure);
        let mut delivery = Delivery::new(run).beside(prod_of_run_6());
        let mut journal = delivery.run.journal.len();
        let mut done = 0;
        for news in story {
            let before = delivery.run.journal.last().cloned();
            happens(&mut delivery, &news);

            prop_assert!(journal == 0 || delivery.run.journal.get(journal - 1) == before.as_ref(), "I-JOURNAL");
            keeps_its_promises(&delivery, &delivery.done[done..]);
            (journal, done) = (delivery.run.journal.len(), delivery.done.len());
        }
        // The faults stop: every other run leaves, and all goes well from here on.
        for (number, name) in [(6, "qa"), (8, "qa"), (6, "prod"), (8, "prod")] {
            delivery.other_run(number, name, &EnvironmentEvent::Leave);
        }
        let delivery = delivery.finished();
        keeps_its_promises(&delivery, &delivery.done[done..]);
        prop_assert!(delivery.run.ended.is_some(), "L-TERMINATES, {:?}", delivery.run.plan);
        assert_quiet(&delivery);
    }
}

fn keeps_its_promises(delivery: &Delivery, done: &[Effect]) {
    let run = &delivery.run;
    let waiting = run.steps.values().filter(|record| matches!(record.progress, Progress::Waiting(_))).count();
    assert!(waiting <= 1, "a run waits for one thing at a time");
    assert!(run.ended.is_none() || waiting == 0, "a run that has ended waits for nothing");

    if run.ended.as_ref().is_some_and(|ended| ended.outcome == Outcome::Released) {
        assert!(is_evaluated(run), "I-NO-UNEVALUATED");
        for (name, _) in &run.manifest.environments {
            assert!(run.stage(name).is_some_and(|stage| stage.tested), "I-NO-UNTESTED: {name}");
        }
    }
    for effect in done {
        let Effect::Deploy(spec) = effect else { continue };
        let is_ours = spec.release.run == run.id;
        assert!(!is_ours || is_evaluated(run), "I-NO-UNEVALUATED: {}", spec.environment);
        if is_ours && spec.environment.as_str() == "prod" {
            assert!(run.stage(&environment("qa")).is_some_and(|qa| qa.tested), "I-NO-UNTESTED");
            assert_eq!(approve::objection(run, &spec.environment, delivery.now), None, "I-APPROVE-BOUND");
        }
    }
    let deployed = delivery.done.iter().filter(|effect| {
        matches!(effect, Effect::Deploy(spec) if spec.environment.as_str() == "prod" && spec.release.run == run.id)
    });
    let is_approval = |entry: &&crate::run::Entry| {
        entry.step == Some(key("approve:prod")) && entry.now.as_deref() == Some("succeeded")
    };
    let approvals = run.journal.iter().filter(is_approval).count();
    assert!(deployed.count() <= approvals, "I-APPROVE-ONCE");
    for (name, stage) in run.facts.stages.iter().filter(|(_, stage)| stage.held) {
        let holder = delivery.environments[name].holder.as_ref();
        assert!(holder.is_some_and(|holder| holder.run == run.id), "I-ONE-PROD-WRITER: {name}, {stage:?}");
    }
    let saved = serde_json::to_string(run).unwrap();
    assert_eq!(&serde_json::from_str::<Run>(&saved).unwrap(), run, "what is saved is what is read");
}

fn is_evaluated(run: &Run) -> bool {
    run.facts.evaluation.as_ref().is_some_and(|evaluation| evaluation.passed)
}

fn happens(delivery: &mut Delivery, news: &News) {
    match news {
        News::Well => {
            delivery.goes_well();
        }
        News::Wrong => {
            let Some((step, event)) = wrong(delivery) else { return };
            delivery.hears_alone(&step, event);
        }
        News::Any { event, step, is_old } => {
            let step = delivery.run.plan[step % delivery.run.plan.len()].to_string();
            let mut message = delivery.news(&step, self::event(*event));
            message.attempt -= u32::from(*is_old && message.attempt > 1);
            delivery.takes(&message);
        }
        News::Again(nth) if !delivery.taken.is_empty() => {
            let message = delivery.taken[nth % delivery.taken.len()].clone();
            delivery.takes(&message);
        }
        News::Again(_) => {}
        News::Late => {
            let (step, deadline) = (delivery.waiting(), delivery.deadline());
            if !step.is_empty() {
                delivery.hears_alone(&step, deadline);
            }
        }
        News::Person(nth) => {
            let event = [cancel(), retry(), superseded(), retry()][nth % 4].clone();
            let step = key("check");
            let message = Message { attempt: u32::MAX, step, ..delivery.news("check", event) };
            delivery.takes(&message);
        }
        News::Other { run, event, is_prod } => {
            let reply_to = (key("deploy:qa"), 1);
            let release = Box::new(release(*run, MSE_04));
            let acquire = EnvironmentEvent::Acquire {
                number: *run,
                image: Some(release.image.clone()),
                explicit: false,
                reply_to,
            };
            let deployed = EnvironmentEvent::Deployed { release };
            let event = [acquire, deployed, EnvironmentEvent::Proven, EnvironmentEvent::Leave][event % 4].clone();
            delivery.other_run(*run, if *is_prod { "prod" } else { "qa" }, &event);
        }
        News::Deliver => delivery.deliver(),
    }
}

/// The bad answer to what is waited for.
fn wrong(delivery: &Delivery) -> Option<(String, Event)> {
    let (key, _, wait) = delivery.run.waiting()?;
    let event = match &wait.on {
        On::Job { job } => job_failed(job.as_str(), "red", JobOutputs::default()),
        On::Answer if key.to_string() == "evaluate" => Event::ChampionRead { champion: Some(release(6, MSE_04)) },
        On::Answer | On::Environment { .. } | On::Start => refused("no"),
        On::Infrastructure { .. } => Event::InfrastructureFailed { reason: "no quota".into() },
        On::Build { build } => Event::ImageFailed { build: build.clone(), reason: "no space left".into() },
        On::Deployment { deployment } => broken(deployment.as_str()),
        On::Round { round: 1 } => Event::EndpointCalled { round: 1, answers: vec![unreachable()] },
        On::Round { round } => Event::EndpointCalled { round: *round, answers: vec![answered(404, "")] },
        On::Approval { .. } => rejected_by("berta"),
    };
    Some((key.to_string(), event))
}

/// Any event that somebody could tell a step at any time, except a grant, which only an environment gives.
fn event(nth: usize) -> Event {
    let events = [
        Event::Requested,
        Event::PollDue,
        Event::DeadlinePassed,
        completed("train-diabetes-7", JobOutputs::default()),
        completed("other", JobOutputs::default()),
        job_failed("check-diabetes-7", "red", JobOutputs::default()),
        Event::ChampionRead { champion: None },
        approved_by("anna"),
        approved_by("berta"),
        wrong_answer(),
        Event::EndpointCalled { round: 1, answers: Vec::new() },
        refused("no"),
        broken("other"),
        Event::InfrastructurePlanned { changes: Vec::new() },
        Event::InfrastructureFailed { reason: "no quota".into() },
    ];
    events[nth % events.len()].clone()
}

fn news() -> impl Strategy<Value = News> {
    prop_oneof![
        12 => Just(News::Well),
        2 => Just(News::Wrong),
        2 => (any::<usize>(), any::<usize>(), any::<bool>())
            .prop_map(|(event, step, is_old)| News::Any { event, step, is_old }),
        2 => any::<usize>().prop_map(News::Again),
        1 => Just(News::Late),
        1 => any::<usize>().prop_map(News::Person),
        1 => (prop_oneof![Just(6u64), Just(8u64)], any::<usize>(), any::<bool>())
            .prop_map(|(run, event, is_prod)| News::Other { run, event, is_prod }),
        3 => Just(News::Deliver),
    ]
}
