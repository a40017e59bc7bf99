//! Web hooks of MLflow's model registry: <https://mlflow.org/docs/latest/ml/webhooks/>.
//!
//! A body is `{entity, action, timestamp, data}`, with `workspace` where a server has several. The signature is
//! `v1,<base64>` over `delivery id . timestamp . body`; see `mlflow/webhooks/delivery.py` in mlflow/mlflow.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use pipeline::names::Digest;

use crate::body::{self, Limits, Opened};
use crate::code::Code;
use crate::draft::{self, Draft};
use crate::fact::{Fact, ModelAlias, ModelRegistry, ModelTag, RegisteredModel};
use crate::member::Object;
use crate::reading::{Envelope, Reading, Refusal, Sender};
use crate::signature::{self, SignatureError};
use crate::text::{self, is_delivery_id, quoted};

/// How far the time of a signature may be from now.
pub const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// The headers that a signature is made of.
#[derive(Debug, Clone, Copy, Default)]
pub struct Headers<'a> {
    /// `X-MLflow-Signature`
    pub signature: Option<&'a str>,
    /// `X-MLflow-Delivery-Id`
    pub delivery: Option<&'a str>,
    /// `X-MLflow-Timestamp`: seconds since 1970.
    pub timestamp: Option<&'a str>,
}

/// Checks a signature, and that it was made within [`TOLERANCE`] of now.
///
/// # Errors
///
/// A [`SignatureError`] when the body must not be believed.
pub fn verify(
    secrets: &[impl AsRef<[u8]>],
    headers: Headers<'_>,
    body: &[u8],
    now: Timestamp,
) -> Result<(), SignatureError> {
    let Headers { signature: Some(signature), delivery: Some(delivery), timestamp: Some(timestamp) } = headers else {
        return Err(SignatureError::Missing);
    };
    let encoded = signature.strip_prefix("v1,").ok_or(SignatureError::Malformed)?;
    let tag = STANDARD.decode(encoded).map_err(|_| SignatureError::Malformed)?;
    let signed_at = timestamp.parse().ok().and_then(|second| Timestamp::from_second(second).ok());
    let signed_at = signed_at.ok_or(SignatureError::Malformed)?;
    signature::check(secrets, &[delivery.as_bytes(), b".", timestamp.as_bytes(), b".", body], &tag)?;
    if signed_at.duration_since(now).abs() > TOLERANCE { Err(SignatureError::Expired) } else { Ok(()) }
}

/// Reads a web hook's body; `delivery` is its header `X-MLflow-Delivery-Id`.
#[must_use]
pub fn read(delivery: Option<&str>, body: &[u8], limits: Limits) -> Vec<Reading> {
    body::read(body, limits, |Opened { value, mut remarks }| {
        let event = Object::top(&value).and_then(|event| {
            let kind = format!("{}.{}", event.name("entity")?, event.name("action")?);
            let workspace = event.maybe_named("workspace")?;
            let envelope = Envelope {
                sender: Sender::Mlflow,
                id: match delivery.filter(|id| is_delivery_id(id)) {
                    Some(id) => id.to_owned(),
                    None => Digest::of(value.to_string().as_bytes()).to_string(),
                },
                kind,
                source: workspace.clone().unwrap_or_default(),
                at: draft::time(&event, "timestamp", &mut remarks)?,
                subject: None,
            };
            Ok((event, envelope, ModelRegistry::Mlflow(workspace)))
        });
        let (event, envelope, registry) = match event {
            Ok(event) => event,
            Err(refusal) => return vec![refusal.into_reading(None, || Some(text::part(&value)))],
        };
        let kind = envelope.kind.clone();
        let mut draft = Draft::new(envelope, remarks);
        let fact = fact(&kind, &event, registry, &mut draft);
        draft.finish(fact.map(Some), &value)
    })
}

fn fact(kind: &str, event: &Object<'_>, registry: ModelRegistry, draft: &mut Draft) -> Result<Fact, Refusal> {
    let name = |data: &Object<'_>| data.parsed("name", Code::ModelName);
    let data = || event.object("data");
    match kind {
        "model_version.created" => {
            let data = data()?;
            Ok(Fact::ModelRegistered(RegisteredModel {
                registry,
                name: name(&data)?,
                version: data.version("version")?,
                run: data.maybe_named("run_id")?,
                tags: data.labels("tags")?,
                properties: std::collections::BTreeMap::new(),
            }))
        }
        "model_version_alias.created" | "model_version_alias.deleted" => {
            let data = data()?;
            let version = if kind.ends_with("created") { Some(data.version("version")?) } else { None };
            Ok(Fact::ModelAliased(ModelAlias { registry, name: name(&data)?, alias: data.name("alias")?, version }))
        }
        "model_version_tag.set" | "model_version_tag.deleted" => {
            let data = data()?;
            let value = if kind.ends_with("set") { draft.note(&data, "value")?.or(Some(String::new())) } else { None };
            let (name, version) = (name(&data)?, data.version("version")?);
            Ok(Fact::ModelTagged(ModelTag { registry, name, version, key: data.name("key")?, value }))
        }
        // A model without a version is nothing to deliver; prompts and budgets are not models.
        unknown => Err(Refusal::ignore(Code::EventUnknownType, format!("nobody waits for {}", quoted(unknown)))),
    }
}

#[cfg(test)]
mod tests;
