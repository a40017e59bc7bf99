//! `build.complete`, in version 2.0 of the resource and in 1.0, which has the result as its status and the commit inside
//! of `sourceGetVersion`.

use serde_json::Value;

use super::Hook;
use crate::code::Code;
use crate::draft::{Draft, person};
use crate::fact::{Build, BuildResult, Fact, Host};
use crate::member::Object;
use crate::names::{Reference, object_id};
use crate::reading::Refusal;

pub(super) const RESULTS: &[(&str, BuildResult)] = &[
    ("succeeded", BuildResult::Succeeded),
    ("partiallySucceeded", BuildResult::PartiallySucceeded),
    ("failed", BuildResult::Failed),
    ("canceled", BuildResult::Canceled),
    // How version 1.0 says it.
    ("stopped", BuildResult::Canceled),
];

pub(super) fn read(hook: &Hook<'_>, resource: &Object<'_>, draft: &mut Draft) -> Result<Fact, Refusal> {
    let has_result = resource.maybe("result")?.is_some();
    let result = resource.choice(if has_result { "result" } else { "status" }, RESULTS)?;
    let definition = resource.maybe_object("definition")?;
    let (reference, commit) = source(resource)?;
    // A build of another version control system has neither; it is a build all the same.
    let commit = commit.and_then(|commit| object_id(commit).ok().flatten());
    let reference: Option<Reference> = reference.and_then(|reference| reference.parse().ok());
    let pull_request = match resource.maybe_object("triggerInfo")? {
        Some(trigger) => trigger.maybe_text("pr.number")?.and_then(|number| number.parse().ok()),
        None => None,
    };
    let project = match (resource.maybe_object("project")?, &definition) {
        (None, Some(definition)) => definition.maybe_object("project")?,
        (project, _) => project,
    };
    Ok(Fact::BuildCompleted(Build {
        id: resource.number("id")?,
        number: resource.maybe_named("buildNumber")?,
        result,
        definition_id: definition.as_ref().map(|definition| definition.number("id")).transpose()?,
        definition: match &definition {
            Some(definition) => draft.note(definition, "name")?,
            None => None,
        },
        pull_request: pull_request.or_else(|| reference.as_ref()?.pull_request()),
        reference,
        commit,
        repository: match resource.maybe_object("repository")? {
            Some(repository) => repository_of(hook, &repository)?,
            None => None,
        },
        project: hook.project(project)?,
        reason: resource.maybe_named("reason")?,
        requested_for: person(resource.maybe_object("requestedFor")?)?,
    }))
}

/// The reference and the commit that were built: `LG:refs/heads/main:<commit>` in version 1.0.
fn source<'a>(resource: &Object<'a>) -> Result<(Option<&'a str>, Option<&'a str>), Refusal> {
    if let Some(both) = resource.maybe_text("sourceGetVersion")? {
        let parts = both.strip_prefix("LG:").and_then(|both| both.rsplit_once(':'));
        return Ok(parts.map_or((None, None), |(reference, commit)| (Some(reference), Some(commit))));
    }
    Ok((resource.maybe_text("sourceBranch")?, resource.maybe_text("sourceVersion")?))
}

/// The repository of a build; its project is the build's when it is one of Azure Repos.
fn repository_of(hook: &Hook<'_>, repository: &Object<'_>) -> Result<Option<crate::fact::Repository>, Refusal> {
    let host = match repository.maybe("type")?.and_then(Value::as_str) {
        Some("TfsGit") => Host::AzureDevops,
        Some("GitHub") => Host::Github,
        _ => return Ok(None),
    };
    if repository.maybe("id")?.is_none() {
        return Err(Refusal { code: Code::ShapeMissing, ..repository.missing("id") });
    }
    Ok(Some(crate::fact::Repository { host, ..hook.repository(repository)? }))
}
