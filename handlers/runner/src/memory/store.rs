//! Documents in memory.

use std::ops::Bound;

use async_trait::async_trait;

use super::named;
use super::world::World;
use crate::ports::{Document, Expect, Result, Store};

/// Versioned documents in memory.
pub struct MemoryStore(World);

named!(MemoryStore, "documents in memory");

impl MemoryStore {
    pub(super) fn new(world: World) -> Self {
        Self(world)
    }

    /// Reads a document past all faults.
    #[must_use]
    pub fn look(&self, key: &str) -> Option<Document> {
        self.0.books().documents.get(key).cloned()
    }

    /// All keys, past all faults.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.0.books().documents.keys().cloned().collect()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, key: &str) -> Result<Option<Document>> {
        self.0.faults.around("store.get", key, || Ok(self.look(key)))
    }

    async fn put(&self, key: &str, body: Vec<u8>, expect: Expect) -> Result<String> {
        self.0.faults.around("store.put", key, || self.0.books().put(key, body, &expect))
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.0.faults.around("store.delete", key, || {
            self.0.books().documents.remove(key);
            Ok(())
        })
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
        self.0.faults.around("store.list", prefix, || {
            let from = match after {
                Some(after) if after >= prefix => Bound::Excluded(after),
                _ => Bound::Included(prefix),
            };
            let books = self.0.books();
            let keys = books.documents.range::<str, _>((from, Bound::Unbounded)).map(|(key, _)| key);
            Ok(keys.take_while(|key| key.starts_with(prefix)).take(limit).cloned().collect())
        })
    }
}
