//! Registered models.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::rules::{conflict, only, refused, text, texts};
use super::{AzureMl, MANAGEMENT, id, missing, resource};
use crate::{Asked, Told};

/// A model with its versions.
#[derive(Debug, Clone, Default)]
pub struct Model {
    pub properties: Value,
    /// By their names, with the count of registrations before them.
    pub versions: BTreeMap<String, (usize, Value)>,
}

const VERSION: [&str; 10] = [
    "description",
    "flavors",
    "isAnonymous",
    "isArchived",
    "jobName",
    "modelType",
    "modelUri",
    "properties",
    "stage",
    "tags",
];

impl AzureMl {
    pub(super) fn model(&mut self, asked: &Asked<'_>, name: &str, path: &[&str]) -> Told {
        match (asked.method, path) {
            ("GET", []) => match self.models.get(name) {
                Some(model) => Told::json(200, &show(asked, name, model)),
                None => missing(asked),
            },
            ("PUT", []) => {
                let checked = only(&asked.body["properties"], &["description", "isArchived", "properties", "tags"]);
                if let Err(refused) = checked.and_then(|()| texts(&asked.body["properties"])) {
                    return refused;
                }
                let status = if self.models.contains_key(name) { 200 } else { 201 };
                let model = self.models.entry(name.to_owned()).or_default();
                model.properties = asked.body["properties"].clone();
                Told::json(status, &show(asked, name, model))
            }
            ("GET", ["versions"]) => self.list(asked, name),
            ("GET", ["versions", version]) => {
                match self.models.get(name).and_then(|model| model.versions.get(*version)) {
                    Some((_, held)) => Told::json(200, &shown(asked, name, version, held)),
                    None => missing(asked),
                }
            }
            ("PUT", ["versions", version]) => self.put(asked, name, version),
            _ => missing(asked),
        }
    }

    fn put(&mut self, asked: &Asked<'_>, name: &str, version: &str) -> Told {
        let mut properties = asked.body["properties"].clone();
        let checked = only(&properties, &VERSION).and_then(|()| texts(&properties)).and_then(|()| {
            let uri = text(&properties, "modelUri")?;
            if !uri.starts_with("azureml://") {
                return Err(refused(format!("{uri} is not a place that the workspace knows.")));
            }
            Ok(whole(uri))
        });
        match checked {
            Ok(uri) => properties["modelUri"] = uri.into(),
            Err(refused) => return refused,
        }
        let model = self.models.entry(name.to_owned()).or_default();
        if let Some((_, held)) = model.versions.get_mut(version) {
            let stays = |member: &str| held[member] == properties[member];
            let kept = held["properties"].as_object().into_iter().flatten();
            let keeps = kept.into_iter().all(|(name, value)| properties["properties"][name] == *value);
            if !["modelUri", "modelType", "jobName"].iter().all(|member| stays(member)) || !keeps {
                return conflict("A model with this name and version is already registered.");
            }
            *held = properties.clone();
            return Told::json(200, &shown(asked, name, version, &properties));
        }
        let count = model.versions.len();
        model.versions.insert(version.to_owned(), (count, properties.clone()));
        Told::json(201, &shown(asked, name, version, &properties))
    }

    fn list(&self, asked: &Asked<'_>, name: &str) -> Told {
        let Some(model) = self.models.get(name) else { return missing(asked) };
        let mut versions: Vec<_> = model.versions.iter().collect();
        let is_newest_first = asked.query.get("$orderBy").is_some_and(|order| order == "createdtime desc");
        versions.sort_by_key(|(_, (count, _))| *count);
        if is_newest_first {
            versions.reverse();
        }
        let number = |name: &str| asked.query.get(name).and_then(|text| text.parse::<usize>().ok());
        let (skip, top) = (number("$skip").unwrap_or_default(), number("$top").unwrap_or(100));
        let page = if self.page > 0 { top.min(self.page) } else { top };
        let value: Vec<Value> = versions
            .iter()
            .skip(skip)
            .take(page)
            .map(|(version, (_, held))| shown(asked, name, version, held))
            .collect();
        let mut body = json!({"value": value});
        if skip + page < versions.len() {
            let base = asked.address(MANAGEMENT);
            let order = if is_newest_first { "&$orderBy=createdtime%20desc" } else { "" };
            let next = skip + page;
            body["nextLink"] = format!(
                "{base}{}?api-version=2024-10-01&$top={top}{order}&$skip={next}",
                id(&format!("models/{name}/versions"))
            )
            .into();
        }
        Told::json(200, &body)
    }
}

/// A place as the service writes it back: with the workspace that it is in.
fn whole(uri: &str) -> String {
    match uri.strip_prefix("azureml://datastores/") {
        Some(rest) => {
            let workspace = id("").replace("/providers/Microsoft.MachineLearningServices", "");
            format!("azureml:/{workspace}/datastores/{rest}")
        }
        None => uri.to_owned(),
    }
}

fn show(asked: &Asked<'_>, name: &str, model: &Model) -> Value {
    let mut properties = if model.properties.is_object() { model.properties.clone() } else { json!({}) };
    properties["provisioningState"] = "Succeeded".into();
    properties["latestVersion"] = model.versions.keys().next_back().cloned().unwrap_or_default().into();
    resource(asked, &format!("models/{name}"), &properties)
}

fn shown(asked: &Asked<'_>, name: &str, version: &str, held: &Value) -> Value {
    let mut properties = held.clone();
    properties["provisioningState"] = "Succeeded".into();
    // What nobody set is shown as null.
    for member in ["description", "stage"] {
        if properties[member].is_null() {
            properties[member] = Value::Null;
        }
    }
    resource(asked, &format!("models/{name}/versions/{version}"), &properties)
}
