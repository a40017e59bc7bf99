//! Messages in the file.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension, Row};

use super::message::{DEAD_LETTER_ERROR_DESCRIPTION, DEAD_LETTER_REASON, DEAD_LETTER_SOURCE, Letter};
use super::recent::Recent;
use super::state::{Entry, Settlement, State};
use crate::database::{Change, DatabaseError, Reading};

pub(super) fn insert(change: &Change<'_>, letter: &Letter, body: &[u8]) -> Result<(), DatabaseError> {
    change.execute(
        "INSERT INTO messages (number, queue, id, session, enqueued_us, deliver_us, delivery_count, properties, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, NULL, ?7)",
        (
            letter.sequence_number,
            &letter.queue,
            &letter.message_id,
            &letter.session,
            letter.enqueued_at.as_microsecond(),
            letter.scheduled_for.map(Timestamp::as_microsecond),
            body,
        ),
    )?;
    Ok(())
}

/// Writes what became of a message. Answers the letter that a moved one has become.
pub(super) fn settle(
    change: &Change<'_>,
    settlement: &Settlement,
    recent: &Recent,
) -> Result<Option<Letter>, DatabaseError> {
    match settlement {
        Settlement::Counted { number, count } => {
            change.execute("UPDATE messages SET delivery_count = ?2 WHERE number = ?1", (number, count))?;
            Ok(None)
        }
        Settlement::Done(entry) => remove(change, entry, recent).map(|()| None),
        Settlement::Moved { entry, to, reason, description } => {
            let letter = moved(&entry.letter, to, reason, description, change.next_number());
            let properties =
                serde_json::to_string(&letter.properties).map_err(|error| DatabaseError::Refused(error.to_string()))?;
            change.execute(
                "INSERT INTO messages (number, queue, id, session, enqueued_us, deliver_us, delivery_count, properties, body)
                 SELECT ?1, ?2, id, NULL, ?3, NULL, 0, ?4, body FROM messages WHERE number = ?5",
                (
                    letter.sequence_number,
                    &letter.queue,
                    letter.enqueued_at.as_microsecond(),
                    properties,
                    entry.letter.sequence_number,
                ),
            )?;
            remove(change, entry, recent)?;
            Ok(Some(letter))
        }
    }
}

/// Forgets that old messages were ever sent.
pub(super) fn sweep(change: &Change<'_>, up_to: i64) -> Result<(), DatabaseError> {
    change.execute("DELETE FROM taken WHERE number <= ?1", [up_to])?;
    Ok(())
}

/// Removes a message, and keeps its id while a second one with it would be a duplicate.
fn remove(change: &Change<'_>, entry: &Entry, recent: &Recent) -> Result<(), DatabaseError> {
    let letter = &entry.letter;
    change.execute("DELETE FROM messages WHERE number = ?1", [letter.sequence_number])?;
    if recent.matters(letter.sequence_number) {
        change.execute(
            "INSERT OR IGNORE INTO taken (number, queue, id, enqueued_us) VALUES (?1, ?2, ?3, ?4)",
            (letter.sequence_number, &letter.queue, &letter.message_id, letter.enqueued_at.as_microsecond()),
        )?;
    }
    Ok(())
}

/// A message as it is in the queue that it was moved to. It has no session there: a dead letter holds nobody up.
fn moved(letter: &Letter, to: &str, reason: &str, description: &str, number: i64) -> Letter {
    let mut properties = letter.properties.clone();
    for (name, value) in [
        (DEAD_LETTER_REASON, reason),
        (DEAD_LETTER_ERROR_DESCRIPTION, description),
        (DEAD_LETTER_SOURCE, letter.queue.as_str()),
    ] {
        properties.insert(name.to_owned(), value.to_owned());
    }
    Letter {
        sequence_number: number,
        queue: to.to_owned(),
        message_id: letter.message_id.clone(),
        session: None,
        enqueued_at: Timestamp::now(),
        scheduled_for: None,
        properties,
        body: Bytes::new(),
    }
}

/// Finds all messages; bodies stay in the file until they are wanted.
pub(super) fn load(reading: &Reading<'_>, state: &mut State, now: Timestamp) -> Result<(), DatabaseError> {
    let mut select = reading.prepare(
        "SELECT number, queue, id, session, enqueued_us, deliver_us, delivery_count, properties
         FROM messages ORDER BY number",
    )?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (letter, delivery_count) = letter(row)?;
        state.add(letter, None, delivery_count, now);
    }
    Ok(())
}

fn letter(row: &Row<'_>) -> Result<(Letter, u32), DatabaseError> {
    let damaged = |what: String| DatabaseError::Corrupt(format!("a message has {what}"));
    let time = |us: i64| Timestamp::from_microsecond(us).map_err(|_| damaged(format!("the impossible time {us}")));
    let properties = match row.get::<_, Option<String>>(7)? {
        Some(text) => {
            serde_json::from_str(&text).map_err(|error| damaged(format!("unreadable properties: {error}")))?
        }
        None => BTreeMap::new(),
    };
    let letter = Letter {
        sequence_number: row.get(0)?,
        queue: row.get(1)?,
        message_id: row.get(2)?,
        session: row.get(3)?,
        enqueued_at: time(row.get(4)?)?,
        scheduled_for: row.get::<_, Option<i64>>(5)?.map(time).transpose()?,
        properties,
        body: Bytes::new(),
    };
    Ok((letter, row.get(6)?))
}

/// Finds the ids of all messages that were sent within the window, those that are done with too.
pub(super) fn load_recent(
    reading: &Reading<'_>,
    recent: &mut Recent,
    now: Timestamp,
    window: SignedDuration,
) -> Result<(), DatabaseError> {
    let mut select = reading.prepare(
        "SELECT number, queue, id, enqueued_us FROM messages WHERE enqueued_us > ?1
         UNION ALL SELECT number, queue, id, enqueued_us FROM taken WHERE enqueued_us > ?1
         ORDER BY number",
    )?;
    let since = now.saturating_sub(window).map_or(0, Timestamp::as_microsecond);
    let mut rows = select.query([since])?;
    while let Some(row) = rows.next()? {
        let (queue, id): (String, String) = (row.get(1)?, row.get(2)?);
        let at = Timestamp::from_microsecond(row.get(3)?).unwrap_or(now);
        recent.note(Recent::key(&queue, &id), row.get(0)?, at);
    }
    Ok(())
}

pub(super) fn body(reading: &Reading<'_>, number: i64) -> Result<Option<Bytes>, DatabaseError> {
    let mut select = reading.prepare("SELECT body FROM messages WHERE number = ?1")?;
    let body: Option<Vec<u8>> = select.query_row([number], |row| row.get(0)).optional()?;
    Ok(body.map(Bytes::from))
}
