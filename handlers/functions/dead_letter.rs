//! Dead letters: messages that nobody could handle. They are kept, shown, and sent again when a person says so.

use azure_functions::{Invocation, Outcome, ServiceBusMessage};
use jiff::Timestamp;
use pipeline::event::Message;
use pipeline::names::Digest;
use runner::keys;
use runner::ports::{Expect, Parcel, PortError, Result};
use serde::{Deserialize, Serialize};
use tracing::{error, warn};

use super::App;

/// How much of a body is kept.
const BODY_KEPT: usize = 256 * 1024;

/// A message that nobody could handle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// The message's id.
    pub id: String,
    /// The queue that it was in.
    pub queue: String,
    /// A word: `MaxDeliveryCountExceeded`, `NotHandled`.
    pub reason: String,
    /// A sentence.
    pub description: String,
    /// When it was given up.
    pub at: Timestamp,
    /// What was in it.
    pub body: String,
}

impl Letter {
    /// The run that it was for, if that can be told.
    pub fn run(&self) -> Option<String> {
        serde_json::from_str::<Message>(&self.body).ok().map(|message| message.run.to_string())
    }

    /// The name that people call it by.
    pub fn short(&self) -> String {
        Digest::of(format!("{}/{}", self.queue, self.id).as_bytes()).short().to_owned()
    }
}

/// Keeps what the bus gave up: all queues forward their dead letters to this function's.
pub async fn handle(app: App, invocation: Invocation) -> Outcome {
    let message = match invocation.service_bus_message() {
        Ok(message) => message,
        Err(error) => return Outcome::retry(format!("the host's envelope cannot be read: {error}")),
    };
    let properties = message.application_properties();
    let property = |name: &str| properties.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
    let source = message.dead_letter_source().map(|source| source.into_owned());
    let letter = Letter {
        id: message.message_id().map(|id| id.into_owned()).unwrap_or_default(),
        queue: source.filter(|source| !source.is_empty()).unwrap_or_else(|| property("DeadLetterSource")),
        reason: property("DeadLetterReason"),
        description: property("DeadLetterErrorDescription"),
        at: app.runner.ports().clock.now(),
        body: String::from_utf8_lossy(&message.body()).into_owned(),
    };
    error!("Message {} of {} was given up: {} {}", letter.id, letter.queue, letter.reason, letter.description);
    match keep(&app, &letter).await {
        Ok(()) => Outcome::success(),
        Err(error) => Outcome::retry(error),
    }
}

/// Keeps a message that can never be handled, and answers for it with success: failing it would only bring it back nine
/// times.
pub async fn give_up(app: &App, message: &ServiceBusMessage<'_>, queue: &str, reason: String) -> Outcome {
    let id = message.message_id().map(|id| id.into_owned()).unwrap_or_default();
    warn!("Kept message {id} of {queue} as a dead letter: {reason}");
    let letter = Letter {
        id,
        queue: queue.to_owned(),
        reason: "NotHandled".into(),
        description: reason.clone(),
        at: app.runner.ports().clock.now(),
        body: String::from_utf8_lossy(&message.body()).into_owned(),
    };
    // In a box: few messages come to this.
    match Box::pin(keep(app, &letter)).await {
        Ok(()) => Outcome::success().log(reason),
        Err(error) => Outcome::retry(error),
    }
}

/// Keeps a dead letter; the same one twice is kept once.
pub async fn keep(app: &App, letter: &Letter) -> Result<()> {
    let mut letter = letter.clone();
    if letter.body.len() > BODY_KEPT {
        let end = (0..=BODY_KEPT).rev().find(|&end| letter.body.is_char_boundary(end)).unwrap_or_default();
        letter.body.truncate(end);
    }
    let body = serde_json::to_vec(&letter).expect("a letter is plain data");
    let key = format!("{}{}", keys::DEAD_LETTERS, letter.short());
    app.runner.ports().store.put(&key, body, Expect::Anything).await.map(|_| ())
}

/// All dead letters.
pub async fn list(app: &App) -> Result<Vec<(String, Letter)>> {
    let store = &app.runner.ports().store;
    let mut letters = Vec::new();
    let mut after = None;
    loop {
        let page = store.list(keys::DEAD_LETTERS, after.as_deref(), 100).await?;
        for key in &page {
            let Some(document) = store.get(key).await? else { continue };
            let letter: Letter = serde_json::from_slice(&document.body)
                .map_err(|error| PortError::permanent("store", format!("{key} cannot be read: {error}")))?;
            letters.push((letter.short(), letter));
        }
        after = page.last().cloned();
        if after.is_none() {
            letters.sort_by_key(|(_, letter)| std::cmp::Reverse(letter.at));
            return Ok(letters);
        }
    }
}

/// Sends a dead letter to its queue again, under a new id so that the bus does not take it for a repeat. The message
/// inside keeps its own, so that what was done already is not done twice. None: there is no such letter.
pub async fn redrive(app: &App, name: &str) -> Result<Option<Letter>> {
    let ports = app.runner.ports();
    let Some((_, letter)) = list(app).await?.into_iter().find(|(short, letter)| short == name || letter.id == name)
    else {
        return Ok(None);
    };
    let parcel = Parcel {
        queue: letter.queue.clone(),
        id: format!("{}/redriven-{}", letter.id, ports.clock.now().as_millisecond()),
        session: None,
        deliver_at: None,
        body: letter.body.clone().into_bytes(),
    };
    ports.bus.send(vec![parcel]).await?;
    ports.store.delete(&format!("{}{}", keys::DEAD_LETTERS, letter.short())).await?;
    Ok(Some(letter))
}
