//! One queue in memory.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tokio::sync::Notify;

/// The numbers of a queue's messages, lowest first.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// All of them.
    pub members: BTreeSet<i64>,
    /// Those that may be handed out now.
    pub ready: BTreeSet<i64>,
    pub locked: usize,
    pub scheduled: usize,
    /// Only sessions that have messages.
    sessions: HashMap<String, Session>,
    /// Wakes one receiver.
    pub arrived: Arc<Notify>,
}

/// Messages that are handed out one after the other.
#[derive(Debug, Default)]
struct Session {
    /// The one whose turn it is: ready or locked.
    head: Option<i64>,
    /// Those behind it.
    waiting: BTreeSet<i64>,
}

impl Queue {
    /// Makes a message available, or puts it behind others of its session.
    pub fn offer(&mut self, number: i64, session: Option<&str>) {
        match session {
            None => {
                self.ready.insert(number);
            }
            Some(name) => {
                let session = self.sessions.entry(name.to_owned()).or_default();
                session.waiting.insert(number);
                // One that was scheduled earlier, or was given back, goes before the one that is only ready.
                if let Some(head) = session.head
                    && number < head
                    && self.ready.remove(&head)
                {
                    session.waiting.insert(head);
                    session.head = None;
                }
                self.next_of(name);
            }
        }
        if !self.ready.is_empty() {
            self.arrived.notify_one();
        }
    }

    /// Takes a message out, wherever it is; another of its session may have its turn.
    pub fn withdraw(&mut self, number: i64, session: Option<&str>) {
        self.ready.remove(&number);
        if let Some(name) = session
            && let Some(session) = self.sessions.get_mut(name)
        {
            session.waiting.remove(&number);
            if session.head == Some(number) {
                session.head = None;
            }
            self.next_of(name);
        }
    }

    fn next_of(&mut self, name: &str) {
        let Some(session) = self.sessions.get_mut(name) else {
            return;
        };
        if session.head.is_some() {
            return;
        }
        match session.waiting.pop_first() {
            Some(number) => {
                session.head = Some(number);
                self.ready.insert(number);
                self.arrived.notify_one();
            }
            None => {
                self.sessions.remove(name);
            }
        }
    }
}
