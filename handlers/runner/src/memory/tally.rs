//! What was done to the world, counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::lock;

/// Counts effects by kind (`job`, `version`, `image`, `deployment`, `message`) and key. Repeats that a backend
/// recognised are counted as asked, not as applied.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    applied: BTreeMap<&'static str, BTreeMap<String, usize>>,
    asked: BTreeMap<&'static str, BTreeMap<String, usize>>,
}

impl Tally {
    /// How often the world really changed, by key.
    #[must_use]
    pub fn applied(&self, kind: &str) -> BTreeMap<String, usize> {
        lock(&self.0).applied.get(kind).cloned().unwrap_or_default()
    }

    /// How often it was asked to, by key.
    #[must_use]
    pub fn asked(&self, kind: &str) -> BTreeMap<String, usize> {
        lock(&self.0).asked.get(kind).cloned().unwrap_or_default()
    }

    /// Everything that happened more than once: `deployment d-r1-qa: 2 times`. Empty on a good day.
    #[must_use]
    pub fn twice(&self) -> Vec<String> {
        let counts = lock(&self.0);
        let all =
            counts.applied.iter().flat_map(|(kind, keys)| keys.iter().map(move |(key, times)| (kind, key, times)));
        all.filter(|(_, _, times)| **times > 1)
            .map(|(kind, key, times)| format!("{kind} {key}: {times} times"))
            .collect()
    }

    /// Notes that something was asked for, and whether the world changed.
    pub(super) fn note(&self, kind: &'static str, key: &str, applied: bool) {
        let mut counts = lock(&self.0);
        let counts = &mut *counts;
        count(&mut counts.asked, kind, key);
        if applied {
            count(&mut counts.applied, kind, key);
        }
    }
}

fn count(counts: &mut BTreeMap<&'static str, BTreeMap<String, usize>>, kind: &'static str, key: &str) {
    *counts.entry(kind).or_default().entry(key.to_owned()).or_default() += 1;
}
