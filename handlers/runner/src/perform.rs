//! Effects, performed. Each is harmless to repeat: it carries a name of its own, and what exists is adopted.

use pipeline::effect::{Call, Effect};
use pipeline::environment::Environment;
use pipeline::event::{Answer, EnvironmentEvent, Event};
use pipeline::names::{BuildName, DeploymentName, EnvironmentName, JobName};
use pipeline::run::{Pending, Run};

use crate::keys;
use crate::ports::{BuildStatus, DeploymentStatus, Document, Expect, JobStatus, PortError, Result, Write};
use crate::records::{parcel, parse};
use crate::runner::Runner;

/// How often an environment is told again after another run told it something first.
const CONFLICTS: u32 = 100;

impl Runner {
    /// Performs one effect; the answer, if it comes at once.
    pub(crate) async fn perform(&self, run: &Run, pending: &Pending) -> Result<Option<Event>> {
        let ports = &self.ports;
        match &pending.effect {
            Effect::SubmitJob(job) => match ports.jobs.submit(job).await {
                Ok(()) => Ok(None),
                Err(PortError::Permanent { reason, .. }) => {
                    Ok(Some(Event::JobRefused { job: job.name.clone(), reason }))
                }
                Err(error) => Err(error),
            },
            Effect::AskJob { job } => Ok(Some(job_event(job, ports.jobs.status(job).await?))),
            Effect::CancelJob { job } => ports.jobs.cancel(job).await.map(|()| None),
            Effect::PlanInfrastructure(spec) => self.plan_infrastructure(spec).await,
            Effect::ApplyInfrastructure(spec) => self.apply_infrastructure(run, spec).await,
            Effect::AskInfrastructure { spec, plan } => self.ask_infrastructure(run, spec, plan.as_deref()).await,
            Effect::CancelInfrastructure { name } => {
                ports.infrastructure.cancel(&run.project, name).await.map(|()| None)
            }
            Effect::ReadChampion { environment } => {
                let (environment, _) = self.environment(run, environment).await?;
                Ok(Some(Event::ChampionRead { champion: environment.champion().cloned() }))
            }
            Effect::RegisterModel(registration) => {
                let model = ports.models.register(registration).await?;
                Ok(Some(Event::ModelRegistered { model }))
            }
            Effect::TagModel { name, version, tags } => ports.models.tag(name, *version, tags).await.map(|()| None),
            Effect::BuildImage(build) => Ok(image_event(&build.name, ports.images.build(build).await?)),
            Effect::AskImage { build } => Ok(image_event(build, ports.images.status(build).await?)),
            Effect::TellEnvironment { environment, event } => {
                self.tell_environment(run, environment, event, &pending.id).await
            }
            Effect::Deploy(spec) => {
                Ok(deployment_event(&spec.release.deployment, ports.deployments.apply(spec).await?))
            }
            Effect::AskDeployment { environment, deployment } => {
                let status = ports.deployments.status(&run.project, environment, deployment).await?;
                let gone = || Event::DeploymentFailed {
                    deployment: deployment.clone(),
                    reason: format!("deployment {deployment} is not there any more"),
                };
                let is_absent = status == DeploymentStatus::Absent;
                Ok(deployment_event(deployment, status).or_else(|| is_absent.then(gone)))
            }
            Effect::RemoveDeployment { environment, deployment } => {
                ports.deployments.remove(&run.project, environment, deployment).await.map(|()| None)
            }
            Effect::CallEndpoint { environment, deployment, round, calls } => {
                let answers = self.call(run, environment, deployment, calls).await?;
                Ok(Some(Event::EndpointCalled { round: *round, answers }))
            }
            Effect::SetStatus { .. } | Effect::PublishTests { .. } | Effect::Comment { .. } => {
                self.tell_people(run, &pending.effect).await.map(|()| None)
            }
        }
    }

    /// An environment's document as it is, or as a new one.
    pub(crate) async fn environment(
        &self,
        run: &Run,
        name: &EnvironmentName,
    ) -> Result<(Environment, Option<Document>)> {
        let key = keys::environment(&run.project, name);
        match self.ports.store.get(&key).await? {
            Some(document) => Ok((parse(&key, &document.body)?, Some(document))),
            None => Ok((Environment::new(run.project.clone(), name.clone()), None)),
        }
    }

    /// Tells an environment something; what it answers at once.
    pub(crate) async fn tell_environment(
        &self,
        run: &Run,
        name: &EnvironmentName,
        event: &EnvironmentEvent,
        cause: &str,
    ) -> Result<Option<Event>> {
        let is_atomic = self.ports.ledger.is_atomic();
        for _ in 0..CONFLICTS {
            let (before, document) = self.environment(run, name).await?;
            let mut after = before.clone();
            let answer = after.take(&run.id, event, cause, self.ports.clock.now());
            if after == before && before.outbox.is_empty() {
                return Ok(answer);
            }
            // What was left unsent by a crash goes with it; the bus drops what it had.
            let parcels = after.outbox.iter().map(parcel).collect();
            if is_atomic || after == before {
                after.outbox.clear();
            }
            let expect = document.map_or(Expect::Absent, |document| Expect::Version(document.version));
            let body = Some(serde_json::to_vec(&after).expect("an environment is plain data"));
            let write = Write { key: keys::environment(&run.project, name), body, expect };
            match self.ports.ledger.commit(vec![write], parcels).await {
                Ok(_) => return Ok(answer),
                Err(PortError::Conflict { .. }) => tokio::task::yield_now().await,
                Err(error) => return Err(error),
            }
        }
        Err(PortError::transient("runner", format!("the environment {name} is too busy")))
    }

    async fn call(
        &self,
        run: &Run,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
        calls: &[Call],
    ) -> Result<Vec<Answer>> {
        let Some(commit) = &run.commit else {
            return Err(PortError::permanent("smoke test", "the run has no commit to take the payloads from"));
        };
        let mut answers = Vec::with_capacity(calls.len());
        for Call { payload } in calls {
            let Some(body) = self.ports.source.read(&run.project, commit, payload).await? else {
                let reason = format!("the payload {payload} is not in commit {}", commit.short());
                return Err(PortError::permanent("smoke test", reason));
            };
            answers.push(self.ports.deployments.call(&run.project, environment, deployment, body).await?);
        }
        Ok(answers)
    }
}

fn job_event(job: &JobName, status: JobStatus) -> Event {
    match status {
        JobStatus::Running => Event::JobRunning { job: job.clone() },
        JobStatus::Finished { result } => Event::JobFinished { job: job.clone(), result },
        JobStatus::Unknown => {
            Event::JobRefused { job: job.clone(), reason: "the job platform does not know it any more".into() }
        }
    }
}

fn image_event(build: &BuildName, status: BuildStatus) -> Option<Event> {
    match status {
        BuildStatus::Running => None,
        BuildStatus::Built { digest } => Some(Event::ImageBuilt { build: build.clone(), digest }),
        BuildStatus::Failed { reason } => Some(Event::ImageFailed { build: build.clone(), reason }),
        BuildStatus::Unknown => {
            Some(Event::ImageFailed { build: build.clone(), reason: "the builder does not know it any more".into() })
        }
    }
}

fn deployment_event(deployment: &DeploymentName, status: DeploymentStatus) -> Option<Event> {
    let deployment = deployment.clone();
    match status {
        DeploymentStatus::Starting | DeploymentStatus::Absent => None,
        DeploymentStatus::Ready { endpoint } => Some(Event::DeploymentReady { deployment, endpoint }),
        DeploymentStatus::Failed { reason } => Some(Event::DeploymentFailed { deployment, reason }),
    }
}
