//! Pods: what keeps them from running, and what they say.

use runner::ports::Result;
use serde::Deserialize;

use super::api::Object;
use super::objects::Meta;
use super::{Kubernetes, OF_DEPLOYMENT};
use crate::text;

/// Reasons to wait that do not go away by themselves, and what to look at.
const LASTING: [(&str, &str); 7] = [
    ("CrashLoopBackOff", "its log says why"),
    ("ImagePullBackOff", "check that the image is there, and that the cluster's kubelet identity has AcrPull"),
    ("ErrImagePull", "check that the image is there, and that the cluster's kubelet identity has AcrPull"),
    ("InvalidImageName", "check the settings of the registry"),
    ("CreateContainerConfigError", "check that the secret it names is there"),
    ("CreateContainerError", "the node says why"),
    ("RunContainerError", "the node says why"),
];
/// Characters of the cluster's own words.
const WORDS_MAX: usize = 300;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Pod {
    metadata: Meta,
    status: PodStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodStatus {
    conditions: Vec<Condition>,
    container_statuses: Vec<ContainerStatus>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Condition {
    r#type: String,
    status: String,
    reason: String,
    message: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ContainerStatus {
    name: String,
    restart_count: u64,
    ready: bool,
    state: State,
    last_state: State,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct State {
    waiting: Option<Waiting>,
    running: Option<serde_json::Value>,
    terminated: Option<Terminated>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Waiting {
    reason: String,
    message: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Terminated {
    exit_code: i64,
    reason: String,
}

impl Pod {
    /// Why it does not run, if it never will by itself.
    fn trouble(&self) -> Option<String> {
        let PodStatus { conditions, container_statuses } = &self.status;
        let unplaced =
            |it: &&Condition| it.r#type == "PodScheduled" && it.status == "False" && it.reason == "Unschedulable";
        if let Some(it) = conditions.iter().find(unplaced) {
            return Some(format!("no node has room for a pod: {}", text::first(&it.message, WORDS_MAX)));
        }
        container_statuses.iter().find_map(ContainerStatus::trouble)
    }

    /// Why it is not ready, where it runs.
    fn unready(&self) -> Option<String> {
        let is_unready = |it: &&ContainerStatus| it.state.running.is_some() && !it.ready;
        let container = self.status.container_statuses.iter().find(is_unready)?;
        Some(format!("the container {} runs, but does not answer its probe; its log says why", container.name))
    }
}

impl ContainerStatus {
    fn trouble(&self) -> Option<String> {
        let waiting = self.state.waiting.as_ref()?;
        let (_, advice) = LASTING.iter().find(|(reason, _)| waiting.reason == *reason)?;
        let said = match text::first(&waiting.message, WORDS_MAX) {
            said if said.is_empty() => String::new(),
            said => format!(": {said}"),
        };
        let ended = self.last_state.terminated.as_ref().map(|it| {
            let Terminated { exit_code, reason } = it;
            format!("; it ended with exit code {exit_code} ({reason}) and was restarted {} times", self.restart_count)
        });
        let ended = ended.unwrap_or_default();
        Some(format!("the container {} waits in {}{said}{ended}; {advice}", self.name, waiting.reason))
    }
}

impl Kubernetes {
    async fn pods(&self, deployment: &str) -> Result<Vec<Pod>> {
        self.list(Object::Pod, (OF_DEPLOYMENT, deployment)).await
    }

    /// What lasting trouble the pods of a Deployment have.
    pub(super) async fn trouble(&self, deployment: &str) -> Result<Option<String>> {
        Ok(self.pods(deployment).await?.iter().find_map(Pod::trouble))
    }

    /// Why the pods of a Deployment made no progress.
    pub(super) async fn why_stuck(&self, deployment: &str, said: &str) -> Result<String> {
        let pods = self.pods(deployment).await?;
        let why = pods.iter().find_map(Pod::trouble).or_else(|| pods.iter().find_map(Pod::unready));
        let within = self.settings.progress_deadline_secs;
        Ok(format!("it did not get healthy within {within} s: {}", why.as_deref().unwrap_or(said)))
    }

    /// The pod that has been there for longest. Its log is the Deployment's: a pod that comes later does not move it.
    pub(super) async fn oldest_pod(&self, deployment: &str) -> Result<Option<String>> {
        let key = |pod: &Pod| (pod.metadata.creation_timestamp.clone(), pod.metadata.name.clone());
        let oldest = self.pods(deployment).await?.into_iter().min_by_key(key);
        Ok(oldest.map(|pod| pod.metadata.name))
    }
}
