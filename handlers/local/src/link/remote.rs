//! The ports on the caller's side: each method is one call.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use pipeline::effect::{BuildSpec, DeploymentSpec, JobSpec, Registration};
use pipeline::event::Answer;
use pipeline::names::{BuildName, CommitId, DeploymentName, Digest, EnvironmentName, JobName, ModelName, Project};
use pipeline::release::Model;
use runner::ports::{
    Artifacts, BuildLookup, BuildStatus, Bus, Comment, CommitStatus, DeploymentStatus, Deployments, Document, Expect,
    Images, JobPlatform, JobStatus, Ledger, LogChunk, ModelRegistry, ModelVersion, Parcel, Ports, Result, Revision,
    Source, Store, SystemClock, TestReport, Write,
};
use serde_bytes::{ByteBuf, Bytes};

use super::client::Link;
use super::method::Method;
use crate::infrastructure::NoInfrastructure;

/// All ports over one link, named as the host names them.
pub(super) fn ports(link: &Arc<Link>, names: [String; 9]) -> Ports {
    let [store, bus, ledger, artifacts, source, jobs, models, images, deployments] =
        names.map(|name| Arc::new(Remote { link: link.clone(), name }));
    // What is the same on both sides is not asked for.
    let (infrastructure, clock) = (Arc::new(NoInfrastructure), Arc::new(SystemClock));
    Ports { store, bus, ledger, artifacts, source, jobs, models, images, deployments, infrastructure, clock }
}

/// A port of the host.
struct Remote {
    link: Arc<Link>,
    name: String,
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} over the link", self.name)
    }
}

#[async_trait]
impl Store for Remote {
    async fn get(&self, key: &str) -> Result<Option<Document>> {
        self.link.call(Method::StoreGet, (key,)).await
    }

    async fn put(&self, key: &str, body: Vec<u8>, expect: Expect) -> Result<String> {
        let args = (key, Bytes::new(&body), expect);
        self.link.call(Method::StorePut, args).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.link.call(Method::StoreDelete, (key,)).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
        let args = (prefix, after, limit);
        self.link.call(Method::StoreList, args).await
    }
}

#[async_trait]
impl Bus for Remote {
    async fn send(&self, parcels: Vec<Parcel>) -> Result<()> {
        self.link.call(Method::BusSend, (parcels,)).await
    }
}

#[async_trait]
impl Ledger for Remote {
    async fn commit(&self, writes: Vec<Write>, parcels: Vec<Parcel>) -> Result<Vec<String>> {
        let args = (writes, parcels);
        self.link.call(Method::LedgerCommit, args).await
    }

    fn is_atomic(&self) -> bool {
        self.link.is_atomic()
    }
}

#[async_trait]
impl Artifacts for Remote {
    async fn put(&self, bytes: Vec<u8>) -> Result<Digest> {
        let args = (Bytes::new(&bytes),);
        self.link.call(Method::ArtifactsPut, args).await
    }

    async fn get(&self, digest: &Digest) -> Result<Vec<u8>> {
        let bytes: ByteBuf = self.link.call(Method::ArtifactsGet, (digest,)).await?;
        Ok(bytes.into_vec())
    }
}

#[async_trait]
impl Source for Remote {
    async fn resolve(&self, project: &Project, revision: &Revision) -> Result<CommitId> {
        let args = (project, revision);
        self.link.call(Method::SourceResolve, args).await
    }

    async fn read(&self, project: &Project, commit: &CommitId, path: &str) -> Result<Option<Vec<u8>>> {
        let args = (project, commit, path);
        let bytes: Option<ByteBuf> = self.link.call(Method::SourceRead, args).await?;
        Ok(bytes.map(ByteBuf::into_vec))
    }

    async fn snapshot(&self, project: &Project, commit: &CommitId) -> Result<Digest> {
        let args = (project, commit);
        self.link.call(Method::SourceSnapshot, args).await
    }

