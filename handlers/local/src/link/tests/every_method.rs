//! Each method of each port, with what its words look like on the way.

use std::collections::BTreeMap;

use pipeline::effect::{BuildSpec, DeploymentSpec, JobCommand, JobSpec, Registration, ReplyTo};
use pipeline::event::{Answer, JobOutputs, JobResult, Step, StepKey};
use pipeline::names::Digest;
use pipeline::release::{Limits, Lineage, Model, Release};
use runner::memory::Machine;
use runner::ports::{
    Build, BuildLookup, BuildResult, BuildStatus, Comment, CommitStatus, DeploymentStatus, JobStatus, LogChunk,
    ModelVersion, PortError, Revision, StatusState, TestReport,
};
use runner::reports::{Coverage, Covered, TestCase, TestOutcome};

use super::Host;

#[tokio::test]
async fn jobs_are_submitted_and_come_back_with_their_numbers() {
    let machine = Machine::new();
    let host = Host::of(machine.ports()).await;
    let jobs = host.link().await.jobs;
    let job = job();
    let outputs = JobOutputs {
        metrics: BTreeMap::from([("mse".into(), 3298.5), ("n".into(), 3.0), ("bad".into(), f64::INFINITY)]),
        files: BTreeMap::from([("model".into(), Digest::of(b"model"))]),
        said: vec!["pytest: 14 passed".into()],
    };
    let result = JobResult::Failed { reason: "the script ended with 1".into(), outputs };

    assert_eq!(jobs.status(&job.name).await, Ok(JobStatus::Unknown));
    jobs.submit(&job).await.unwrap();
    assert_eq!(jobs.status(&job.name).await, Ok(JobStatus::Running));
    machine.jobs.say(&job.name, "epoch 1\n");
    machine.jobs.finish(&job.name, result.clone()).unwrap();

    assert_eq!(machine.jobs.submitted(), std::slice::from_ref(&job));
    assert_eq!(jobs.status(&job.name).await, Ok(JobStatus::Finished { result }));
    jobs.cancel(&job.name).await.unwrap();
    let log = LogChunk { text: "train-r1 failed: the script ended with 1\n".into(), next: 49, ended: true };
    assert_eq!(jobs.logs(&job.name, 8).await, Ok(log));
}

#[tokio::test]
async fn model_versions_keep_their_lineage_and_tags() {
    let host = Host::of(Machine::new().ports()).await;
    let models = host.link().await.models;
    let lineage = Lineage {
        run: "r1".parse().unwrap(),
        number: u64::MAX,
        commit: Some("a".repeat(40).parse().unwrap()),
        job: None,
        data: Some(Digest::of(b"data")),
        by: "somebody".into(),
    };
    let registration = Registration {
        name: model().name,
        digest: model().digest,
        lineage: lineage.clone(),
        metrics: model().metrics,
        tags: BTreeMap::new(),
    };

    assert_eq!(models.register(&registration).await, Ok(model()));
    let tags = BTreeMap::from([("latency".to_owned(), "7 ms".to_owned())]);
    models.tag(&model().name, 1, &tags).await.unwrap();

    let version = ModelVersion { model: model(), lineage, tags };
    assert_eq!(models.get(&model().name, 1).await, Ok(Some(version.clone())));
    assert_eq!(models.get(&model().name, 2).await, Ok(None));
    assert_eq!(models.versions(&model().name, 9).await, Ok(vec![version]));
}

#[tokio::test]
async fn images_are_built_and_found() {
    let machine = Machine::new();
    let host = Host::of(machine.ports()).await;
    let images = host.link().await.images;
    let build = build();
    machine.images.hold(true);

    assert_eq!(images.status(&build.name).await, Ok(BuildStatus::Unknown));
    assert_eq!(images.build(&build).await, Ok(BuildStatus::Running));
    machine.images.finish(&build.name, Ok(())).unwrap();

    let Ok(BuildStatus::Built { digest }) = images.status(&build.name).await else {
        panic!("it is finished");
    };
    assert_eq!(images.has(&digest).await, Ok(true));
    assert_eq!(images.has(&Digest::of(b"other")).await, Ok(false));
    assert_eq!(machine.images.builds(), [build]);
}

#[tokio::test]
async fn deployments_are_applied_called_and_removed() {
    let machine = Machine::new();
    let host = Host::of(machine.ports()).await;
    let deployments = host.link().await.deployments;
    let spec = deployment();
    let (project, environment, name) = (&spec.project, &spec.environment, &spec.release.deployment);
    machine.deployments.scoring(|_, body| match body {
        [0xff, ..] => Answer::Unreachable { reason: "reset".into() },
        body => Answer::Answered { status: 200, body: format!("{} bytes", body.len()) },
    });

    let ready = deployments.apply(&spec).await.unwrap();
    assert!(matches!(ready, DeploymentStatus::Ready { .. }), "{ready:?}");
    assert_eq!(deployments.status(project, environment, name).await, Ok(ready));
    let answer = deployments.call(project, environment, name, vec![0; 9]).await;
    assert_eq!(answer, Ok(Answer::Answered { status: 200, body: "9 bytes".into() }));
    let answer = deployments.call(project, environment, name, vec![0xff]).await;
    assert_eq!(answer, Ok(Answer::Unreachable { reason: "reset".into() }));
    assert!(deployments.logs(project, environment, name, 0).await.unwrap().ended);

    deployments.remove(project, environment, name).await.unwrap();
    assert_eq!(deployments.status(project, environment, name).await, Ok(DeploymentStatus::Absent));
    assert_eq!(machine.deployments.applied(), [spec]);
}

