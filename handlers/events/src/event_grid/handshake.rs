//! The two ways in which Event Grid asks whether a web hook wants its events.
//!
//! With its own envelope it posts a [validation
//! event](https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema), whose code has to
//! be sent back with status 200. With CloudEvents it sends `OPTIONS`, as the [specification of web
//! hooks](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md) says, and headers are the answer.
//! Both are answered for what we expect, or a stranger could point his events at us.

use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::reading::Refusal;
use crate::text::quoted;

/// Where Event Grid says it comes from.
pub const ORIGIN: &str = "eventgrid.azure.net";

/// The body that answers a validation event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidationAnswer {
    /// The event's code.
    pub validation_response: String,
}

/// Answers a validation event.
///
/// `code` is that of [`crate::Fact::SubscriptionValidation`]; `subscription` is the header `aeg-subscription-name`, which
/// comes in upper case; `expected` are the subscriptions that we made.
///
/// # Errors
///
/// A [`Refusal`] when the subscription is none of the expected ones.
pub fn answer_validation(
    code: &str,
    subscription: Option<&str>,
    expected: &[impl AsRef<str>],
) -> Result<ValidationAnswer, Refusal> {
    let name = subscription.unwrap_or_default();
    if expected.iter().any(|expected| !name.is_empty() && expected.as_ref().eq_ignore_ascii_case(name)) {
        return Ok(ValidationAnswer { validation_response: code.to_owned() });
    }
    let reason = format!("nobody here made a subscription {}", quoted(name));
    Err(Refusal::quarantine(Code::ValidationNotExpected, reason))
}

/// The headers of an answer to `OPTIONS`.
pub type Headers = [(&'static str, String); 3];

/// Answers `OPTIONS`. The status says nothing; the headers are the consent. A refusal is status 405 without them.
///
/// `origin` is the header `WebHook-Request-Origin`; `allowed` are the origins that we expect, [`ORIGIN`] mostly.
///
/// # Errors
///
/// A [`Refusal`] when the origin is none of the allowed ones.
pub fn answer_options(origin: Option<&str>, allowed: &[impl AsRef<str>]) -> Result<Headers, Refusal> {
    let origin = origin.unwrap_or_default();
    let known = allowed.iter().map(AsRef::as_ref).find(|allowed| allowed.eq_ignore_ascii_case(origin));
    let refuse = || {
        let reason = format!("nobody expects events from {}", quoted(origin));
        Refusal::quarantine(Code::ValidationNotExpected, reason)
    };
    let known = known.ok_or_else(refuse)?;
    Ok([
        ("Allow", "OPTIONS, POST".to_owned()),
        ("WebHook-Allowed-Origin", known.to_owned()),
        ("WebHook-Allowed-Rate", "*".to_owned()),
    ])
}
