//! Where documents live. Keys sort so that a listing is newest first and no history is ever scanned.

use pipeline::names::{EnvironmentName, Project, RunId};

/// All runs, newest first.
pub const RUNS: &str = "runs/";
/// Runs that have not ended: what the sweep looks at.
pub const ACTIVE: &str = "active/";
/// Messages that nobody could handle.
pub const DEAD_LETTERS: &str = "dead-letters/";
/// All environments of all projects.
pub const ENVIRONMENTS: &str = "environments/";
/// All projects.
pub const PROJECTS: &str = "projects/";

/// All events that came in, newest first.
pub const EVENTS: &str = "events/";
/// What all projects take events from.
pub const WATCH_LIST: &str = "watch-list";

/// What was looked at of the deliveries of GitHub's webhooks, and what was asked for again.
pub const GITHUB_DELIVERIES: &str = "github-deliveries";

/// The record of an event.
#[must_use]
pub fn event(id: &RunId) -> String {
    format!("{EVENTS}{id}")
}

/// What is known of an event by its sender's name for it, which may be any text.
#[must_use]
pub fn event_name(name: &str) -> String {
    format!("event-names/{}", pipeline::names::Digest::of(name.as_bytes()).hex())
}

/// A run's document.
#[must_use]
pub fn run(id: &RunId) -> String {
    format!("{RUNS}{id}")
}

/// The mark of a run that has not ended.
#[must_use]
pub fn active(id: &RunId) -> String {
    format!("{ACTIVE}{id}")
}

/// What is known of a project: the next number, its branches.
#[must_use]
pub fn project(project: &Project) -> String {
    format!("{PROJECTS}{project}")
}

/// What was applied last of a project's infrastructure.
#[must_use]
pub fn infrastructure(project: &Project) -> String {
    format!("infrastructure/{project}")
}

/// A project's runs by number, newest first.
#[must_use]
pub fn numbers(project: &Project) -> String {
    format!("numbers/{project}/")
}

/// Which run has this number.
#[must_use]
pub fn number(project: &Project, number: u64) -> String {
    format!("numbers/{project}/{:012}", 999_999_999_999 - number.min(999_999_999_999))
}

/// Which run a cause has started. `cause` may be any text.
#[must_use]
pub fn cause(project: &Project, cause: &str) -> String {
    let digest = pipeline::names::Digest::of(cause.as_bytes());
    format!("causes/{project}/{}", digest.hex())
}

/// An environment's document.
#[must_use]
pub fn environment(project: &Project, environment: &EnvironmentName) -> String {
    pipeline::event::environment_key(project, environment)
}
