//! Events on the real runner, over ports in memory.

use events::{Limits, azure_devops, event_grid};
use pipeline::effect::Registration;
use pipeline::release::Lineage;
use pipeline::run::{Outcome, Trigger};

use super::*;
use crate::memory::{Fault, Machine};
use crate::ports::{Build, BuildResult};
use crate::watch::Watch;

const PUSH: &str = include_str!("../../../events/src/azure_devops/fixtures/git.push.one-commit.json");
const BLOB: &str = include_str!("../../../events/src/storage/fixtures/BlobCreated.eventgrid.json");
const MODEL: &str = include_str!("../../../events/src/azure_ml/fixtures/ModelRegistered.camel.eventgrid.json");

#[tokio::test]
async fn a_push_becomes_a_run_and_its_event_says_which() {
    for world in [World::new(true).await, World::new(false).await] {
        let received = world.push(PUSH).await.unwrap();
        assert_eq!(received, Received { acted: 1, ..Received::default() });
        world.deliver().await;

        let [run] = world.runs().await.try_into().unwrap();
        assert_eq!((run.trigger, run.requested_by.as_str()), (Trigger::Push, "priya.raman@contoso.example"));
        let [event] = world.events().await.try_into().unwrap();
        let Did::Asked { what, came_to: Some(CameTo::Started { number: 1, .. }), .. } = &event.did[0] else {
            panic!("{event:?}")
        };
        assert_eq!((what.as_str(), event.door.as_str()), ("push to main", "devops_event"));
    }
}

#[tokio::test]
async fn the_same_event_again_changes_nothing_however_late() {
    let world = World::new(true).await;
    world.push(PUSH).await.unwrap();
    world.deliver().await;
    for _ in 0..3 {
        let again = world.push(PUSH).await.unwrap();
        assert_eq!(again, Received { repeated: 1, ..Received::default() });
        world.deliver().await;
    }
    assert_eq!((world.runs().await.len(), world.events().await.len()), (1, 1));
}

#[tokio::test]
async fn the_same_name_for_something_else_is_kept_for_a_person() {
    let world = World::new(true).await;
    world.push(PUSH).await.unwrap();
    let forged = PUSH.replace("refs/heads/main", "refs/heads/other");
    let received = world.push(&forged).await.unwrap();
    assert_eq!(received, Received { quarantined: 1, ..Received::default() });
    assert_eq!(world.push(&forged).await.unwrap().repeated, 1);
    let newest = world.events().await.remove(0);
    let Reading::Quarantined { code: Code::EventIdConflict, .. } = newest.reading else { panic!("{newest:?}") };
    let body = world.machine.ports().artifacts.get(&newest.body.unwrap()).await.unwrap();
    assert_eq!(body, forged.as_bytes(), "the body is there to be looked at");
}

