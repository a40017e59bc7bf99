//! Which messages were sent lately, so that a second one with the same id is dropped.

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

/// Half a digest of queue and id: small, and no two are the same in practice.
pub(super) type Key = [u8; 16];

#[derive(Debug)]
pub(super) struct Recent {
    window: SignedDuration,
    seen: HashMap<Key, i64>,
    /// As in `seen`, in the order of the message numbers. An entry that `seen` does not have was taken back.
    order: VecDeque<(Timestamp, i64, Key)>,
    /// Messages up to this number are no longer recent.
    past: i64,
    /// `past`, when the file was last rid of them.
    swept: i64,
}

impl Recent {
    pub fn new(window: SignedDuration) -> Self {
        Self { window, seen: HashMap::new(), order: VecDeque::new(), past: 0, swept: -1 }
    }

    pub fn key(queue: &str, id: &str) -> Key {
        let mut hash = Sha256::new();
        hash.update(queue);
        hash.update([0]);
        hash.update(id);
        let mut key = Key::default();
        key.copy_from_slice(&hash.finalize()[..16]);
        key
    }

    /// Whether one like it was noted within the window.
    pub fn has(&mut self, key: &Key, now: Timestamp) -> bool {
        while let Some(&(at, number, key)) = self.order.front()
            && now.duration_since(at) >= self.window
        {
            self.order.pop_front();
            self.past = self.past.max(number);
            if self.seen.get(&key) == Some(&number) {
                self.seen.remove(&key);
            }
        }
        self.seen.contains_key(key)
    }

    pub fn note(&mut self, key: Key, number: i64, at: Timestamp) {
        self.seen.insert(key, number);
        self.order.push_back((at, number, key));
    }

    /// Takes back what was not sent after all.
    pub fn forget(&mut self, key: &Key) {
        self.seen.remove(key);
    }

    /// Whether the file must still know of a message when it is settled.
    pub fn matters(&self, number: i64) -> bool {
        number > self.past
    }

    /// The number up to which the file may forget, now and then.
    pub fn sweep(&mut self) -> Option<i64> {
        // Rarely: it touches a page that no other write does.
        let worth_it = self.swept < 0 || self.past >= self.swept + 1000;
        worth_it.then(|| {
            self.swept = self.past;
            self.past
        })
    }
}
