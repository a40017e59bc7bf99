//! A model version as the service keeps it.

use std::collections::BTreeMap;

use pipeline::effect::Registration;
use pipeline::names::{JobName, ModelName};
use pipeline::release::{Lineage, Model};
use runner::ports::ModelVersion;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::place::Place;

/// Where a version comes from, as JSON.
const LINEAGE: &str = "trainyardLineage";
const DIGEST: &str = "trainyardDigest";
/// The numbers, as JSON: tags would round them.
const METRICS: &str = "trainyardMetrics";
/// Only the service sets these.
const READ_ONLY: [&str; 1] = ["provisioningState"];

type Texts = BTreeMap<String, Option<String>>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Version {
    /// The number; that of others may be a word.
    name: String,
    pub properties: Properties,
    #[serde(default)]
    pub system_data: Option<SystemData>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Properties {
    #[serde(default)]
    pub model_uri: Option<String>,
    #[serde(default)]
    pub job_name: Option<String>,
    #[serde(default)]
    tags: Option<Texts>,
    #[serde(default)]
    properties: Option<Texts>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SystemData {
    #[serde(default)]
    pub created_by: Option<String>,
}

impl Properties {
    pub fn tags(&self) -> BTreeMap<String, String> {
        let tags = self.tags.iter().flatten();
        tags.filter_map(|(name, value)| Some((name.clone(), value.clone()?))).collect()
    }

    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.as_ref()?.get(name)?.as_deref()
    }
}

impl Version {
    /// A version of ours; None: somebody else has registered it.
    pub fn read(&self, name: &ModelName) -> Option<ModelVersion> {
        let property = |name: &str| self.properties.property(name);
        let lineage: Lineage = serde_json::from_str(property(LINEAGE)?).ok()?;
        let model = Model {
            name: name.clone(),
            version: self.name.parse().ok()?,
            digest: property(DIGEST)?.parse().ok()?,
            metrics: serde_json::from_str(property(METRICS)?).ok()?,
        };
        Some(ModelVersion { model, lineage, tags: self.properties.tags() })
    }

    /// The model, if this is what the run has registered.
    pub fn of_run(&self, name: &ModelName, registration: &Registration) -> Option<Model> {
        let read = self.read(name)?;
        (read.lineage.run == registration.lineage.run).then_some(read.model)
    }
}

/// What a version is registered with.
pub(super) fn body(registration: &Registration, place: &Place, job: Option<&JobName>) -> Value {
    let Registration { digest, lineage, metrics, tags, .. } = registration;
    let mut properties = json!({
        "modelType": "custom_model",
        "modelUri": place.uri(),
        "isAnonymous": false,
        "tags": tags,
        "properties": {
            LINEAGE: json!(lineage).to_string(),
            DIGEST: digest,
            METRICS: json!(metrics).to_string(),
        },
    });
    if let Some(job) = job {
        properties["jobName"] = json!(job);
    }
    let commit = lineage.commit.as_ref().map(ToString::to_string);
    let more = [("run", Some(lineage.run.to_string())), ("by", Some(lineage.by.clone())), ("commit", commit)];
    for (name, value) in more {
        if let Some(value) = value {
            properties["properties"][format!("trainyard.{name}")] = value.into();
        }
    }
    json!({"properties": properties})
}

/// The whole of a version with these tags, as it is sent back; None: it has them.
pub(super) fn tagged(held: &Value, tags: &BTreeMap<String, String>) -> Option<Value> {
    let mut properties = without_nulls(&held["properties"]);
    let known = properties["tags"].clone();
    if tags.iter().all(|(name, value)| known[name] == value.as_str()) {
        return None;
    }
    let members = properties.as_object_mut()?;
    members.retain(|name, _| !READ_ONLY.contains(&name.as_str()));
    for (name, value) in tags {
        properties["tags"][name] = value.as_str().into();
    }
    Some(json!({"properties": properties}))
}

/// What is null when it is read must not be there when it is written.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            Value::Object(members.map(|(name, value)| (name.clone(), without_nulls(value))).collect())
        }
        other => other.clone(),
    }
}
