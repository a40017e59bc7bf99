//! The conformance functions, called on ports behind which a [`Machine`] is: its own, or those of something between.

use std::collections::BTreeMap;

use pipeline::effect::{BuildSpec, DeploymentSpec, JobSpec, ReplyTo};
use pipeline::event::{JobOutputs, JobResult, Step, StepKey};
use pipeline::names::{Digest, EnvironmentName, JobName, Project};
use pipeline::release::{Limits, Model, Release};

use serde_json::{Value, json};

use super::{JobPlan, Machine, MemorySecrets};
use crate::conformance;
use crate::ports::{Declaration, DeploymentStatus, Ports};

/// The store keeps its promises.
pub async fn store(_machine: &Machine, ports: &Ports) {
    conformance::store::all(&*ports.store).await;
}

/// The bus keeps its promises.
pub async fn bus(machine: &Machine, ports: &Ports) {
    conformance::bus::all(&*ports.bus, &machine.queue, "train").await;
}

/// The ledger keeps its promises.
pub async fn ledger(machine: &Machine, ports: &Ports) {
    conformance::ledger::all(&*ports.ledger, &*ports.store, &machine.queue, "train").await;
}

/// Artifacts keep their promises.
pub async fn artifacts(_machine: &Machine, ports: &Ports) {
    conformance::artifacts::all(&*ports.artifacts).await;
}

/// The source keeps its promises.
pub async fn source(machine: &Machine, ports: &Ports) {
    let branch = "main".parse().expect("it has no blanks");
    let commit = {
        let (source, project, branch) = (machine.source.clone(), project(), Clone::clone(&branch));
        move |files: &[(&str, &str)]| source.commit(&project, &branch, files.iter().copied())
    };
    let (source, artifacts) = (&*ports.source, &*ports.artifacts);
    let example = conformance::source::Example { source, artifacts, project: project(), branch, commit: &commit };
    conformance::source::all(&example).await;
}

/// The job platform keeps its promises.
pub async fn jobs(machine: &Machine, ports: &Ports) {
    machine.jobs.plan(|job| match job.timeout_secs {
        1 => JobPlan::Finish(JobResult::Completed(JobOutputs::default())),
        _ => JobPlan::Run,
    });
    let (quick, endless) = (|name| job(name, 1), |name| job(name, 60));
    let example = conformance::jobs::Example { jobs: &*ports.jobs, quick: &quick, endless: &endless };
    conformance::jobs::all(&example).await;
}

/// The model registry keeps its promises.
pub async fn models(_machine: &Machine, ports: &Ports) {
    conformance::models::all(&*ports.models).await;
}

/// Images keep their promises.
pub async fn images(_machine: &Machine, ports: &Ports) {
    let (spec, other) = (build("one"), build("other"));
    let example = conformance::images::Example { images: &*ports.images, spec, other };
    conformance::images::all(&example).await;
}

/// Deployments keep their promises.
pub async fn deployments(machine: &Machine, ports: &Ports) {
    machine.deployments.health(|spec| match spec.release.limits.memory_mib {
        0 => DeploymentStatus::Failed { reason: "it has no memory".into() },
        _ => DeploymentStatus::Ready { endpoint: "memory:/score".into() },
    });
    let (spec, broken) = (deployment(512), Some(deployment(0)));
    let payload = b"{}".to_vec();
    let example = conformance::deployments::Example { deployments: &*ports.deployments, spec, broken, payload };
    conformance::deployments::all(&example).await;
}

/// Infrastructure keeps its promises.
pub async fn infrastructure(machine: &Machine, ports: &Ports) {
    machine.infrastructure.hold(true);
    let declaration = |resources: Value| Declaration {
        name: "infra".parse().expect("it is a word"),
        project: project(),
        template: json!({ "resources": resources }),
        parameters: json!({}),
    };
    let example = conformance::infrastructure::Example {
        infrastructure: &*ports.infrastructure,
        good: declaration(json!({"storage": {}})),
        impossible: declaration(json!({})),
        failing: declaration(json!({"broken": {}})),
        pass: &|| machine.infrastructure.finish(),
    };
    conformance::infrastructure::all(&example).await;
}

/// Secrets keep their promises.
pub async fn secrets(_machine: &Machine, _ports: &Ports) {
    let secrets = MemorySecrets::default();
    let environments = ["qa", "prod"].map(|name| name.parse().expect("it is a word"));
    let set = |environment: &_, name: &_, value: &str| secrets.set(environment, name, value);
    conformance::secrets::all(&conformance::secrets::Example { secrets: &secrets, environments, set: &set }).await;
}

fn project() -> Project {
    "diabetes".parse().expect("it is a word")
}

fn reply_to() -> ReplyTo {
    ReplyTo { run: "r1".parse().expect("it is a word"), step: StepKey::of(Step::Train), attempt: 1 }
}

fn model(content: &str) -> Model {
    Model {
        name: "diabetes".parse().expect("it is a word"),
        version: 1,
        digest: Digest::of(content.as_bytes()),
        metrics: BTreeMap::from([("mse".into(), 3298.5)]),
    }
}

fn job(name: JobName, timeout_secs: u64) -> JobSpec {
    JobSpec {
        name,
        project: project(),
        reply_to: reply_to(),
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
        timeout_secs,
    }
}

fn build(content: &str) -> BuildSpec {
    BuildSpec {
        name: "build".parse().expect("it is a word"),
        project: project(),
        reply_to: reply_to(),
        source: Digest::of(b"source"),
        model: model(content),
        model_file: "model.pkl".into(),
        entry: "score.py".into(),
        environment: "conda.yml".into(),
        include: vec![],
    }
}

fn deployment(memory_mib: u64) -> DeploymentSpec {
    let environment: EnvironmentName = "qa".parse().expect("it is a word");
    DeploymentSpec {
        project: project(),
        environment,
        reply_to: reply_to(),
        release: Release {
            deployment: "d1".parse().expect("it is a word"),
            run: reply_to().run,
            number: 1,
            model: model("one"),
            image: Digest::of(b"image"),
            config: Digest::of(b"config"),
            limits: Limits { cpu_cores: 0.5, memory_mib },
            deployed_at: None,
            endpoint: None,
        },
    }
}
