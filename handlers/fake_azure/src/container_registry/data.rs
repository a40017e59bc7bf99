//! The data of a registry: repositories with tags and manifests.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Registry, time, token};
use crate::{Asked, Told};

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// A repository.
#[derive(Debug, Default)]
pub struct Repository {
    pub tags: BTreeMap<String, String>,
    /// By digest.
    pub manifests: BTreeMap<String, Manifest>,
}

/// An image.
#[derive(Debug, Clone)]
pub struct Manifest {
    pub bytes: Vec<u8>,
    pub created: Timestamp,
    pub delete_enabled: bool,
    pub write_enabled: bool,
}

impl Manifest {
    /// What a build of that name gives.
    #[must_use]
    pub fn built(name: &str, created: Timestamp) -> Self {
        let blob = |kind: &str, what: &str| json!({"mediaType": format!("application/vnd.docker.{kind}"), "size": what.len(), "digest": sha256(what.as_bytes())});
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": DOCKER,
            "config": blob("container.image.v1+json", &format!("config of {name}")),
            "layers": [blob("image.rootfs.diff.tar.gzip", &format!("layer of {name}"))],
        });
        Self { bytes: manifest.to_string().into_bytes(), created, delete_enabled: true, write_enabled: true }
    }

    #[must_use]
    pub fn digest(&self) -> String {
        sha256(&self.bytes)
    }

    fn kind(&self) -> &'static str {
        if String::from_utf8_lossy(&self.bytes).contains(OCI) { OCI } else { DOCKER }
    }
}

