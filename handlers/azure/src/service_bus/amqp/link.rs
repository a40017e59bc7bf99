//! A link to a queue.

use std::sync::{Arc, PoisonError};

use fe2o3_amqp::Sender;
use fe2o3_amqp::link::ErrorRecovery;
use fe2o3_amqp_types::messaging::Outcome;
use fe2o3_amqp_types::primitives::{Symbol, Value};
use jiff::Timestamp;
use tokio::sync::Mutex;

use super::line::{Line, Watch};
use super::load::{Limits, Load};
use super::trouble;
use crate::credential::Token;
use crate::http::CallError;
use crate::service_bus::SERVICE;

/// The smallest tier's, where a link does not say what it takes.
const MESSAGE_BYTES_MAX: usize = 256 << 10;
/// A batch is not larger than this, also where one message may be.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// What a link says about batches.
const BATCH_SIZE: &str = "com.microsoft:max-message-batch-size";

/// A link to a queue, and the connection that it is on.
pub(super) struct Link {
    /// Before the connection, so that it ends first.
    sender: Mutex<Sender>,
    session: Watch,
    limits: Limits,
    token: std::sync::Mutex<Token>,
    line: Arc<Line>,
}

/// Why a try was none, and what it leaves behind.
#[derive(Debug)]
pub(super) struct Failure {
    pub error: CallError,
    pub hurt: Hurt,
}

/// What cannot be used any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hurt {
    Nothing,
    Link,
    Line,
}

impl Failure {
    /// The service has said no, and all is as it was.
    pub fn of_answer(error: CallError) -> Self {
        Self { error, hurt: Hurt::Nothing }
    }

    /// The connection is broken.
    pub fn of_line(error: CallError) -> Self {
        Self { error, hurt: Hurt::Line }
    }

    /// Somebody else broke off in the middle.
    pub fn interrupted() -> Self {
        Self::of_line(CallError::unavailable(SERVICE, "the connection was given up while it was made".into()))
    }
}

impl Link {
    pub fn new(line: Arc<Line>, (sender, session): (Sender, Watch), token: Token) -> Self {
        let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let message_bytes = sender.max_message_size().map_or(MESSAGE_BYTES_MAX, bytes);
        let batch_bytes = sender.properties(|properties| {
            let size = properties.as_ref().and_then(|properties| properties.get(&Symbol::from(BATCH_SIZE)));
            match size {
                Some(Value::Ulong(size)) => bytes(*size),
                Some(Value::Uint(size)) => bytes(u64::from(*size)),
                Some(Value::Long(size)) => bytes(u64::try_from(*size).unwrap_or_default()),
                Some(Value::Int(size)) => bytes(u64::try_from(*size).unwrap_or_default()),
                _ => BATCH_BYTES_MAX,
            }
        });
        let limits = Limits { message_bytes, batch_bytes: batch_bytes.min(message_bytes) };
        Self { sender: Mutex::new(sender), session, limits, token: std::sync::Mutex::new(token), line }
    }

    pub fn line(&self) -> &Arc<Line> {
        &self.line
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Whether the service lets us send over it for some time to come.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).is_good(now)
    }

    /// The service knows this token now.
    pub fn renewed(&self, token: Token) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }

    /// One transfer, and what the service makes of it. Others send meanwhile.
    pub async fn send(&self, load: &Load) -> Result<(), Failure> {
        let on_its_way = async {
            let mut sender = self.sender.lock().await;
            match load {
                Load::Single(message) => sender.send_batchable_ref(message).await,
                Load::Batch { message, .. } => sender.send_batchable_ref(message).await,
            }
        };
        let outcome = async { on_its_way.await?.await };
        let Some(outcome) = self.session.unless_ended(outcome).await else {
            // The link knows why.
            let why = self.sender.lock().await.on_detach().await;
            return Err(Failure::of_line(trouble::of_end(why)));
        };
        let outcome = outcome.map_err(|error| {
            let hurt = match error.recovery() {
                ErrorRecovery::UseLink => Hurt::Nothing,
                ErrorRecovery::ReattachLink | ErrorRecovery::NewLink => Hurt::Link,
                _ => Hurt::Line,
            };
            Failure { error: trouble::of_send(error), hurt }
        })?;
        match outcome {
            Outcome::Accepted(_) => Ok(()),
            Outcome::Rejected(rejected) => Err(Failure::of_answer(trouble::of_refusal(rejected.error))),
            other => {
                let reason = format!("a message was given back: {other:?}");
                Err(Failure::of_answer(CallError::unavailable(SERVICE, reason)))
            }
        }
    }
}
