//! `check_run` and `check_suite`: somebody wants a check again, or pressed one of its buttons. That a check is new or done
//! is our own news.

use super::{Hook, unknown_event};
use crate::fact::{CheckAsk, CheckRequest, Fact};
use crate::member::Object;
use crate::reading::Refusal;

/// More pull requests than this have no head in common.
const MOST_PULL_REQUESTS: usize = 100;

pub(super) fn of_run(hook: &Hook<'_>) -> Result<Fact, Refusal> {
    let ask = match hook.action.as_deref() {
        Some("rerequested") => CheckAsk::Again,
        Some("requested_action") => CheckAsk::Button(hook.event.object("requested_action")?.name("identifier")?),
        other => return Err(unknown_event(&format!("check_run.{}", other.unwrap_or_default()))),
    };
    let run = hook.event.object("check_run")?;
    let request = CheckRequest {
        check: Some(run.number("id")?),
        name: run.maybe_named("name")?,
        external_id: run.maybe_named("external_id")?,
        ..request(hook, &run, ask)?
    };
    Ok(Fact::CheckRequested(request))
}

pub(super) fn of_suite(hook: &Hook<'_>) -> Result<Fact, Refusal> {
    match hook.action.as_deref() {
        Some("rerequested") => {
            let suite = hook.event.object("check_suite")?;
            Ok(Fact::CheckRequested(request(hook, &suite, CheckAsk::Again)?))
        }
        other => Err(unknown_event(&format!("check_suite.{}", other.unwrap_or_default()))),
    }
}

fn request(hook: &Hook<'_>, check: &Object<'_>, ask: CheckAsk) -> Result<CheckRequest, Refusal> {
    let mut pull_requests = Vec::new();
    let listed = check.maybe_list("pull_requests")?.unwrap_or_default();
    for (index, value) in listed.iter().take(MOST_PULL_REQUESTS).enumerate() {
        pull_requests.push(check.item("pull_requests", index, value)?.number("number")?);
    }
    Ok(CheckRequest {
        repository: hook.repository()?,
        ask,
        head: check.maybe_commit("head_sha")?.ok_or_else(|| check.missing("head_sha"))?,
        check: None,
        name: None,
        external_id: None,
        pull_requests,
        by: hook.sender()?,
    })
}
