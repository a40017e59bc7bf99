//! Notifications of Databricks jobs, as a web hook:
//! <https://learn.microsoft.com/azure/databricks/jobs/notifications>.
//!
//! They say that a run started or ended and nothing about it: `on_success` comes for runs in which some tasks failed,
//! too. Whoever needs the result asks for the run. Nothing signs them; the destination has a user and a password.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pipeline::names::Digest;

use crate::body::{self, Limits, Opened};
use crate::code::Code;
use crate::draft::Draft;
use crate::fact::{DatabricksRun, DatabricksState, Fact};
use crate::member::Object;
use crate::reading::{Envelope, Reading, Refusal, Sender};
use crate::signature::{self, SignatureError};
use crate::text::{self, quoted};

const STATES: [(&str, DatabricksState); 4] = [
    ("jobs.on_start", DatabricksState::Started),
    ("jobs.on_success", DatabricksState::Succeeded),
    ("jobs.on_failure", DatabricksState::Failed),
    ("jobs.on_duration_warning_threshold_exceeded", DatabricksState::Slow),
];

/// Checks the user and the password of a notification destination.
///
/// `expected` is `user:password` as the app's settings have it, `authorization` the header as it came (RFC 7617).
///
/// # Errors
///
/// Nothing is expected, nothing is shown, or it is something else.
pub fn verify(expected: Option<&str>, authorization: Option<&str>) -> Result<(), SignatureError> {
    let expected = expected.filter(|it| !it.is_empty()).ok_or(SignatureError::NoSecret)?;
    let (scheme, shown) =
        authorization.ok_or(SignatureError::Missing)?.split_once(' ').ok_or(SignatureError::Malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(SignatureError::Malformed);
    }
    let shown = STANDARD.decode(shown.trim()).map_err(|_| SignatureError::Malformed)?;
    signature::same(expected.as_bytes(), &shown)
}

/// Reads a notification.
#[must_use]
pub fn read(body: &[u8], limits: Limits) -> Vec<Reading> {
    body::read(body, limits, |Opened { value, remarks }| {
        let event = Object::top(&value).and_then(|event| {
            let kind = event.name("event_type")?;
            let run = match event.maybe_object("run")? {
                Some(run) => run.maybe_named("run_id")?,
                None => None,
            };
            let workspace = event.maybe_named("workspace_id")?.unwrap_or_default();
            let envelope = Envelope {
                sender: Sender::Databricks,
                // A run says each thing once; an event has no id of its own. Each workspace numbers its runs itself.
                id: match &run {
                    Some(run) => format!("{kind}/{workspace}/{run}"),
                    None => Digest::of(value.to_string().as_bytes()).to_string(),
                },
                source: workspace,
                kind,
                at: None,
                subject: None,
            };
            Ok((event, envelope))
        });
        let (event, envelope) = match event {
            Ok(event) => event,
            Err(refusal) => return vec![refusal.into_reading(None, || Some(text::part(&value)))],
        };
        let fact = fact(&event, &envelope.kind);
        Draft::new(envelope, remarks).finish(fact.map(Some), &value)
    })
}

fn fact(event: &Object<'_>, kind: &str) -> Result<Fact, Refusal> {
    let state = STATES.into_iter().find(|(known, _)| *known == kind).map(|(_, state)| state);
    let unknown = || Refusal::ignore(Code::EventUnknownType, format!("nobody waits for {}", quoted(kind)));
    let state = state.ok_or_else(unknown)?;
    let run = event.object("run")?;
    let job = event.maybe_object("job")?;
    let (job, job_name) = match job {
        Some(job) => (job.maybe_named("job_id")?, job.maybe_named("name")?),
        None => (None, None),
    };
    Ok(Fact::DatabricksRunChanged(DatabricksRun {
        workspace: event.name("workspace_id")?,
        run: run.name("run_id")?,
        state,
        job,
        job_name,
        task: match event.maybe_object("task")? {
            Some(task) => Some(task.name("task_key")?),
            None => None,
        },
        parent_run: run.maybe_named("parent_run_id")?,
    }))
}

#[cfg(test)]
mod tests;
