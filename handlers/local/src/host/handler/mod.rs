//! The host's side of the handler: is it ready, and what does it answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use azure_functions::host::{Answer, BadAnswer};
use tokio::sync::watch;
use tracing::{debug, info, warn};
use uuid::Uuid;

use super::app::Entry;

mod client;
mod crashes;
mod launch;
mod probe;
mod supervise;

pub(super) use client::Client;
pub(super) use launch::{Launch, free_port};
pub(super) use supervise::{attend, supervise};

/// Invocations wait this long for a handler that starts: four times the time that it has to start.
const PATIENCE: Duration = Duration::from_secs(120);

/// How the handler stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandlerState {
    /// It has not answered yet.
    Starting,
    /// It answers.
    Ready {
        /// Its process, if the host started it.
        pid: Option<u32>,
    },
    /// It ended with code 0, after which the real host does not start it again either.
    Ended,
    /// The host has ended it.
    Stopped,
}

/// The handler.
pub(super) struct Handler {
    client: Client,
    state: watch::Sender<HandlerState>,
    timeout: Option<Duration>,
}

/// Why an invocation failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvokeError {
    #[error("the handler did not get ready within {PATIENCE:?}")]
    NotReady,
    #[error("the handler has ended with code 0, and is not started again: a handler must not end by itself")]
    Ended,
    #[error("the host is stopping")]
    Stopped,
    #[error("the handler hung up: {0}")]
    Connection(String),
    #[error("it did not end within `functionTimeout` ({0:?}); the host in Azure would kill the handler")]
    Timeout(Duration),
    #[error(transparent)]
    Answer(#[from] BadAnswer),
}

impl Handler {
    pub fn new(port: u16, timeout: Option<Duration>) -> Arc<Self> {
        let state = watch::Sender::new(HandlerState::Starting);
        Arc::new(Self { client: Client::new(port), state, timeout })
    }

    pub fn port(&self) -> u16 {
        self.client.port()
    }

    pub fn state(&self) -> HandlerState {
        *self.state.borrow()
    }

    pub fn states(&self) -> watch::Receiver<HandlerState> {
        self.state.subscribe()
    }

    fn set(&self, state: HandlerState) {
        self.state.send_replace(state);
    }

    /// Waits until the handler answers, for as long as that takes.
    pub async fn until_ready(&self) {
        if !matches!(self.state(), HandlerState::Ready { .. }) {
            let mut states = self.states();
            // It cannot fail: the sender lives as long as this.
            let _ = states.wait_for(|state| matches!(state, HandlerState::Ready { .. })).await;
        }
    }

    /// Asks the handler to run a function, and judges the answer.
    pub async fn invoke(&self, entry: &Entry, body: String) -> Result<Answer, InvokeError> {
        self.ready().await?;
        let id = Uuid::new_v4();
        let call = self.client.invoke(entry.path.clone(), id, body);
        let response = match self.timeout {
            None => call.await,
            Some(timeout) => tokio::time::timeout(timeout, call).await.map_err(|_| InvokeError::Timeout(timeout))?,
        };
        let response = response.map_err(|error| InvokeError::Connection(error.to_string()))?;
        let answer = Answer::read(response.status, response.content_type(), &response.body)?;
        for line in &answer.logs {
            info!(function.name = entry.name, invocation.id = %id, "{line}");
        }
        debug!(function.name = entry.name, invocation.id = %id, "Function `{}` succeeded", entry.name);
        Ok(answer)
    }

    async fn ready(&self) -> Result<(), InvokeError> {
        let is_settled = |state: &HandlerState| !matches!(state, HandlerState::Starting);
        let mut state = self.state();
        if !is_settled(&state) {
            let mut states = self.states();
            let settled = tokio::time::timeout(PATIENCE, states.wait_for(is_settled)).await;
            state = match settled {
                Ok(Ok(state)) => *state,
                Ok(Err(_)) | Err(_) => return Err(InvokeError::NotReady),
            };
        }
        match state {
            HandlerState::Starting | HandlerState::Ready { .. } => Ok(()),
            HandlerState::Ended => Err(InvokeError::Ended),
            HandlerState::Stopped => Err(InvokeError::Stopped),
        }
    }
}

/// Logs a failure, once, where its trigger handles it.
pub(super) fn report(entry: &Entry, error: &InvokeError, then: impl fmt::Display) {
    warn!(function.name = entry.name, "Function `{}` failed: {error}; {then}", entry.name);
}
