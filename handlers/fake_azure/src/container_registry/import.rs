//! Images that go from one registry into another.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{ContainerRegistry, Manifest};
use crate::{Asked, Told};

/// One on its way.
#[derive(Debug)]
pub(super) struct Import {
    manifest: Manifest,
    /// Repository and tag.
    targets: Vec<(String, String)>,
    done: Timestamp,
    is_done: bool,
}

impl ContainerRegistry {
    pub(super) fn import(&mut self, name: &str, asked: &Asked<'_>) -> Told {
        let refuse = |message: &str| Told::error(400, "InvalidParameter", message);
        let body = asked.body;
        let known = ["source", "targetTags", "untaggedTargetRepositories", "mode"];
        if !body.as_object().is_some_and(|it| it.keys().all(|name| known.contains(&name.as_str()))) {
            return refuse("The request content was invalid.");
        }
        if body.get("mode").is_some_and(|mode| mode != "NoForce" && mode != "Force") {
            return refuse("The mode is not valid.");
        }
        let source = body["source"]["resourceId"].as_str().unwrap_or_default();
        let source = source.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let image = body["source"]["sourceImage"].as_str().unwrap_or_default();
        let Some(manifest) = self.found(&source, image) else {
            return Told::error(404, "ManifestUnknown", &format!("{image} is not found in {source}."));
        };
        let tags = body["targetTags"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let targets: Vec<(String, String)> = tags
            .map(|tag| {
                tag.split_once(':').map_or((tag.into(), "latest".into()), |(name, tag)| (name.into(), tag.into()))
            })
            .collect();
        let target = self.registry(name);
        let is_taken = |(repository, tag): &(String, String)| {
            target.repositories.get(repository).is_some_and(|it| it.tags.contains_key(tag))
        };
        if body["mode"] != "Force" && targets.iter().any(is_taken) {
            return Told::error(409, "Conflict", "A tag exists already, and the mode is NoForce.");
        }
        let id = format!("registries-00000000-0000-0000-0000-{:012}", self.next());
        let done = asked.now + SignedDuration::from_secs(self.pace());
        let import = Import { manifest, targets, done, is_done: false };
        self.registry(name).imports.insert(id.clone(), import);
        let head = asked.path[..6].join("/");
        let address = asked.address("management.azure.com");
        let location = format!("{address}/{head}/locations/westeurope/operationResults/{id}?api-version=2023-07-01");
        Told::empty(202).with("location", location).with("retry-after", "5")
    }

    pub(super) fn import_result(&self, id: &str, asked: &Asked<'_>) -> Told {
        let Some(import) = self.registries.values().find_map(|it| it.imports.get(id)) else {
            return Told::error(404, "NotFound", "There is no such operation.");
        };
        if import.is_done {
            return Told::empty(200);
        }
        let itself = format!("{}/{}?api-version=2023-07-01", asked.address(asked.host), asked.path.join("/"));
        Told::empty(202).with("location", itself).with("retry-after", "5")
    }

    pub(super) fn settle_imports(&mut self, now: Timestamp) {
        for registry in self.registries.values_mut() {
            for import in registry.imports.values_mut().filter(|it| !it.is_done && it.done <= now) {
                import.is_done = true;
                for (repository, tag) in &import.targets {
                    let repository = registry.repositories.entry(repository.clone()).or_default();
                    let digest = import.manifest.digest();
                    repository.manifests.entry(digest.clone()).or_insert_with(|| import.manifest.clone());
                    repository.tags.insert(tag.clone(), digest);
                }
            }
        }
    }

    fn found(&self, registry: &str, image: &str) -> Option<Manifest> {
        let repositories = &self.registries.get(registry)?.repositories;
        if let Some((repository, digest)) = image.split_once('@') {
            return repositories.get(repository)?.manifests.get(digest).cloned();
        }
        let (repository, tag) = image.split_once(':').unwrap_or((image, "latest"));
        let repository = repositories.get(repository)?;
        repository.manifests.get(repository.tags.get(tag)?).cloned()
    }
}