fn sha256(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

impl Registry {
    /// Puts an image into a repository, past all questions; answers its digest.
    pub fn keep(&mut self, repository: &str, tag: &str, name: &str) -> String {
        let manifest = Manifest::built(name, Timestamp::UNIX_EPOCH);
        let digest = manifest.digest();
        let repository = self.repositories.entry(repository.to_owned()).or_default();
        repository.tags.insert(tag.to_owned(), digest.clone());
        repository.manifests.insert(digest.clone(), manifest);
        digest
    }

    pub(super) fn data(&mut self, asked: &Asked<'_>) -> Told {
        let path = asked.segments();
        let (repository, kind, reference) = match &path[..] {
            ["v2", name @ .., "manifests", reference] => (name.join("/"), "manifests", *reference),
            ["acr", "v1", name @ .., "_manifests", reference] => (name.join("/"), "_manifests", *reference),
            ["acr", "v1", name @ .., "_tags"] => (name.join("/"), "_tags", ""),
            _ => return refused(404, "NOT_FOUND", "there is no such page"),
        };
        let action = match (asked.method, kind) {
            ("GET", "manifests") => "pull",
            ("PUT", "manifests") => "push",
            ("DELETE", "manifests") => "delete",
            ("GET", _) => "metadata_read",
            ("PATCH", "_manifests") => "metadata_write",
            _ => return refused(405, "UNSUPPORTED", "The operation is unsupported."),
        };
        if !token::opens(asked, &repository, action) {
            let scope = format!("repository:{repository}:{action}");
            let challenge = format!(
                "Bearer realm=\"https://{0}/oauth2/token\",service=\"{0}\",scope=\"{scope}\",error=\"insufficient_scope\"",
                asked.host
            );
            let told = refused(401, "UNAUTHORIZED", "authentication required, visit https://aka.ms/acr/authorization");
            return told.with("www-authenticate", challenge);
        }
        match (asked.method, kind) {
            ("GET", "manifests") => self.manifest(&repository, reference),
            ("PUT", "manifests") => self.put_manifest(&repository, reference, asked),
            ("DELETE", "manifests") => self.delete(&repository, reference),
            ("GET", "_tags") => self.tags(&repository, asked),
            _ => self.attributes(&repository, reference, asked),
        }
    }

    fn manifest(&self, repository: &str, reference: &str) -> Told {
        let Some(repository) = self.repositories.get(repository) else {
            return refused(404, "NAME_UNKNOWN", "repository name not known to registry");
        };
        let digest = repository.tags.get(reference).map_or(reference, String::as_str);
        match repository.manifests.get(digest) {
            Some(manifest) => {
                Told::bytes(200, manifest.kind(), manifest.bytes.clone()).with("docker-content-digest", digest)
            }
            None => refused(404, "MANIFEST_UNKNOWN", "manifest is not found"),
        }
    }

    /// All that a manifest names must be there; here that is so when it is there itself.
    fn put_manifest(&mut self, repository: &str, tag: &str, asked: &Asked<'_>) -> Told {
        let digest = sha256(asked.bytes);
        let kind = asked.header("content-type");
        let Some(found) = self.repositories.get_mut(repository).filter(|it| it.manifests.contains_key(&digest)) else {
            return refused(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry");
        };
        if found.manifests[&digest].kind() != kind {
            return refused(400, "MANIFEST_INVALID", "manifest invalid");
        }
        found.tags.insert(tag.to_owned(), digest.clone());
        Told::empty(201)
            .with("location", format!("/v2/{repository}/manifests/{digest}"))
            .with("docker-content-digest", digest)
    }

    fn delete(&mut self, repository: &str, digest: &str) -> Told {
        let Some(found) = self.repositories.get_mut(repository) else { return Told::empty(404) };
        match found.manifests.get(digest) {
            None => Told::empty(404),
            Some(manifest) if !manifest.delete_enabled => {
                refused(405, "UNSUPPORTED", "The operation is disallowed on this registry, repository or image.")
            }
            Some(_) => {
                found.manifests.remove(digest);
                found.tags.retain(|_, of| of != digest);
                Told::empty(202)
            }
        }
    }

    fn tags(&self, repository: &str, asked: &Asked<'_>) -> Told {
        let Some(found) = self.repositories.get(repository) else {
            return refused(404, "NAME_UNKNOWN", "repository name not known to registry");
        };
        let tag = |(name, digest): (&String, &String)| {
            let created = time(found.manifests[digest].created);
            json!({"name": name, "digest": digest, "createdTime": created, "lastUpdateTime": created, "signed": false,
                "changeableAttributes": attributes(&found.manifests[digest])})
        };
        let tags: Vec<_> = found.tags.iter().map(tag).collect();
        Told::json(200, &json!({"registry": asked.host, "imageName": repository, "tags": tags}))
    }

    fn attributes(&mut self, repository: &str, digest: &str, asked: &Asked<'_>) -> Told {
        let found = self.repositories.get_mut(repository);
        let Some(found) = found.filter(|it| it.manifests.contains_key(digest)) else {
            return refused(404, "MANIFEST_UNKNOWN", "manifest is not found");
        };
        let tags: Vec<_> = found.tags.iter().filter(|(_, of)| *of == digest).map(|(tag, _)| tag.clone()).collect();
        let manifest = found.manifests.get_mut(digest).unwrap();
        if asked.method == "PATCH" {
            manifest.delete_enabled = asked.body["deleteEnabled"].as_bool().unwrap_or(manifest.delete_enabled);
            manifest.write_enabled = asked.body["writeEnabled"].as_bool().unwrap_or(manifest.write_enabled);
        }
        let created = time(manifest.created);
        let told = json!({
            "registry": asked.host,
            "imageName": repository,
            "manifest": {
                "digest": digest, "imageSize": 2_401_606, "createdTime": created, "lastUpdateTime": created,
                "architecture": "amd64", "os": "linux", "tags": tags,
                "changeableAttributes": attributes(manifest),
            },
        });
        Told::json(200, &told)
    }
}

fn attributes(manifest: &Manifest) -> Value {
    json!({
        "deleteEnabled": manifest.delete_enabled, "writeEnabled": manifest.write_enabled,
        "readEnabled": true, "listEnabled": true,
    })
}

/// An error as registries word it.
pub(super) fn refused(status: u16, code: &str, message: &str) -> Told {
    Told::json(status, &json!({"errors": [{"code": code, "message": message}]}))
}
