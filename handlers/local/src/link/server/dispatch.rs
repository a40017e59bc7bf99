//! From a frame to a port and back.

use std::sync::Arc;

use pipeline::names::{CommitId, DeploymentName, EnvironmentName, JobName, ModelName, Project};
use runner::ports::{PortError, Ports, Result};
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteBuf, Bytes};

use crate::link::BACKEND;
use crate::link::frame::{self, ERROR, Frame, OK};
use crate::link::method::Method;

/// Performs a call and writes its answer.
pub(super) async fn answer(ports: Arc<Ports>, call: Frame) -> Vec<u8> {
    match Method::numbered(call.kind) {
        Some(method) => match perform(&ports, method, &call).await {
            Ok(answer) => answer,
            Err(error) => failure(call.number, &error),
        },
        None => {
            let reason = format!("the host knows no method {}; use one binary for host and handler", call.kind);
            failure(call.number, &PortError::permanent(BACKEND, reason))
        }
    }
}

fn failure(number: u64, error: &PortError) -> Vec<u8> {
    frame::encode(number, ERROR, error).unwrap_or_else(|_| {
        let short = PortError::permanent(BACKEND, "an error that is too long to be told");
        frame::encode(number, ERROR, &short).unwrap_or_default()
    })
}

/// One method's arguments and one method's call per arm, in the order of `Method`.
async fn perform(ports: &Ports, method: Method, call: &Frame) -> Result<Vec<u8>> {
    use Method::*;

    type Place = (Project, EnvironmentName, DeploymentName);

    let asked = Asked { method, call };
    match method {
        StoreGet => {
            let (key,) = asked.args()?;
            asked.told(ports.store.get(key).await?)
        }
        StorePut => {
            let (key, body, expect): (_, ByteBuf, _) = asked.args()?;
            asked.told(ports.store.put(key, body.into_vec(), expect).await?)
        }
        StoreDelete => {
            let (key,) = asked.args()?;
            asked.told(ports.store.delete(key).await?)
        }
        StoreList => {
            let (prefix, after, limit) = asked.args()?;
            asked.told(ports.store.list(prefix, after, limit).await?)
        }
        BusSend => {
            let (parcels,) = asked.args()?;
            asked.told(ports.bus.send(parcels).await?)
        }
        LedgerCommit => {
            let (writes, parcels) = asked.args()?;
            asked.told(ports.ledger.commit(writes, parcels).await?)
        }
        ArtifactsPut => {
            let (bytes,): (ByteBuf,) = asked.args()?;
            asked.told(ports.artifacts.put(bytes.into_vec()).await?)
        }
        ArtifactsGet => {
            let (digest,) = asked.args()?;
            asked.told(Bytes::new(&ports.artifacts.get(&digest).await?))
        }
        SourceResolve => {
            let (project, revision) = asked.args()?;
            asked.told(ports.source.resolve(&project, &revision).await?)
        }
        SourceRead => {
            let (project, commit, path) = asked.args()?;
            let bytes = ports.source.read(&project, &commit, path).await?;
            asked.told(bytes.map(ByteBuf::from))
        }
        SourceSnapshot => {
            let (project, commit) = asked.args()?;
            asked.told(ports.source.snapshot(&project, &commit).await?)
        }
        SourceChanged => {
            let (project, from, to): (_, Option<CommitId>, _) = asked.args()?;
            let changed = ports.source.changed(&project, from.as_ref(), &to);
            asked.told(changed.await?)
        }
        SourceBuild => {
            let (project, number) = asked.args()?;
            asked.told(ports.source.build(&project, number).await?)
        }
        SourceSetStatus => {
            let (project, commit, status) = asked.args()?;
            let set = ports.source.set_status(&project, &commit, &status);
            asked.told(set.await?)
        }
        SourceComment => {
            let (project, pull_request, comment) = asked.args()?;
            let left = ports.source.comment(&project, pull_request, &comment);
            asked.told(left.await?)
        }
        SourcePublishTests => {
            let (project, commit, report) = asked.args()?;
            let published = ports.source.publish_tests(&project, &commit, &report);
            asked.told(published.await?)
        }
        JobsSubmit => {
            let (job,) = asked.args()?;
            asked.told(ports.jobs.submit(&job).await?)
        }
        JobsStatus => {
            let (job,) = asked.args()?;
            asked.told(ports.jobs.status(&job).await?)
        }
        JobsCancel => {
            let (job,) = asked.args()?;
            asked.told(ports.jobs.cancel(&job).await?)
        }
        JobsLogs => {
            let (job, from): (JobName, _) = asked.args()?;
            asked.told(ports.jobs.logs(&job, from).await?)
        }
        ModelsRegister => {
            let (registration,) = asked.args()?;
            asked.told(ports.models.register(&registration).await?)
        }
        ModelsGet => {
            let (name, version): (ModelName, _) = asked.args()?;
            asked.told(ports.models.get(&name, version).await?)
        }
        ModelsTag => {
            let (name, version, tags): (ModelName, _, _) = asked.args()?;
            asked.told(ports.models.tag(&name, version, &tags).await?)
        }
        ModelsVersions => {
            let (name, limit): (ModelName, _) = asked.args()?;
            asked.told(ports.models.versions(&name, limit).await?)
        }
        ImagesBuild => {
            let (build,) = asked.args()?;
            asked.told(ports.images.build(&build).await?)
        }
        ImagesStatus => {
            let (build,) = asked.args()?;
            asked.told(ports.images.status(&build).await?)
        }
        ImagesHas => {
            let (image,) = asked.args()?;
            asked.told(ports.images.has(&image).await?)
        }
        DeploymentsApply => {
            let (spec,) = asked.args()?;
            asked.told(ports.deployments.apply(&spec).await?)
        }
        DeploymentsStatus => {
            let (project, environment, name): Place = asked.args()?;
            let status = ports.deployments.status(&project, &environment, &name);
            asked.told(status.await?)
        }
        DeploymentsCall => {
            let (project, environment, name, body): (_, _, _, ByteBuf) = asked.args()?;
            let deployments = &ports.deployments;
            let called = deployments.call(&project, &environment, &name, body.into_vec());
            asked.told(called.await?)
        }
        DeploymentsRemove => {
            let (project, environment, name): Place = asked.args()?;
            let removed = ports.deployments.remove(&project, &environment, &name);
            asked.told(removed.await?)
        }
        DeploymentsLogs => {
            let (project, environment, name, from) = asked.args()?;
            let logs = ports.deployments.logs(&project, &environment, &name, from);
            asked.told(logs.await?)
        }
    }
}

#[derive(Clone, Copy)]
struct Asked<'a> {
    method: Method,
    call: &'a Frame,
}

impl<'a> Asked<'a> {
    fn args<T: Deserialize<'a>>(self) -> Result<T> {
        frame::decode(&self.call.body).map_err(|error| {
            let method = self.method.name();
            let reason = format!("the arguments of {method} cannot be read: {error}");
            PortError::permanent(BACKEND, reason)
        })
    }

    fn told<T: Serialize>(self, value: T) -> Result<Vec<u8>> {
        frame::encode(self.call.number, OK, &value).map_err(|error| {
            let method = self.method.name();
            let reason = format!("the answer to {method} cannot be sent: {error}");
            PortError::permanent(BACKEND, reason)
        })
    }
}
