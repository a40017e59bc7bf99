//! Registered models in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use pipeline::effect::Registration;
use pipeline::names::ModelName;
use pipeline::release::Model;

use super::world::World;
use super::{absent, lock, named};
use crate::ports::{ModelRegistry, ModelVersion, Result};

/// Registered models in memory.
pub struct MemoryModels {
    world: World,
    /// The versions of each name, oldest first: version 1 is at 0.
    models: Mutex<BTreeMap<ModelName, Vec<ModelVersion>>>,
}

named!(MemoryModels, "models in memory");

impl MemoryModels {
    pub(super) fn new(world: World) -> Self {
        Self { world, models: Mutex::default() }
    }

    fn add(&self, registration: &Registration) -> Model {
        let Registration { name, lineage, .. } = registration;
        let mut models = lock(&self.models);
        let versions = models.entry(name.clone()).or_default();
        let key = format!("{name}@{}", lineage.run);
        let known = versions.iter().find(|old| old.lineage.run == lineage.run);
        self.world.tally.note("version", &key, known.is_none());
        if let Some(known) = known {
            return known.model.clone();
        }
        let model = Model {
            name: name.clone(),
            version: versions.len() as u64 + 1,
            digest: registration.digest.clone(),
            metrics: registration.metrics.clone(),
        };
        versions.push(ModelVersion { model: model.clone(), lineage: lineage.clone(), tags: registration.tags.clone() });
        model
    }
}

fn nth(versions: &mut [ModelVersion], version: u64) -> Option<&mut ModelVersion> {
    let at = usize::try_from(version.checked_sub(1)?).ok()?;
    versions.get_mut(at)
}

#[async_trait]
impl ModelRegistry for MemoryModels {
    async fn register(&self, registration: &Registration) -> Result<Model> {
        let faults = &self.world.faults;
        faults.around("models.register", registration.name.as_str(), || Ok(self.add(registration)))
    }

    async fn get(&self, name: &ModelName, version: u64) -> Result<Option<ModelVersion>> {
        let faults = &self.world.faults;
        faults.around("models.get", name.as_str(), || {
            let mut models = lock(&self.models);
            let versions = models.get_mut(name);
            Ok(versions.and_then(|versions| nth(versions, version).cloned()))
        })
    }

    async fn tag(&self, name: &ModelName, version: u64, tags: &BTreeMap<String, String>) -> Result<()> {
        let faults = &self.world.faults;
        faults.around("models.tag", name.as_str(), || {
            let mut models = lock(&self.models);
            let versions = models.get_mut(name);
            let found = versions
                .and_then(|versions| nth(versions, version))
                .ok_or_else(|| absent(format_args!("version {version} of the model {name}")))?;
            found.tags.extend(tags.clone());
            Ok(())
        })
    }

    async fn versions(&self, name: &ModelName, limit: usize) -> Result<Vec<ModelVersion>> {
        let faults = &self.world.faults;
        faults.around("models.versions", name.as_str(), || {
            let models = lock(&self.models);
            let versions = models.get(name).map(Vec::as_slice).unwrap_or_default();
            Ok(versions.iter().rev().take(limit).cloned().collect())
        })
    }
}
