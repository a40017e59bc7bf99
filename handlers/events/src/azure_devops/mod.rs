//! Service hooks of Azure DevOps, delivered through Service Bus or as a web hook; the body is the same.
//!
//! The events are those of <https://learn.microsoft.com/azure/devops/service-hooks/events>, the types those of
//! <https://learn.microsoft.com/rest/api/azure/devops/>. Nothing signs a body: whoever may send to the queue, or knows
//! the web hook's password, is believed. Facts come from `resource` alone. `message` is prose that anybody who names a
//! branch can write, and `sessionToken` is a credential that is not read.

mod approval;
mod build;
mod pipeline_run;
mod pull_request;
mod push;

use pipeline::names::Digest;
use serde_json::Value;

use crate::body::{self, Limits, Opened};
use crate::code::Code;
use crate::draft::{self, Draft};
use crate::fact::{Fact, Host, Project, Repository};
use crate::member::Object;
use crate::reading::{Envelope, Reading, Refusal, Sender};
use crate::text;

/// Reads the body of a service hook, however it was wrapped on its way.
#[must_use]
pub fn read(body: &[u8], limits: Limits) -> Vec<Reading> {
    body::read(body, limits, event)
}

fn event(opened: Opened) -> Vec<Reading> {
    let Opened { value, mut remarks } = opened;
    let hook = match Hook::read(&value) {
        Ok(hook) => hook,
        Err(refusal) => return vec![refusal.into_reading(None, || Some(text::part(&value)))],
    };
    let at = match draft::time(&hook.event, "createdDate", &mut remarks) {
        Ok(at) => at,
        Err(refusal) => return vec![refusal.into_reading(None, || Some(text::part(&value)))],
    };
    let envelope = Envelope {
        sender: Sender::AzureDevops,
        id: hook.id.clone(),
        kind: hook.kind.clone(),
        source: hook.organization.clone().unwrap_or_default(),
        at,
        subject: None,
    };
    let mut draft = Draft::new(envelope, remarks);
    if !hook.has_id {
        draft.remark(Code::EventNoId, "the event has no id; the digest of what it says has to do");
    }
    let fact = fact(&hook, &mut draft);
    draft.finish(fact, &value)
}

fn fact(hook: &Hook<'_>, draft: &mut Draft) -> Result<Option<Fact>, Refusal> {
    // The reference of 2025 prints `azure-devops` where every subscription says `vss`.
    let kind = hook.kind.replacen("ms.azure-devops-", "ms.vss-", 1);
    let resource = || hook.event.object("resource");
    match kind.as_str() {
        "git.push" => push::read(hook, &resource()?, draft),
        "git.pullrequest.created" | "git.pullrequest.updated" | "git.pullrequest.merged" => {
            pull_request::read(hook, &resource()?, draft).map(Some)
        }
        "build.complete" => build::read(hook, &resource()?, draft).map(Some),
        "ms.vss-pipelines.run-state-changed-event" => pipeline_run::read(hook, &resource()?).map(Some),
        "ms.vss-release.deployment-approval-completed-event" | "ms.vss-release.deployment-approval-pending-event" => {
            approval::of_release(hook, &resource()?, draft).map(Some)
        }
        "ms.vss-pipelinechecks-events.approval-completed" | "ms.vss-pipelinechecks-events.approval-pending" => {
            approval::of_check(hook, &resource()?, draft).map(Some)
        }
        unknown => Err(Refusal::ignore(Code::EventUnknownType, format!("nobody waits for {}", text::quoted(unknown)))),
    }
}

/// What every service hook says.
struct Hook<'a> {
    event: Object<'a>,
    kind: String,
    id: String,
    has_id: bool,
    organization: Option<String>,
    project: Option<String>,
}

impl<'a> Hook<'a> {
    fn read(value: &'a Value) -> Result<Self, Refusal> {
        let event = Object::top(value)?;
        let kind = event.name("eventType")?;
        let id = event.maybe_name("id")?;
        let (has_id, id) = match id {
            Some(id) => (true, id),
            None => (false, Digest::of(value.to_string().as_bytes()).to_string()),
        };
        let containers = event.maybe_object("resourceContainers")?;
        let container = |name: &str| match &containers {
            Some(containers) => containers.maybe_object(name),
            None => Ok(None),
        };
        let organization = match container("collection")? {
            Some(collection) => collection.maybe_text("baseUrl")?.and_then(organization),
            None => None,
        };
        let project = match container("project")? {
            Some(project) => project.maybe_named("id")?,
            None => None,
        };
        Ok(Self { event, kind, id, has_id, organization, project })
    }

    /// The project that an event belongs to; the resource itself may say more than its container.
    fn project(&self, resource: Option<Object<'_>>) -> Result<Option<Project>, Refusal> {
        let Some(project) = resource else { return Ok(self.project.clone().map(|id| Project { id, name: None })) };
        let name = project.maybe_named("name")?;
        Ok(project.maybe_named("id")?.or_else(|| self.project.clone()).map(|id| Project { id, name }))
    }

    fn repository(&self, repository: &Object<'_>) -> Result<Repository, Refusal> {
        Ok(Repository {
            host: Host::AzureDevops,
            id: repository.name("id")?.to_ascii_lowercase(),
            name: repository.maybe("name")?.and_then(Value::as_str).map(|name| text::shown(name, text::QUOTE).0),
            project: self.project(repository.maybe_object("project")?)?,
            organization: self.organization.clone(),
            default_branch: repository.maybe_parsed("defaultBranch", Code::RefInvalid)?,
            installation: None,
        })
    }
}

/// The organisation in the address of a collection: `https://dev.azure.com/{it}/`, `https://{it}.visualstudio.com/`.
/// A server of one's own has none.
fn organization(address: &str) -> Option<String> {
    let address = address.strip_prefix("https://")?;
    let (host, path) = address.split_once('/').unwrap_or((address, ""));
    let name = match host.strip_suffix(".visualstudio.com") {
        Some(name) => name,
        None if host == "dev.azure.com" => path.split('/').next()?,
        None => return None,
    };
    let valid = (1..=50).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    valid.then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
