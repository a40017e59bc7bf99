//! Scoring images, built by the registry's tasks.
//!
//! An image has two tags: the build's name, by which a build is found, and one of its content (the digest of all that it
//! was built from). What was built before under another name is not built again: it gets the new name as a tag. That is
//! how the same inputs give the same digest, which a second build would not.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::try_join;
use pipeline::effect::BuildSpec;
use pipeline::names::{BuildName, Digest, Project};
use runner::ports::{Artifacts, BuildStatus, Clock, Images, PortError, Result};
use serde_json::{Value, json};

use super::context::{self, File};
use super::data::Data;
use super::registry::Registry;
use super::task_runs::{State, TaskRun, task_run_name};
use super::{RegistrySettings, SERVICE, content, dockerfile};
use crate::credential::Credential;
use crate::http::CallError;

/// Builds that install packages take minutes.
const BUILD_SECS: u64 = 3600;
/// Bytes of a context at most, before it is packed. All of it is in memory for a moment.
const CONTEXT_MAX: usize = 1 << 30;

/// Scoring images in a registry of Azure.
#[derive(Debug)]
pub struct RegistryImages {
    registry: Registry,
    data: Data,
    artifacts: Arc<dyn Artifacts>,
}

impl RegistryImages {
    /// The images in this registry. `management` gives tokens for `https://management.azure.com`, `data` for
    /// `https://containerregistry.azure.net`; snapshots and models are taken from the artifacts.
    ///
    /// # Errors
    ///
    /// The settings cannot be used.
    pub fn new(
        settings: RegistrySettings,
        management: Arc<dyn Credential>,
        data: Arc<dyn Credential>,
        artifacts: Arc<dyn Artifacts>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let data = Data::new(&settings, data, Arc::clone(&clock))?;
        Ok(Self { registry: Registry::new(settings, management, clock)?, data, artifacts })
    }

    /// An image as those name it that pull it: `<server>/<repository>@sha256:...`.
    #[must_use]
    pub fn reference(&self, project: &Project, image: &Digest) -> String {
        self.registry.settings.reference(project, image)
    }

    /// How a build does whose task run was found.
    async fn told(&self, found: TaskRun, tag: &str) -> Result<BuildStatus, CallError> {
        Ok(match (found.state, found.digest) {
            (State::Running, _) => BuildStatus::Running,
            (State::Succeeded, Some(digest)) => BuildStatus::Built { digest },
            (State::Succeeded, None) => {
                // The run does not tell what it pushed; the registry does.
                let images = found.images.iter().filter_map(|image| image.rsplit_once(':'));
                for (repository, _) in images.filter(|(_, of)| *of == tag) {
                    if let Some(manifest) = self.data.manifest(repository, tag).await? {
                        return Ok(BuildStatus::Built { digest: manifest.digest });
                    }
                }
                BuildStatus::Failed { reason: "the build ended well, but its image is not in the registry".into() }
            }
            (State::Canceled, _) => {
                BuildStatus::Failed { reason: "somebody canceled the build in the registry".into() }
            }
            (State::Failed(word), _) => {
                let said = match &found.run {
                    Some(run) => self.registry.last_words(run).await?,
                    None => String::new(),
                };
                BuildStatus::Failed { reason: format!("the registry could not build the image ({word})\n{said}") }
            }
        })
    }

    async fn start(&self, build: &BuildSpec, context: Context) -> Result<BuildStatus, CallError> {
        let repository = self.registry.settings.repository(&build.project);
        let tag = build.name.as_str();
        let of_content = format!("content-{}", context.digest.hex());
        if let Some(manifest) = self.data.manifest(&repository, &of_content).await? {
            self.data.tag(&repository, &manifest, tag).await?;
            return Ok(BuildStatus::Built { digest: manifest.digest });
        }
        let source = self.registry.upload(context.packed).await?;
        let names = [format!("{repository}:{tag}"), format!("{repository}:{of_content}")];
        let request = request(&source, &names, self.registry.settings.abac);
        self.registry.start(&task_run_name("build", tag), request).await?;
        Ok(BuildStatus::Running)
    }

    async fn find(&self, build: &BuildName, repositories: &[String]) -> Result<BuildStatus, CallError> {
        for repository in repositories {
            if let Some(manifest) = self.data.manifest(repository, build.as_str()).await? {
                return Ok(BuildStatus::Built { digest: manifest.digest });
            }
        }
        Ok(BuildStatus::Unknown)
    }
}

impl fmt::Display for RegistryImages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.registry.fmt(f)
    }
}

