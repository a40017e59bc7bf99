//! What the tests of all ways of serving have in common, and one port in front of several of them.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use azure::{ByEnvironment, EnvironmentSecrets, ServingParts};
use jiff::{SignedDuration, Timestamp};
use pipeline::effect::{DeploymentSpec, ReplyTo};
use pipeline::event::{Answer, Step, StepKey};
use pipeline::names::{Digest, EnvironmentName, RunId, SecretName};
use pipeline::release::{Limits, Model, Release};
use runner::memory::Machine;
use runner::ports::{Clock, DeploymentStatus, Deployments, PortError, Result, Secret, Secrets};

use crate::kubernetes;

/// A clock that goes on by a second whenever somebody looks at it.
#[derive(Debug)]
pub struct Ticking(Mutex<Timestamp>);

impl Ticking {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Timestamp::constant(1_767_225_600, 0))))
    }
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        let mut now = self.0.lock().unwrap();
        *now += SignedDuration::from_secs(1);
        *now
    }
}

/// Secrets that are known by their names.
#[derive(Debug)]
pub struct Vault;

impl fmt::Display for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the vault")
    }
}

#[async_trait]
impl Secrets for Vault {
    async fn get(&self, _: &EnvironmentName, name: &SecretName) -> Result<Option<Secret>> {
        Ok(Some(Secret::new(format!("secret-{name}"))))
    }

    async fn forget(&self, _: &EnvironmentName, _: &SecretName) -> Result<()> {
        Ok(())
    }
}

pub fn parts() -> ServingParts {
    let secrets = EnvironmentSecrets::new(Arc::new(Vault), "qa".parse().unwrap());
    ServingParts { promote: None, secrets: Some(secrets) }
}

/// A release; what its image does goes by the word that it is made of.
pub fn release(environment: &str, deployment: &str, image: &str) -> DeploymentSpec {
    let image = Digest::of(image.as_bytes());
    let run: RunId = "r1".parse().unwrap();
    DeploymentSpec {
        project: "diabetes".parse().unwrap(),
        environment: environment.parse().unwrap(),
        reply_to: ReplyTo { run: run.clone(), step: StepKey::of(Step::Deploy), attempt: 1 },
        release: Release {
            deployment: deployment.parse().unwrap(),
            run,
            number: 7,
            model: Model { version: 3, ..Model::in_image("diabetes".parse().unwrap(), &image) },
            image,
            config: Digest::of(b"config"),
            limits: Limits { cpu_cores: 1.5, memory_mib: 1536 },
            deployed_at: None,
            endpoint: None,
        },
    }
}

/// The digits by which an image is known.
pub fn image(word: &str) -> String {
    Digest::of(word.as_bytes()).to_string()
}

pub async fn status(deployments: &dyn Deployments, spec: &DeploymentSpec) -> Result<DeploymentStatus> {
    deployments.status(&spec.project, &spec.environment, &spec.release.deployment).await
}

pub async fn call(deployments: &dyn Deployments, spec: &DeploymentSpec) -> Result<Answer> {
    let DeploymentSpec { project, environment, release, .. } = spec;
    deployments.call(project, environment, &release.deployment, br#"{"data": []}"#.to_vec()).await
}

pub async fn remove(deployments: &dyn Deployments, spec: &DeploymentSpec) -> Result<()> {
    deployments.remove(&spec.project, &spec.environment, &spec.release.deployment).await
}

#[tokio::test]
async fn each_environment_has_a_backend_of_its_own() {
    let machine = Machine::new();
    let memory: Arc<dyn Deployments> = machine.ports().deployments;
    let (_, clock, cluster) = kubernetes::bench().await;
    let backends = [("qa", memory.clone()), ("prod", Arc::new(cluster) as Arc<dyn Deployments>)];
    let both = ByEnvironment::new(backends.map(|(name, backend)| (name.parse().unwrap(), backend)).into());
    assert!(both.to_string().contains("prod: Azure Kubernetes Service aksprod/scoring, qa: "), "{both}");
    let (here, there) = (release("qa", "d1", "fine"), release("prod", "d1", "fine"));

    both.apply(&here).await.unwrap();
    both.apply(&there).await.unwrap();
    clock.advance_secs(40);

    for spec in [&here, &there] {
        assert!(matches!(status(&both, spec).await.unwrap(), DeploymentStatus::Ready { .. }));
        assert!(matches!(call(&both, spec).await.unwrap(), Answer::Answered { .. }));
    }
    assert_eq!(status(&*memory, &there).await.unwrap(), DeploymentStatus::Absent);
    let unknown = both.apply(&release("dev", "d1", "fine")).await.unwrap_err();
    assert!(
        matches!(&unknown, PortError::Permanent { reason, .. } if reason.contains("set are: prod, qa")),
        "{unknown}"
    );
}
