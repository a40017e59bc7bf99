//! Large objects as blobs named for their digest.

use async_trait::async_trait;
use pipeline::names::Digest;
use runner::ports::{Artifacts, PortError, Result};

use super::{BlobStorage, SERVICE};

fn name(digest: &Digest) -> String {
    format!("artifacts/sha256/{}", digest.hex())
}

#[async_trait]
impl Artifacts for BlobStorage {
    async fn put(&self, bytes: Vec<u8>) -> Result<Digest> {
        let (digest, bytes) = digested(bytes).await?;
        let name = name(&digest);
        // Blocks are sent before the service says that it has them already. A look saves that.
        if self.container.splits(bytes.len()) && self.container.has(&name).await? {
            return Ok(digest);
        }
        // What is there by this name has this content.
        self.container.write_once(&name, bytes).await?;
        Ok(digest)
    }

    async fn get(&self, digest: &Digest) -> Result<Vec<u8>> {
        let place = &self.container;
        let Some(blob) = place.read(&name(digest)).await? else {
            return Err(PortError::permanent(SERVICE, format!("there is no artifact {digest} in {place}")));
        };
        let (found, body) = digested(blob.body).await?;
        if found != *digest {
            let reason = format!("the artifact {digest} in {place} was changed: what is there has the digest {found}");
            return Err(PortError::permanent(SERVICE, reason));
        }
        Ok(body)
    }
}

/// Bytes and their digest. A large model takes a second, which other calls must not wait for.
async fn digested(bytes: Vec<u8>) -> Result<(Digest, Vec<u8>)> {
    let digested = tokio::task::spawn_blocking(move || (Digest::of(&bytes), bytes)).await;
    digested.map_err(|error| PortError::transient(SERVICE, format!("a digest was not computed: {error}")))
}
