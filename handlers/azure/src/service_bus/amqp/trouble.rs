//! What the service says when it does not take a message, and what that means.
//!
//! Source: [AMQP errors in Azure Service Bus](https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-troubleshoot).

use std::fmt::Display;

use fe2o3_amqp::connection::{ConnectionStopReason, OpenError};
use fe2o3_amqp::link::{DetachError, LinkStateError, SendError, SenderAttachError, SessionStopReason};
use fe2o3_amqp::session::BeginError;
use fe2o3_amqp_management::error::Error as TokenError;
use fe2o3_amqp_types::definitions::{Error, ErrorCondition};
use fe2o3_amqp_types::primitives::Symbol;

use super::link::Failure;
use crate::http::{CallError, Kind};
use crate::service_bus::SERVICE;
use crate::text;

/// The service is throttling us.
pub(super) const BUSY: &str = "com.microsoft:server-busy";
/// A message, or a batch, that breaks a rule of its queue.
pub(super) const NOT_ALLOWED: &str = "amqp:not-allowed";

/// Characters of the service's own words that are passed on.
const WORDS_MAX: usize = 300;

/// By the service's own word for it.
fn of_condition(error: &Error) -> CallError {
    let code = condition(&error.condition);
    let kind = match code.as_str() {
        "amqp:not-found" | "com.microsoft:messaging-entity-not-found" => Kind::Gone,
        "amqp:unauthorized-access" | "com.microsoft:auth-failed" => Kind::NotKnown,
        NOT_ALLOWED
        | "amqp:decode-error"
        | "amqp:invalid-field"
        | "amqp:link:message-size-exceeded"
        | "amqp:not-implemented"
        | "amqp:precondition-failed"
        | "com.microsoft:argument-error"
        | "com.microsoft:argument-out-of-range"
        | "com.microsoft:entity-disabled" => Kind::Refused,
        _ => Kind::Unavailable,
    };
    let said = error.description.as_deref().unwrap_or("without a word");
    let mut error = failed(kind, &format!("{code}, {}", text::first(said, WORDS_MAX)));
    error.code = code;
    error
}

/// A message that was refused.
pub(super) fn of_refusal(error: Option<Error>) -> CallError {
    error.as_ref().map_or_else(|| failed(Kind::Refused, &"refused without a word"), of_condition)
}

/// A link that failed while it was used. `Refused` is only what the service said about this message: a link may be ended
/// for many reasons, and the next one may be better.
pub(super) fn of_send(error: SendError) -> CallError {
    match error {
        SendError::LinkStateError(
            LinkStateError::RemoteDetachedWithError(error) | LinkStateError::RemoteClosedWithError(error),
        )
        | SendError::Detached(
            DetachError::RemoteDetachedWithError(error) | DetachError::RemoteClosedWithError(error),
        ) => of_condition(&error),
        SendError::LinkStateError(LinkStateError::SessionStopped(reason))
        | SendError::Detached(DetachError::SessionStopped(reason)) => of_session(&reason),
        SendError::MessageSizeExceeded(_) | SendError::MessageEncodeError => failed(Kind::Refused, &error),
        other => failed(Kind::Unavailable, &other),
    }
}

/// A link that could not be begun.
pub(super) fn of_attach(error: SenderAttachError) -> Failure {
    match error {
        SenderAttachError::RemoteClosedWithError(error) => {
            let error = of_condition(&error);
            match error.kind {
                Kind::Unavailable => Failure::of_line(error),
                _ => Failure::of_answer(error),
            }
        }
        SenderAttachError::SessionStopped(reason) => Failure::of_line(of_session(&reason)),
        other => Failure::of_line(failed(Kind::Unavailable, &other)),
    }
}

/// A connection that could not be opened.
pub(super) fn of_open(error: &OpenError, host: &str) -> CallError {
    match error {
        OpenError::RemoteClosedWithError(error) => of_condition(error),
        other => CallError::unavailable(SERVICE, format!("could not connect to {host}: {other}")),
    }
}

/// A session that could not be begun.
pub(super) fn of_begin(error: &BeginError) -> CallError {
    match error {
        BeginError::RemoteEndedWithError(error)
        | BeginError::ConnectionStopped(ConnectionStopReason::RemoteClosedWithError(error)) => no_fault(error),
        other => failed(Kind::Unavailable, other),
    }
}

/// A connection that is not there any more.
pub(super) fn ended() -> CallError {
    failed(Kind::Unavailable, &"the connection has ended")
}

/// A link whose session is not there any more.
pub(super) fn of_end(error: DetachError) -> CallError {
    match error {
        DetachError::SessionStopped(reason) => of_session(&reason),
        _ => ended(),
    }
}

/// A token that was not taken.
pub(super) fn of_token(error: TokenError) -> Failure {
    let TokenError::Status(status) = &error else {
        return Failure::of_line(failed(Kind::Unavailable, &format!("no token could be put: {error}")));
    };
    let code = status.code.0.get();
    let kind = match code {
        401 | 403 => Kind::NotKnown,
        404 | 410 => Kind::Gone,
        400 => Kind::Refused,
        _ => Kind::Unavailable,
    };
    let said = status.description.as_deref().unwrap_or("without a word");
    let mut error = failed(kind, &format!("the token was answered with {code}, {}", text::first(said, WORDS_MAX)));
    error.code = code.to_string();
    match kind {
        Kind::Unavailable => Failure::of_line(error),
        _ => Failure::of_answer(error),
    }
}

fn of_session(reason: &SessionStopReason) -> CallError {
    match reason {
        SessionStopReason::EndedWithError(error)
        | SessionStopReason::RemoteEndedWithError(error)
        | SessionStopReason::ConnectionStopped(
            ConnectionStopReason::ClosedWithError(error) | ConnectionStopReason::RemoteClosedWithError(error),
        ) => no_fault(error),
        _ => ended(),
    }
}

/// The end of a connection is nobody's fault, whatever is said: what counts is what the next one says.
fn no_fault(error: &Error) -> CallError {
    let mut error = of_condition(error);
    error.kind = Kind::Unavailable;
    error
}

fn failed(kind: Kind, why: &dyn Display) -> CallError {
    CallError::without_answer(kind, SERVICE, format!("could not send a message: {why}"))
}

fn condition(condition: &ErrorCondition) -> String {
    let symbol = match condition {
        ErrorCondition::AmqpError(error) => Symbol::from(error),
        ErrorCondition::ConnectionError(error) => Symbol::from(error),
        ErrorCondition::SessionError(error) => Symbol::from(error),
        ErrorCondition::LinkError(error) => Symbol::from(error),
        ErrorCondition::Custom(symbol) => symbol.clone(),
    };
    symbol.into_inner()
}
