//! Azure Key Vault: reading secrets.
//!
//! Source: `keyvault/data-plane/Microsoft.KeyVault/stable/7.5/secrets.json` in
//! [Azure/azure-rest-api-specs](https://github.com/Azure/azure-rest-api-specs).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{Asked, Told};

/// What is there.
#[derive(Debug, Default)]
pub struct KeyVault {
    /// By host: each vault's secrets by name.
    pub vaults: BTreeMap<String, BTreeMap<String, Secret>>,
}

/// The newest version of a secret.
#[derive(Debug, Clone)]
pub struct Secret {
    pub value: String,
    pub enabled: bool,
}

impl KeyVault {
    /// Adds a vault.
    pub fn add(&mut self, host: &str) {
        self.vaults.entry(host.to_owned()).or_default();
    }

    /// Sets a secret, as a person does on the vault's pages.
    pub fn set(&mut self, host: &str, name: &str, value: &str) {
        let secret = Secret { value: value.to_owned(), enabled: true };
        self.vaults.entry(host.to_owned()).or_default().insert(name.to_owned(), secret);
    }

    pub fn answer(&mut self, asked: &Asked<'_>) -> Told {
        let Some(secrets) = self.vaults.get(asked.host) else { return Told::empty(404) };
        if !asked.header("authorization").starts_with("Bearer ") {
            let challenge = "Bearer authorization=\"https://login.microsoftonline.com/t1\", \
                             resource=\"https://vault.azure.net\"";
            return refuse(401, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token.", Value::Null)
                .with("www-authenticate", challenge);
        }
        if asked.query.get("api-version").map(String::as_str) != Some("7.5") {
            let message = "The specified version is not recognized. Consider using the latest supported version.";
            return refuse(400, "BadParameter", message, Value::Null);
        }
        let ("GET", ["secrets", name]) = (asked.method, &asked.segments()[..]) else {
            return refuse(405, "BadParameter", "The method is not allowed.", Value::Null);
        };
        match secrets.get(*name) {
            None => {
                let message = format!("A secret with (name/id) {name} was not found in this key vault.");
                refuse(404, "SecretNotFound", &message, Value::Null)
            }
            Some(Secret { enabled: false, .. }) => {
                let message = "Operation get is not allowed on a disabled secret.";
                refuse(403, "Forbidden", message, json!({"code": "SecretDisabled"}))
            }
            Some(Secret { value, .. }) => {
                let id = format!("https://{}/secrets/{name}/4387e9f3d6e14c459867679a90fd0f79", asked.host);
                let at = asked.now.as_second();
                let attributes = json!({
                    "enabled": true, "created": at, "updated": at, "recoveryLevel": "Recoverable+Purgeable",
                    "recoverableDays": 90,
                });
                Told::json(200, &json!({"value": value, "id": id, "attributes": attributes}))
            }
        }
    }
}

fn refuse(status: u16, code: &str, message: &str, inner: Value) -> Told {
    let mut error = json!({"code": code, "message": message});
    if !inner.is_null() {
        error["innererror"] = inner;
    }
    Told::json(status, &json!({ "error": error }))
}