#[tokio::test]
async fn commits_are_read_compared_and_marked() {
    let machine = Machine::new();
    let host = Host::of(machine.ports()).await;
    let ports = host.link().await;
    let (project, main) = ("diabetes".parse().unwrap(), "main".parse().unwrap());
    let one = machine.source.commit(&project, &main, [("a", vec![0, 255])]);
    let two = machine.source.commit(&project, &main, [("a", vec![1])]);
    let source = &ports.source;

    assert_eq!(source.resolve(&project, &Revision::Branch(main)).await, Ok(two.clone()));
    assert_eq!(source.resolve(&project, &Revision::Commit(one.clone())).await, Ok(one.clone()));
    assert_eq!(source.read(&project, &one, "a").await, Ok(Some(vec![0, 255])));
    assert_eq!(source.read(&project, &one, "b").await, Ok(None));
    assert_eq!(source.changed(&project, Some(&one), &two).await, Ok(vec!["a".to_owned()]));
    assert_eq!(source.changed(&project, None, &two).await, Ok(vec!["a".to_owned()]));
    let snapshot = source.snapshot(&project, &one).await.unwrap();
    assert_eq!(ports.artifacts.get(&snapshot).await.unwrap().len(), 4 * 512);
    let absent = source.resolve(&project, &Revision::Commit("b".repeat(40).parse().unwrap())).await;
    assert!(matches!(absent, Err(PortError::Permanent { .. })), "{absent:?}");

    let build = Build {
        commit: Some(one),
        branch: None,
        result: BuildResult::Succeeded,
        pipeline: "ci".into(),
        pipeline_number: 37,
    };
    machine.source.set_build(&project, u64::MAX, build.clone());
    assert_eq!(source.build(&project, u64::MAX).await, Ok(BuildLookup::Found(build)));
    assert_eq!(source.build(&project, 1).await, Ok(BuildLookup::Absent));

    let status = CommitStatus {
        context: "trainyard/check".into(),
        state: StatusState::Failed,
        description: "2 tests are red".into(),
        run: "r1".parse().unwrap(),
        pull_request: Some(12),
    };
    source.set_status(&project, &two, &status).await.unwrap();
    assert_eq!(machine.source.statuses(&project, &two)["trainyard/check"], status);
}

#[tokio::test]
async fn pull_requests_are_told_and_tests_published() {
    let machine = Machine::new();
    let host = Host::of(machine.ports()).await;
    let source = host.link().await.source;
    let project = "diabetes".parse().unwrap();
    let commit = "a".repeat(40).parse().unwrap();
    let comment = Comment { run: "r1".parse().unwrap(), markdown: "| a | b |\n".into() };
    let case = |name: &str, outcome, message: Option<&str>| TestCase {
        name: name.into(),
        suite: "tests.unit".into(),
        outcome,
        duration_ms: message.is_none().then_some(0.25),
        message: message.map(str::to_owned),
        detail: message.map(|_| "line 41".to_owned()),
    };
    let report = TestReport {
        name: "check".into(),
        run: "r1".parse().unwrap(),
        branch: Some("main".parse().unwrap()),
        build: Some(u64::MAX),
        cases: vec![
            case("a", TestOutcome::Passed, None),
            case("b", TestOutcome::Failed, Some("(9,) != (10,)")),
            case("c", TestOutcome::Error, Some("no data")),
            case("d", TestOutcome::Skipped, None),
        ],
        coverage: Some(Coverage { lines: Covered { covered: 1, total: 2 }, branches: None }),
    };

    source.comment(&project, 12, &comment).await.unwrap();
    source.publish_tests(&project, &commit, &report).await.unwrap();

    assert_eq!(machine.source.comment_on(&project, 12), Some(comment));
    assert_eq!(machine.source.reports(&project, &commit), [report]);
}

fn reply_to() -> ReplyTo {
    ReplyTo { run: "r1".parse().unwrap(), step: StepKey::at(Step::Deploy, &"qa".parse().unwrap()), attempt: 2 }
}

fn model() -> Model {
    Model {
        name: "diabetes".parse().unwrap(),
        version: 1,
        digest: Digest::of(b"model"),
        metrics: BTreeMap::from([("mse".into(), 3298.5)]),
    }
}

fn job() -> JobSpec {
    JobSpec {
        name: "train-r1".parse().unwrap(),
        project: "diabetes".parse().unwrap(),
        reply_to: reply_to(),
        source: Digest::of(b"source"),
        image: Some(Digest::of(b"image")),
        environments: vec!["conda.yml".into()],
        commands: vec![JobCommand { name: "train".into(), line: "python train.py".into() }],
        load: None,
        entry: None,
        variables: BTreeMap::from([("A".into(), "1".into())]),
        parameters: None,
        data: None,
        required: vec!["model.pkl".into()],
        reports: vec![],
        timeout_secs: 60,
    }
}

fn build() -> BuildSpec {
    BuildSpec {
        name: "build-r1".parse().unwrap(),
        project: "diabetes".parse().unwrap(),
        reply_to: reply_to(),
        source: Digest::of(b"source"),
        model: model(),
        model_file: "model.pkl".into(),
        entry: "scoring/score.py".into(),
        environment: "conda.yml".into(),
        include: vec![],
    }
}

fn deployment() -> DeploymentSpec {
    DeploymentSpec {
        project: "diabetes".parse().unwrap(),
        environment: "qa".parse().unwrap(),
        reply_to: reply_to(),
        release: Release {
            deployment: "r1-qa".parse().unwrap(),
            run: "r1".parse().unwrap(),
            number: 1,
            model: model(),
            image: Digest::of(b"image"),
            config: Digest::of(b"config"),
            limits: Limits { cpu_cores: 0.5, memory_mib: 512 },
            deployed_at: Some("2026-02-03T04:05:06.789Z".parse().unwrap()),
            endpoint: None,
        },
    }
}
