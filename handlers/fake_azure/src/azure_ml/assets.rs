//! Datastores, code, environments and data.

use serde_json::{Value, json};

use super::rules::{only, refused, text, texts, unchanged};
use super::{ACCOUNT, ARTIFACTS, ARTIFACTS_CONTAINER, AzureMl, CONTAINER, DATASTORE, missing, resource};
use crate::blob::Blob;
use crate::{Asked, Told};

const CODE: [&str; 6] = ["codeUri", "description", "isAnonymous", "isArchived", "properties", "tags"];
const ENVIRONMENT: [&str; 9] =
    ["autoRebuild", "build", "condaFile", "description", "image", "isAnonymous", "osType", "properties", "tags"];
const DATA: [&str; 7] = ["dataType", "dataUri", "description", "isAnonymous", "isArchived", "properties", "tags"];

pub(super) fn datastores(asked: &Asked<'_>, path: &[&str]) -> Told {
    let all = [(DATASTORE, CONTAINER, true), (ARTIFACTS, ARTIFACTS_CONTAINER, false)];
    let show = |(name, container, is_default): (&str, &str, bool)| {
        let properties = json!({
            "datastoreType": "AzureBlob", "accountName": ACCOUNT, "containerName": container,
            "endpoint": "core.windows.net", "protocol": "https", "isDefault": is_default,
            "credentials": {"credentialsType": "None"}, "serviceDataAccessAuthIdentity": "None",
        });
        resource(asked, &format!("datastores/{name}"), &properties)
    };
    match (asked.method, path) {
        ("GET", []) => {
            let wants_default = asked.query.get("isDefault").map(|wanted| wanted == "true");
            let wanted = all.into_iter().filter(|store| wants_default.is_none_or(|wanted| wanted == store.2));
            Told::json(200, &json!({"value": wanted.map(show).collect::<Vec<_>>()}))
        }
        ("GET", [wanted]) => match all.into_iter().find(|store| store.0 == *wanted) {
            Some(store) => Told::json(200, &show(store)),
            None => missing(asked),
        },
        _ => missing(asked),
    }
}

impl AzureMl {
    pub(super) fn asset(&mut self, asked: &Asked<'_>, path: &[&str], blob: &mut Blob) -> Told {
        let key = path.join("/");
        match (asked.method, path) {
            ("GET", [_, _, "versions", _]) => match self.assets.get(&key) {
                Some(held) => Told::json(200, &resource(asked, &key, held)),
                None => missing(asked),
            },
            ("PUT", [kind, _, "versions", _]) => {
                let properties = asked.body["properties"].clone();
                let held = self.assets.get(&key).cloned();
                if let Err(refused) = allowed(kind, &properties, held.as_ref()) {
                    return refused;
                }
                let mut kept = properties;
                kept["provisioningState"] = "Succeeded".into();
                if *kind == "environments" {
                    kept["environmentType"] = "UserCreated".into();
                }
                self.assets.insert(key.clone(), kept.clone());
                Told::json(if held.is_some() { 200 } else { 201 }, &resource(asked, &key, &kept))
            }
            ("POST", ["codes", name, "versions", version, "startPendingUpload"]) => {
                if asked.body["pendingUploadType"] != "TemporaryBlobReference" {
                    return refused("pendingUploadType is not TemporaryBlobReference.");
                }
                let container = container_of(name, version);
                let signature = blob.sas(ACCOUNT, &container);
                let place = format!("{}/{container}", asked.address(&format!("{ACCOUNT}.blob.core.windows.net")));
                let body = json!({
                    "pendingUploadId": container, "pendingUploadType": "TemporaryBlobReference",
                    "blobReferenceForConsumption": {
                        "blobUri": place,
                        "storageAccountArmId": "",
                        "credential": {"credentialType": "SAS", "sasUri": format!("{place}?{signature}")},
                    },
                });
                Told::json(200, &body)
            }
            _ => missing(asked),
        }
    }
}

/// The container of a code version: the same each time somebody wants to upload it.
fn container_of(name: &str, version: &str) -> String {
    let letters = format!("{name}-{version}").to_ascii_lowercase();
    letters.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(63).collect()
}

fn allowed(kind: &str, properties: &Value, held: Option<&Value>) -> Result<(), Told> {
    texts(properties)?;
    let (names, fixed): (&[&str], &[&str]) = match kind {
        "codes" => {
            text(properties, "codeUri")?;
            (&CODE, &["codeUri", "isAnonymous"])
        }
        "environments" => {
            let has_build = properties["build"].is_object();
            if !has_build {
                text(properties, "image")?;
            }
            if properties["osType"].as_str().is_some_and(|system| !["Linux", "Windows"].contains(&system)) {
                return Err(refused("osType is Linux or Windows."));
            }
            (&ENVIRONMENT, &["condaFile", "image", "osType", "build"])
        }
        _ => {
            let kind = text(properties, "dataType")?;
            if !["uri_file", "uri_folder", "mltable"].contains(&kind) {
                return Err(refused(format!("{kind} is no dataType.")));
            }
            text(properties, "dataUri")?;
            (&DATA, &["dataType", "dataUri"])
        }
    };
    only(properties, names)?;
    match held {
        Some(held) => unchanged(held, properties, fixed),
        None => Ok(()),
    }
}