    async fn changed(&self, project: &Project, from: Option<&CommitId>, to: &CommitId) -> Result<Vec<String>> {
        let args = (project, from, to);
        self.link.call(Method::SourceChanged, args).await
    }

    async fn build(&self, project: &Project, number: u64) -> Result<BuildLookup> {
        self.link.call(Method::SourceBuild, (project, number)).await
    }

    async fn set_status(&self, project: &Project, commit: &CommitId, status: &CommitStatus) -> Result<()> {
        let args = (project, commit, status);
        self.link.call(Method::SourceSetStatus, args).await
    }

    async fn comment(&self, project: &Project, pull_request: u64, comment: &Comment) -> Result<()> {
        let args = (project, pull_request, comment);
        self.link.call(Method::SourceComment, args).await
    }

    async fn publish_tests(&self, project: &Project, commit: &CommitId, report: &TestReport) -> Result<()> {
        let args = (project, commit, report);
        self.link.call(Method::SourcePublishTests, args).await
    }
}

#[async_trait]
impl JobPlatform for Remote {
    async fn submit(&self, job: &JobSpec) -> Result<()> {
        self.link.call(Method::JobsSubmit, (job,)).await
    }

    async fn status(&self, job: &JobName) -> Result<JobStatus> {
        self.link.call(Method::JobsStatus, (job,)).await
    }

    async fn cancel(&self, job: &JobName) -> Result<()> {
        self.link.call(Method::JobsCancel, (job,)).await
    }

    async fn logs(&self, job: &JobName, from: u64) -> Result<LogChunk> {
        self.link.call(Method::JobsLogs, (job, from)).await
    }
}

#[async_trait]
impl ModelRegistry for Remote {
    async fn register(&self, registration: &Registration) -> Result<Model> {
        let args = (registration,);
        self.link.call(Method::ModelsRegister, args).await
    }

    async fn get(&self, name: &ModelName, version: u64) -> Result<Option<ModelVersion>> {
        self.link.call(Method::ModelsGet, (name, version)).await
    }

    async fn tag(&self, name: &ModelName, version: u64, tags: &BTreeMap<String, String>) -> Result<()> {
        let args = (name, version, tags);
        self.link.call(Method::ModelsTag, args).await
    }

    async fn versions(&self, name: &ModelName, limit: usize) -> Result<Vec<ModelVersion>> {
        self.link.call(Method::ModelsVersions, (name, limit)).await
    }
}

#[async_trait]
impl Images for Remote {
    async fn build(&self, build: &BuildSpec) -> Result<BuildStatus> {
        self.link.call(Method::ImagesBuild, (build,)).await
    }

    async fn status(&self, build: &BuildName) -> Result<BuildStatus> {
        self.link.call(Method::ImagesStatus, (build,)).await
    }

    async fn has(&self, image: &Digest) -> Result<bool> {
        self.link.call(Method::ImagesHas, (image,)).await
    }
}

#[async_trait]
impl Deployments for Remote {
    async fn apply(&self, spec: &DeploymentSpec) -> Result<DeploymentStatus> {
        self.link.call(Method::DeploymentsApply, (spec,)).await
    }

    async fn status(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
    ) -> Result<DeploymentStatus> {
        let args = (project, environment, deployment);
        self.link.call(Method::DeploymentsStatus, args).await
    }

    async fn call(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
        body: Vec<u8>,
    ) -> Result<Answer> {
        let args = (project, environment, deployment, Bytes::new(&body));
        self.link.call(Method::DeploymentsCall, args).await
    }

    async fn remove(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
    ) -> Result<()> {
        let args = (project, environment, deployment);
        self.link.call(Method::DeploymentsRemove, args).await
    }

    async fn logs(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
        from: u64,
    ) -> Result<LogChunk> {
        let args = (project, environment, deployment, from);
        self.link.call(Method::DeploymentsLogs, args).await
    }
}
