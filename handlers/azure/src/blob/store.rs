//! Documents as blobs.

use async_trait::async_trait;
use runner::ports::{Document, Expect, PortError, Result, Store};

use super::container::Condition;
use super::{BlobStorage, SERVICE};

/// Below it are the documents, by their keys.
const DOCUMENTS: &str = "documents/";

fn name(key: &str) -> String {
    format!("{DOCUMENTS}{key}")
}

#[async_trait]
impl Store for BlobStorage {
    async fn get(&self, key: &str) -> Result<Option<Document>> {
        let blob = self.container.read(&name(key)).await?;
        Ok(blob.map(|blob| Document { version: blob.version, body: blob.body }))
    }

    async fn put(&self, key: &str, body: Vec<u8>, expect: Expect) -> Result<String> {
        let condition = match expect {
            Expect::Absent => Condition::Absent,
            Expect::Version(version) => Condition::Version(version),
            Expect::Anything => Condition::None,
        };
        let written = self.container.write(&name(key), body, condition).await?;
        written.ok_or_else(|| PortError::conflict(SERVICE, key))
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.container.remove(&name(key)).await
    }

    /// One request a page. The service begins at `after`, which it lists again if it is still there; the emulator does not
    /// know how to, and begins at the first key of the prefix.
    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
        // The service takes only a start that the prefix has room for.
        let is_behind = after.is_some_and(|after| after > prefix && !after.starts_with(prefix));
        if limit == 0 || is_behind {
            return Ok(Vec::new());
        }
        let after = after.filter(|after| after.starts_with(prefix));
        let start = after.map(name);
        let (mut keys, mut marker) = (Vec::new(), None);
        loop {
            // One more, for the start itself.
            let wanted = (limit - keys.len()).saturating_add(usize::from(start.is_some()));
            let page = self.container.page(&name(prefix), start.as_deref(), marker, wanted).await?;
            let found = page.blobs.iter().filter_map(|(name, _)| name.strip_prefix(DOCUMENTS));
            let found = found.filter(|key| after.is_none_or(|after| *key > after));
            keys.extend(found.take(limit - keys.len()).map(str::to_owned));
            match page.marker {
                Some(next) if keys.len() < limit => marker = Some(next),
                _ => return Ok(keys),
            }
        }
    }
}
