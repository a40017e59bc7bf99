//! Documents and messages under one lock.

use async_trait::async_trait;

use super::named;
use super::world::World;
use crate::ports::{Ledger, Parcel, Result, Write};

/// Commits documents and messages at once.
pub struct MemoryLedger(World);

named!(MemoryLedger, "documents and messages in memory");

impl MemoryLedger {
    pub(super) fn new(world: World) -> Self {
        Self(world)
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn commit(&self, writes: Vec<Write>, parcels: Vec<Parcel>) -> Result<Vec<String>> {
        let first = writes.first().map(|write| write.key.clone());
        let key = first.unwrap_or_default();
        self.0.faults.around("ledger.commit", &key, || {
            let mut books = self.0.books();
            let versions = books.write(writes)?;
            self.0.send(&mut books, parcels);
            Ok(versions)
        })
    }

    fn is_atomic(&self) -> bool {
        true
    }
}
