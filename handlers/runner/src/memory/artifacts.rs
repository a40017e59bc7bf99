//! Large objects in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use pipeline::names::Digest;

use super::world::World;
use super::{absent, lock, named};
use crate::ports::{Artifacts, Result};

/// Content-addressed objects in memory.
pub struct MemoryArtifacts {
    world: World,
    objects: Mutex<BTreeMap<Digest, Vec<u8>>>,
}

named!(MemoryArtifacts, "artifacts in memory");

impl MemoryArtifacts {
    pub(super) fn new(world: World) -> Self {
        Self { world, objects: Mutex::default() }
    }

    /// Keeps bytes past all faults.
    pub fn keep(&self, bytes: Vec<u8>) -> Digest {
        let digest = Digest::of(&bytes);
        let old = lock(&self.objects).insert(digest.clone(), bytes);
        self.world.tally.note("artifact", digest.as_str(), old.is_none());
        digest
    }
}

#[async_trait]
impl Artifacts for MemoryArtifacts {
    async fn put(&self, bytes: Vec<u8>) -> Result<Digest> {
        let faults = &self.world.faults;
        faults.around("artifacts.put", "", || Ok(self.keep(bytes)))
    }

    async fn get(&self, digest: &Digest) -> Result<Vec<u8>> {
        let faults = &self.world.faults;
        faults.around("artifacts.get", digest.as_str(), || {
            let objects = lock(&self.objects);
            let bytes = objects.get(digest).cloned();
            bytes.ok_or_else(|| absent(format_args!("artifact {digest}; was it ever put?")))
        })
    }
}