#[async_trait]
impl Images for RegistryImages {
    async fn build(&self, build: &BuildSpec) -> Result<BuildStatus> {
        let name = build.name.as_str();
        let found = self.registry.look(&task_run_name("build", name)).await.map_err(CallError::into_port)?;
        if let Some(found) = found {
            return self.told(found, name).await.map_err(CallError::into_port);
        }
        let repository = self.registry.settings.repository(&build.project);
        let found = self.find(&build.name, &[repository]).await.map_err(CallError::into_port)?;
        if found != BuildStatus::Unknown {
            return Ok(found);
        }
        let (snapshot, model) = try_join!(self.artifacts.get(&build.source), self.artifacts.get(&build.model.digest))?;
        let (spec, settings) = (build.clone(), self.registry.settings.clone());
        let made = tokio::task::spawn_blocking(move || context(&spec, &settings, &snapshot, model)).await;
        let made = made.map_err(|error| PortError::transient(SERVICE, format!("the context was given up: {error}")))?;
        match made {
            Ok(context) => self.start(build, context).await.map_err(CallError::into_port),
            Err(reason) => Ok(BuildStatus::Failed { reason }),
        }
    }

    async fn status(&self, build: &BuildName) -> Result<BuildStatus> {
        let found = self.registry.look(&task_run_name("build", build.as_str())).await.map_err(CallError::into_port)?;
        if let Some(found) = found {
            return self.told(found, build.as_str()).await.map_err(CallError::into_port);
        }
        // It was built before under another name, or nobody remembers its run any more.
        let repositories: Vec<_> = self.registry.settings.repositories().into_iter().collect();
        let status = self.find(build, &repositories).await.map_err(CallError::into_port)?;
        if status != BuildStatus::Unknown {
            return Ok(status);
        }
        let found = self.registry.look_again(&task_run_name("build", build.as_str())).await;
        match found.map_err(CallError::into_port)? {
            Some(found) => self.told(found, build.as_str()).await.map_err(CallError::into_port),
            None => Ok(BuildStatus::Unknown),
        }
    }

    async fn has(&self, image: &Digest) -> Result<bool> {
        for repository in self.registry.settings.repositories() {
            let found = self.data.manifest(&repository, image.as_str()).await.map_err(CallError::into_port)?;
            if found.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What an image is built from.
#[derive(Debug)]
pub(super) struct Context {
    /// Of all of it, as it is before it is packed: a packer may change.
    pub digest: Digest,
    pub packed: Vec<u8>,
}

/// Lays out what an image is built from. `Err` says in a sentence why it cannot be.
pub(super) fn context(
    build: &BuildSpec,
    settings: &RegistrySettings,
    snapshot: &[u8],
    model: Vec<u8>,
) -> Result<Context, String> {
    for path in [&build.entry, &build.environment, &build.model_file] {
        if !dockerfile::is_plain(path) {
            return Err(format!("{path:?} has a sign in it that no image can be described with; rename the file"));
        }
    }
    let chosen = content::choose(build, snapshot)?;
    let entry = content::inside(&build.entry, "the scoring script")?;
    let environment = content::inside(&build.environment, "the dependency file")?;
    let model_file = content::inside(&build.model_file, "the model's file name")?;
    let dependencies = chosen.get(&environment).map(|file| Digest::of(&file.bytes));
    let dependencies = dependencies.ok_or("the dependency file is not in the snapshot")?;
    let text = dockerfile::scoring(build, &entry, &environment, &dependencies, settings);
    let mut files: BTreeMap<String, File> =
        chosen.into_iter().map(|(path, file)| (format!("app/{path}"), file)).collect();
    files.insert(format!("model/{model_file}"), File::plain(model));
    files.insert("Dockerfile".into(), File::plain(text));
    let size: usize = files.values().map(|file| file.bytes.len()).sum();
    if size > CONTEXT_MAX {
        let mib = |bytes: usize| bytes >> 20;
        return Err(format!("the image's content has {} MiB, and {} MiB are taken", mib(size), mib(CONTEXT_MAX)));
    }
    let unwritten = |error: std::io::Error| format!("the image's content cannot be packed: {error}");
    let tar = context::tar(&files).map_err(unwritten)?;
    drop(files);
    Ok(Context { digest: Digest::of(&tar), packed: context::packed(&tar).map_err(unwritten)? })
}

fn request(source: &str, names: &[String], abac: bool) -> Value {
    let mut request = json!({
        "type": "DockerBuildRequest",
        "imageNames": names,
        "isPushEnabled": true,
        "dockerFilePath": "Dockerfile",
        "platform": {"os": "Linux", "architecture": "amd64"},
        "sourceLocation": source,
        "timeout": BUILD_SECS,
    });
    if abac {
        request["credentials"] = json!({"sourceRegistry": {"identity": "[caller]"}});
    }
    request
}
