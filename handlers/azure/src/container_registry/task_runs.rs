//! Task runs: runs of the registry's tasks that have a name of ours.

use std::time::Duration;

use pipeline::names::Digest;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::SERVICE;
use super::registry::{Registry, order};
use crate::http::{Call, CallError, Kind, Right};
use crate::roles;

const START: Right = Right::role("start a run of the registry's tasks", roles::TASKS);
const LOOK: Right = Right::role("look at a run of the registry's tasks", roles::TASKS);
const CANCEL: Right = Right::role("cancel a run of the registry's tasks", roles::TASKS);

/// What was just made may not be found at once.
const LAG: Duration = Duration::from_secs(1);
/// Characters of a task run's name.
const NAME_MAX: usize = 50;

/// A task run as it is found.
#[derive(Debug)]
pub(super) struct TaskRun {
    /// The run's id; None: it is not known yet.
    pub run: Option<String>,
    pub state: State,
    /// The images that were asked for, as `<repository>:<tag>`.
    pub images: Vec<String>,
    /// The digest of what was pushed.
    pub digest: Option<Digest>,
}

/// How a run does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Running,
    Succeeded,
    /// With the service's word for it, and a sentence if it has one.
    Failed(String),
    Canceled,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    properties: Properties,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Properties {
    provisioning_state: String,
    run_request: Value,
    run_result: Option<Run>,
}

#[derive(Deserialize)]
struct Run {
    #[serde(default)]
    properties: RunProperties,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RunProperties {
    run_id: Option<String>,
    status: String,
    run_error_message: Option<String>,
    output_images: Option<Vec<OutputImage>>,
}

#[derive(Deserialize)]
struct OutputImage {
    digest: Option<String>,
}

impl Registry {
    /// Looks at a task run once. None: there is none.
    pub async fn look(&self, name: &str) -> Result<Option<TaskRun>, CallError> {
        let found = self.client.read::<Found>(Call::get(self.tasks(&["taskRuns", name]), &LOOK)).await;
        let properties = match found {
            Ok(found) => found.properties,
            Err(error) if error.kind == Kind::Gone && !is_of_registry(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let images = properties.run_request["imageNames"].as_array().into_iter().flatten();
        let images = images.filter_map(|image| image.as_str().map(str::to_owned)).collect();
        let mut run = properties.run_result.map(|run| run.properties).unwrap_or_default();
        if let (State::Running, Some(id)) = (run.state(), &run.run_id) {
            // The run itself knows best: the task run is told by it.
            match self.client.read::<Run>(Call::get(self.tasks(&["runs", id]), &LOOK)).await {
                Ok(now) => run = RunProperties { run_id: run.run_id, ..now.properties },
                Err(error) if error.kind == Kind::Gone => {}
                Err(error) => return Err(error),
            }
        }
        let state = match properties.provisioning_state.as_str() {
            word @ ("Failed" | "Canceled") if run.run_id.is_none() => {
                State::Failed(format!("the run could not be started: {word}"))
            }
            _ => run.state(),
        };
        let outputs = run.output_images.iter().flatten();
        let digest = outputs.filter_map(|image| image.digest.as_deref()?.parse().ok()).next();
        Ok(Some(TaskRun { run: run.run_id, state, images, digest }))
    }

    /// Looks at a task run that should be there: one that is not found is looked for again a moment later.
    pub async fn look_again(&self, name: &str) -> Result<Option<TaskRun>, CallError> {
        match self.look(name).await? {
            None => {
                tokio::time::sleep(LAG).await;
                self.look(name).await
            }
            found => Ok(found),
        }
    }

    /// Starts a run under a name that is not taken.
    pub async fn start(&self, name: &str, mut request: Value) -> Result<(), CallError> {
        if let Some(pool) = &self.settings.agent_pool {
            request["agentPoolName"] = pool.as_str().into();
        }
        if let Some(cores) = self.settings.cores {
            request["agentConfiguration"] = json!({"cpu": cores});
        }
        let body = json!({"properties": {"runRequest": request}});
        self.client.call(Call::send(Method::PUT, self.tasks(&["taskRuns", name]), body, &START)).await?;
        Ok(())
    }

    /// Ends a run. One that has ended or is unknown stays as it is.
    pub async fn cancel(&self, name: &str) -> Result<(), CallError> {
        let Some(TaskRun { run, state: State::Running, .. }) = self.look(name).await? else { return Ok(()) };
        let Some(run) = run else {
            let reason = format!("could not {}: {name} has not begun yet", CANCEL.action);
            return Err(CallError::unavailable(SERVICE, reason));
        };
        match self.client.call(order(self.tasks(&["runs", &run, "cancel"]), &CANCEL)).await {
            Ok(_) => Ok(()),
            // It may have ended between our two calls.
            Err(error) if matches!(error.status, 400 | 404 | 409) => match self.look(name).await? {
                Some(TaskRun { state: State::Running, .. }) => Err(error),
                _ => Ok(()),
            },
            Err(error) => Err(error),
        }
    }
}

impl RunProperties {
    fn state(&self) -> State {
        match self.status.as_str() {
            "Succeeded" => State::Succeeded,
            "Canceled" => State::Canceled,
            word @ ("Failed" | "Error" | "Timeout") => {
                State::Failed(match self.run_error_message.as_deref().map(str::trim) {
                    None | Some("") => word.to_owned(),
                    Some(message) => format!("{word}: {message}"),
                })
            }
            _ => State::Running,
        }
    }
}

/// Whether it is the registry that is not there, which settings are to blame for.
fn is_of_registry(error: &CallError) -> bool {
    matches!(error.code.as_str(), "ResourceGroupNotFound" | "SubscriptionNotFound" | "ParentResourceNotFound")
}

/// The name of a task run: letters, digits and `-` only, at most fifty, the same for the same name, and no other's. The
/// beginning is for people.
pub(super) fn task_run_name(kind: &str, name: &str) -> String {
    let hash = Digest::of(format!("{kind}/{name}").as_bytes());
    let room = NAME_MAX - kind.len() - "--".len() - 16;
    let plain = name.to_ascii_lowercase().replace('_', "-");
    format!("{kind}-{}-{}", plain[..plain.len().min(room)].trim_matches('-'), &hash.hex()[..16])
}