#[tokio::test]
async fn the_parts_of_one_event_are_kept_each_for_its_own_reason() {
    let body = include_str!("../../../events/hostile/42-zero-and-odd-object-ids.json");
    for world in [World::new(true).await, World::new(false).await] {
        let received = world.push(body).await.unwrap();
        assert_eq!(received, Received { acted: 1, ignored: 1, quarantined: 1, repeated: 0 });
        assert_eq!(world.push(body).await.unwrap(), Received { repeated: 3, ..Received::default() });
        let events = world.events().await;
        let code = |event: &EventRecord| match &event.reading {
            Reading::Read(_) => None,
            Reading::Ignored { code, .. } | Reading::Quarantined { code, .. } => Some(*code),
        };
        let mut codes: Vec<_> = events.iter().map(code).collect();
        codes.sort();
        assert_eq!(codes, [None, Some(Code::RefObjectId), Some(Code::RefNoChange)]);
        world.machine.clock.advance_secs(40 * 24 * 3600);
        assert_eq!(forget(&world.machine.ports()).await.unwrap(), 3);
        assert_eq!(world.machine.ports().store.list("event-names/", None, 10).await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn many_pushes_within_a_moment_are_one_run_of_where_the_branch_is_then() {
    let world = World::new(true).await;
    for nth in 0..10_000 {
        let id = format!("{nth:08x}-0000-4000-8000-000000000000");
        let head = world.commit(nth);
        let mut push: serde_json::Value = serde_json::from_str(PUSH).unwrap();
        push["id"] = id.into();
        push["resource"]["pushId"] = (2000 + nth).into();
        push["resource"]["refUpdates"][0]["newObjectId"] = head.as_str().into();
        assert_eq!(world.push(&push.to_string()).await.unwrap().acted, 1);
    }
    world.deliver().await;
    let [run] = world.runs().await.try_into().unwrap();
    assert_eq!(run.commit, Some(world.head().await));
    assert_eq!(world.events().await.len(), 100, "a page of events; each is on record");
}

#[tokio::test]
async fn what_nobody_watches_is_ignored_and_still_on_record() {
    let world = World::new(true).await;
    let elsewhere = PUSH.replace("95092e07", "95092e08");
    assert_eq!(world.push(&elsewhere).await.unwrap(), Received { ignored: 1, ..Received::default() });
    let [event] = world.events().await.try_into().unwrap();
    assert!(matches!(event.reading, Reading::Ignored { code: Code::RepoNotAllowed, .. }), "{event:?}");
    assert!(world.machine.queue.waiting().is_empty());
}

#[tokio::test]
async fn a_branch_that_is_not_delivered_makes_no_run() {
    let world = World::new(true).await;
    world.push(&PUSH.replace("refs/heads/main", "refs/heads/attic")).await.unwrap();
    world.machine.source.commit(&project(), &"attic".parse().unwrap(), files(0));
    world.deliver().await;
    assert!(world.runs().await.is_empty());
    let [event] = world.events().await.try_into().unwrap();
    let Did::Asked { came_to: Some(CameTo::Nothing { why }), .. } = &event.did[0] else { panic!("{event:?}") };
    assert!(why.contains("branch attic is not delivered"), "{why}");
}

#[tokio::test]
async fn retrainings_end_although_events_do_not() {
    let world = World::new(true).await;
    let mut starts = Vec::new();
    for nth in 0..48 {
        let blob = BLOB.replace("beb21a5e-401e-002b-3749-b68517060431", &format!("blob-{nth}"));
        world.grid(&blob).await.unwrap();
        world.machine.clock.advance_secs(3600);
        world.deliver().await;
        starts.push(world.runs().await.len());
    }
    // Six hours of cool-down, two days of a new file each hour.
    assert_eq!(*starts.last().unwrap(), 8);
    for nth in 48..400 {
        let blob = BLOB.replace("beb21a5e-401e-002b-3749-b68517060431", &format!("blob-{nth}"));
        world.machine.clock.advance_secs(900);
        world.grid(&blob).await.unwrap();
        world.deliver().await;
    }
    // And fourteen within a week.
    assert_eq!(world.runs().await.len(), 14);
    let newest = world.events().await.remove(0);
    let Did::Asked { came_to: Some(CameTo::Nothing { why }), .. } = &newest.did[0] else { panic!("{newest:?}") };
    assert!(why.contains("most_in_a_week"), "{why}");
}

#[tokio::test]
async fn a_schedule_is_made_up_for_once_after_a_downtime() {
    let world = World::new(true).await;
    world.machine.source.commit(&project(), &"main".parse().unwrap(), scheduled());
    world.push(PUSH).await.unwrap();
    world.deliver().await;
    assert_eq!(world.runner.tick_schedules().await.unwrap(), 0, "it begins with the first delivery");

    world.machine.clock.advance_secs(3 * 24 * 3600);
    assert_eq!(world.runner.tick_schedules().await.unwrap(), 1, "three ticks were missed");
    assert_eq!(world.runner.tick_schedules().await.unwrap(), 0);
    world.deliver().await;
    let runs = world.runs().await;
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[0].trigger.describe(), "retraining: schedule `0 0 3 * * *`");
}

#[tokio::test]
async fn the_end_of_a_job_that_is_told_early_late_or_twice_changes_nothing_but_the_time() {
    let world = World::new(true).await;
    world.push(PUSH).await.unwrap();
    world.deliver().await;
    let run = world.runs().await.remove(0);
    let On::Job { job } = run.waiting().unwrap().2.on.clone() else { panic!("{run:?}") };
    let told = world.job_ended(job.as_str(), "1").await;
    assert_eq!(told, Received { acted: 1, ..Received::default() });
    let late = world.job_ended("provision-diabetes-1", "2").await;
    assert_eq!(late, Received { ignored: 1, ..Received::default() });
    world.deliver().await;
    assert!(world.runs().await[0].ended.is_none(), "the job is asked, and it still runs");
}

#[tokio::test]
async fn what_a_repository_leaves_out_is_no_run_when_an_event_asks_for_it() {
    let world = World::new(true).await;
    world.push(PUSH).await.unwrap();
    world.deliver().await;
    let main = "main".parse().unwrap();
    let without_docs = "version: 1\nproject: diabetes\ntriggers: { models: false, paths: { exclude: ['docs/**'] } }\n";
    let manifest = ("trainyard.yml", without_docs.to_owned());
    world.machine.source.commit(&project(), &main, vec![manifest.clone(), ("a.py", "1".to_owned())]);
    world
        .push(&PUSH.replace("bf10523b-76b3-5e08-b40b-60c626e39e17", "bf10523b-76b3-5e08-b40b-60c626e39e18"))
        .await
        .unwrap();
    world.deliver().await;
    assert_eq!(world.runs().await.len(), 2);

    let readme = ("docs/how.md", "# How".to_owned());
    world.machine.source.commit(&project(), &main, vec![manifest, ("a.py", "1".to_owned()), readme]);
    world
        .push(&PUSH.replace("bf10523b-76b3-5e08-b40b-60c626e39e17", "bf10523b-76b3-5e08-b40b-60c626e39e19"))
        .await
        .unwrap();
    world.deliver().await;
    assert_eq!(world.runs().await.len(), 2, "not even a skipped one");
    let Did::Asked { came_to: Some(CameTo::Nothing { why }), .. } = &world.events().await[0].did[0] else { panic!() };
    assert!(why.contains("docs/how.md"), "{why}");

    let registration = Registration {
        name: "diabetes_regression_model".parse().unwrap(),
        digest: Digest::of(b"a model"),
        lineage: Lineage {
            run: RunId::newest(Timestamp::UNIX_EPOCH, "m"),
            number: 0,
            commit: None,
            job: None,
            data: None,
            by: "ana".to_owned(),
        },
        metrics: BTreeMap::new(),
        tags: BTreeMap::new(),
    };
    world.machine.ports().models.register(&registration).await.unwrap();
    world.grid(&MODEL.replace(":20", ":1").replace("\"20\"", "\"1\"")).await.unwrap();
    world.deliver().await;
    let Did::Asked { came_to: Some(CameTo::Nothing { why }), .. } = &world.events().await[0].did[0] else { panic!() };
    assert!(why.contains("triggers.models"), "{why}");
}

#[tokio::test]
async fn a_version_that_somebody_registered_is_asked_for_by_its_number() {
    let world = World::new(true).await;
    assert_eq!(world.grid(MODEL).await.unwrap().acted, 1);
    world.deliver().await;
    let [event] = world.events().await.try_into().unwrap();
    let Did::Asked { came_to: Some(CameTo::Nothing { why }), .. } = &event.did[0] else { panic!("{event:?}") };
    assert!(why.contains("no model diabetes_regression_model:20"), "{why}");
}

#[tokio::test]
async fn a_build_starts_what_its_code_host_says_of_it_and_not_what_an_event_says() {
    type Change = fn(&mut Build);
    let forged: [(Change, &str); 5] = [
        (|build| build.commit = Some("b".repeat(40).parse().unwrap()), "but of bbbbbbbb"),
        (|build| build.branch = Some("attic".parse().unwrap()), "not of branch main but of attic"),
        (|build| build.branch = None, "not of branch main but of none"),
        (|build| build.result = BuildResult::Failed, "it did not go well"),
        (|build| (build.pipeline, build.pipeline_number) = ("other".to_owned(), 38), "its pipeline, other, does not"),
    ];
    for (change, why) in forged {
        let world = World::of_builds().await;
        let mut build = world.good_build().await;
        change(&mut build);
        world.machine.source.set_build(&project(), 88121, build);
        world.build_ended().await;
        world.deliver().await;
        assert!(world.why_no_run().await.contains(why), "{why}");
    }
    let world = World::of_builds().await;
    world.build_ended().await;
    world.deliver().await;
    assert!(world.why_no_run().await.contains("no build 88121 of diabetes's repository"));
}

#[tokio::test]
async fn a_build_whose_end_is_told_before_it_can_be_read_is_asked_for_again() {
    let world = World::of_builds().await;
    let good = world.good_build().await;
    world.machine.source.set_build(&project(), 88121, Build { result: BuildResult::Running, ..good.clone() });
    world.build_ended().await;
    let delivery = world.machine.queue.take().unwrap();
    let order: Order = serde_json::from_slice(&delivery.parcel.body).unwrap();
    let early = world.runner.fulfil(&order).await;
    assert!(matches!(early, Err(PortError::Transient { .. })), "{early:?}");
    // Delivered twice it is put off once, for a while that becomes longer.
    for _ in 0..2 {
        assert_eq!(world.runner.fulfil_or_put_off(&order).await.unwrap(), None);
    }
    world.machine.queue.settle(&delivery);
    for secs in [15, 30, 60] {
        assert!(world.machine.queue.take().is_none());
        world.machine.clock.advance_secs(secs);
        let delivery = world.machine.queue.take().unwrap();
        assert!(world.machine.queue.take().is_none(), "there is one");
        let order = serde_json::from_slice(&delivery.parcel.body).unwrap();
        assert_eq!(world.runner.fulfil_or_put_off(&order).await.unwrap(), None);
        world.machine.queue.settle(&delivery);
    }

    world.machine.source.set_build(&project(), 88121, good);
    world.machine.clock.advance_secs(120);
    world.deliver().await;

    let [run] = world.runs().await.try_into().unwrap();
    assert_eq!(run.trigger, Trigger::Build { build: "20260317.3".to_owned() });
    assert_eq!(run.facts.build, Some(88121));
}

#[tokio::test]
async fn an_image_that_somebody_else_built_starts_where_it_is_tested() {
    let world = World::new(true).await;
    let digest = Digest::of(b"an image from elsewhere");
    world.machine.images.add(digest.clone());
    let body = include_str!("../../../events/src/container_registry/fixtures/ImagePushed.eventgrid.json");
    let body = body.replace("sha256:d8f0d85cead5503261ecd9b3ba5d317f3f976d5d1cfc22aeeac51f2e1c166564", digest.as_str());
    for (id, tag) in [("one", "20-2f22765d"), ("two", "latest")] {
        let body = body.replace("90e8fc99-7d8e-5906-9838-2f733c7045ac", id).replace("20-2f22765d", tag);
        assert_eq!(world.grid(&body).await.unwrap().acted, 1);
    }
    world.deliver().await;
    let [run] = world.runs().await.try_into().unwrap();
    assert_eq!(run.trigger, Trigger::Image { image: digest.clone() });
    assert_eq!(run.facts.image, Some(digest));
    let steps: Vec<_> = run.plan.iter().map(ToString::to_string).collect();
    assert_eq!(steps[..4], ["provision", "test_image", "profile", "deploy:qa"]);
}

/// Every call that a reception makes may be the last one of its process.
#[tokio::test]
async fn i_event_a_crash_at_any_call_loses_no_event_and_doubles_none() {
    for atomic in [true, false] {
        let calls = {
            let world = World::new(atomic).await;
            world.machine.faults.forget();
            world.push(PUSH).await.unwrap();
            world.deliver().await;
            world.machine.faults.count()
        };
        assert!(calls > 5, "{calls}");
        for number in 1..=calls {
            for fault in [Fault::CrashBefore, Fault::CrashAfter] {
                let world = World::new(atomic).await;
                world.machine.faults.forget();
                world.machine.faults.at(number, fault);
                // The sender sends until it is told that all is well; so does the bus.
                while world.push(PUSH).await.is_err() {
                    world.machine.faults.revive();
                }
                world.deliver().await;
                let runs = world.runs().await;
                assert_eq!(runs.len(), 1, "{fault:?} at call {number}, atomic: {atomic}");
                assert_ne!(runs[0].ended.as_ref().map(|ended| ended.outcome), Some(Outcome::Failed));
                let event = world.events().await.remove(0);
                assert!(matches!(event.did[0], Did::Asked { .. }), "{event:?}");
            }
        }
    }
}

#[tokio::test]
async fn events_are_forgotten_after_a_month() {
    let world = World::new(true).await;
    world.push(PUSH).await.unwrap();
    world.machine.clock.advance_secs(29 * 24 * 3600);
    assert_eq!(forget(&world.machine.ports()).await.unwrap(), 0);
    world.push(&PUSH.replace("95092e07", "95092e08")).await.unwrap();
    world.machine.clock.advance_secs(2 * 24 * 3600);
    assert_eq!(forget(&world.machine.ports()).await.unwrap(), 1);
    assert_eq!(world.events().await.len(), 1);
}

struct World {
    machine: Machine,
    runner: Runner,
}

impl World {
    async fn new(atomic: bool) -> Self {
        let machine = if atomic { Machine::new() } else { Machine::save_then_send() };
        let runner = Runner::new(machine.ports());
        machine.source.commit(&project(), &"main".parse().unwrap(), files(0));
        let resources =
            "/subscriptions/0f8fad5b-d9cb-469f-a165-70867728950e/resourceGroups/rg-mlops-diabetes/providers";
        let watch: Watch = serde_json::from_value(serde_json::json!({
            "repository": {"host": "azure_devops", "id": "95092e07-0b1c-562e-9b6d-69b0503aed24"},
            "workspaces": [format!("{resources}/Microsoft.MachineLearningServices/workspaces/mlw-diabetes")],
            "models": ["diabetes_regression_model"],
            "registries": [{
                "host": "crdiabetesmlops.azurecr.io",
                "id": format!("{resources}/Microsoft.ContainerRegistry/registries/crdiabetesmlops"),
            }],
            "images": ["scoring/diabetes-regression"],
            "data": [{
                "account": format!("{resources}/Microsoft.Storage/storageAccounts/stdiabetesmlops"),
                "container": "training-data",
            }],
        }))
        .unwrap();
        WatchList::set(&machine.ports(), &project(), Some(watch)).await.unwrap();
        Self { machine, runner }
    }

    /// One where the builds of a pipeline stand for the check.
    async fn of_builds() -> Self {
        let world = Self::new(true).await;
        let ports = world.machine.ports();
        let mut watch = WatchList::load(&ports).await.unwrap().projects.remove(&project()).unwrap();
        watch.build = Some("diabetes-regression-ci".to_owned());
        WatchList::set(&ports, &project(), Some(watch)).await.unwrap();
        world
    }

    /// The build of the sample, as it would have to be.
    async fn good_build(&self) -> Build {
        Build {
            commit: Some(self.head().await),
            branch: Some("main".parse().unwrap()),
            result: BuildResult::Succeeded,
            pipeline: "diabetes-regression-ci".to_owned(),
            pipeline_number: 37,
        }
    }

    async fn build_ended(&self) {
        let body = include_str!("../../../events/src/azure_devops/fixtures/build.complete.succeeded.json");
        let body = body.replace("2f22765d04931a078909145ca628d2264c852d7d", self.head().await.as_str());
        assert_eq!(self.push(&body).await.unwrap().acted, 1);
    }

    async fn why_no_run(&self) -> String {
        let [event] = self.events().await.try_into().unwrap();
        let Did::Asked { came_to: Some(CameTo::Nothing { why }), .. } = &event.did[0] else { panic!("{event:?}") };
        why.clone()
    }

    async fn push(&self, body: &str) -> Result<Received> {
        let readings = azure_devops::read(body.as_bytes(), Limits::default());
        let body = body.as_bytes();
        self.runner.receive(Arrival { door: "devops_event", verified: Verified::Queue, body, readings }).await
    }

    async fn grid(&self, body: &str) -> Result<Received> {
        let readings = event_grid::read(body.as_bytes(), Limits::default());
        let body = body.as_bytes();
        self.runner.receive(Arrival { door: "event_grid_queue", verified: Verified::Queue, body, readings }).await
    }

    async fn job_ended(&self, job: &str, id: &str) -> Received {
        let body = include_str!("../../../events/src/azure_ml/fixtures/RunCompleted.eventgrid.json");
        let body = body.replace("diabetes-train_1773738901_5b7f1c2d", job);
        self.grid(&body.replace("5ff6bb27-8c9f-5459-b6bc-eee2386e9720", id)).await.unwrap()
    }

    /// Hands out all that is due within a minute, and starts the process again when it dies.
    async fn deliver(&self) {
        self.machine.clock.advance_secs(60);
        while let Some(delivery) = self.machine.queue.take() {
            let body = &delivery.parcel.body;
            let done = if delivery.parcel.queue == START {
                self.runner.fulfil(&serde_json::from_slice(body).unwrap()).await.map(|_| ())
            } else {
                self.runner.handle(&serde_json::from_slice(body).unwrap()).await.map(|_| ())
            };
            if done.is_ok() {
                self.machine.queue.settle(&delivery);
            } else {
                self.machine.faults.revive();
                self.machine.queue.give_all_back();
            }
        }
        self.machine.faults.revive();
    }

    async fn runs(&self) -> Vec<Run> {
        let ports = self.machine.ports();
        let mut runs = Vec::new();
        for key in ports.store.list(keys::RUNS, None, 1000).await.unwrap() {
            runs.push(serde_json::from_slice(&ports.store.get(&key).await.unwrap().unwrap().body).unwrap());
        }
        runs
    }

    async fn events(&self) -> Vec<EventRecord> {
        list(&self.machine.ports(), None, 100).await.unwrap()
    }

    fn commit(&self, nth: usize) -> pipeline::names::CommitId {
        self.machine.source.commit(&project(), &"main".parse().unwrap(), files(nth))
    }

    async fn head(&self) -> pipeline::names::CommitId {
        let main = crate::ports::Revision::Branch("main".parse().unwrap());
        self.machine.ports().source.resolve(&project(), &main).await.unwrap()
    }
}

fn project() -> Project {
    "diabetes".parse().unwrap()
}

fn files(nth: usize) -> Vec<(&'static str, String)> {
    vec![
        ("trainyard.yml", "version: 1\nproject: diabetes\n".to_owned()),
        ("training/train.py", format!("print({nth})")),
    ]
}

fn scheduled() -> Vec<(&'static str, String)> {
    let manifest = "version: 1\nproject: diabetes\ntriggers:\n  retrain:\n    schedule: '0 0 3 * * *'\n";
    vec![("trainyard.yml", manifest.to_owned()), ("training/train.py", "print(1)".to_owned())]
}
