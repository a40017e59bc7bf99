//! What a template declares, and what is refused of one.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Place;
use crate::{Asked, Told};

/// A request's template, as far as it matters here.
#[derive(Debug, Clone)]
pub struct Declared {
    pub resources: Vec<Resource>,
    pub parameters: Value,
    pub outputs: Value,
    pub tags: Option<Value>,
    pub hash: String,
}

/// A resource of a template.
#[derive(Debug, Clone)]
pub struct Resource {
    pub id: String,
    pub kind: String,
    pub name: String,
    /// Its properties ask for a size that there is none of.
    pub is_broken: bool,
}

impl Declared {
    pub(super) fn read(asked: &Asked<'_>, place: &Place<'_>, is_plan: bool) -> Result<Self, Told> {
        let body = asked.body;
        let members = object(body, &["location", "properties", "tags"], "request")?;
        let allowed: &[&str] = if is_plan {
            &["mode", "template", "parameters", "whatIfSettings"]
        } else {
            &["mode", "template", "parameters"]
        };
        let properties = object(&members["properties"], allowed, "properties")?;
        match properties["mode"].as_str() {
            Some("Incremental") => {}
            mode => {
                return Err(invalid(&format!("The mode '{mode:?}' is not taken: it would remove what is not named.")));
            }
        }
        if let Some(settings) = properties.get("whatIfSettings")
            && !matches!(settings["resultFormat"].as_str(), Some("ResourceIdOnly" | "FullResourcePayloads"))
        {
            return Err(invalid("The value of 'resultFormat' is not valid."));
        }
        let template = &properties["template"];
        let (Some(_), Some(_), Some(resources)) =
            (template["$schema"].as_str(), template["contentVersion"].as_str(), template["resources"].as_array())
        else {
            return Err(invalid_template("'$schema', 'contentVersion' and 'resources' are required"));
        };
        let parameters = properties.get("parameters").cloned().unwrap_or_else(|| json!({}));
        for (name, parameter) in parameters.as_object().ok_or_else(|| invalid("Parameters are an object."))? {
            if template["parameters"].get(name).is_none() {
                return Err(invalid_template(&format!("the template declares no parameter '{name}'")));
            }
            let is_value =
                parameter.as_object().is_some_and(|it| it.contains_key("value") ^ it.contains_key("reference"));
            if !is_value {
                return Err(invalid_template(&format!("the parameter '{name}' has no value")));
            }
        }
        let resources = resources.iter().map(|resource| read(resource, place)).collect::<Result<_, _>>()?;
        let outputs = template["outputs"].as_object().cloned().unwrap_or_default();
        // What is secure has a type, and no value that anybody gets.
        let shown = outputs.into_iter().map(|(name, output)| {
            let kind = output["type"].as_str().unwrap_or_default().to_owned();
            let is_secure = kind.to_ascii_lowercase().starts_with("secure");
            let output =
                if is_secure { json!({"type": kind}) } else { json!({"type": kind, "value": output["value"]}) };
            (name, output)
        });
        Ok(Self {
            resources,
            parameters,
            outputs: Value::Object(shown.collect()),
            tags: members.get("tags").cloned(),
            hash: format!("{:x}", Sha256::digest(template.to_string())),
        })
    }
}

fn read(resource: &Value, place: &Place<'_>) -> Result<Resource, Told> {
    let text =
        |name: &str| resource[name].as_str().ok_or_else(|| invalid_template(&format!("a resource has no '{name}'")));
    let (kind, name, _) = (text("type")?, text("name")?, text("apiVersion")?);
    let Some((namespace, kinds)) = kind.split_once('/') else {
        return Err(invalid_template(&format!("'{kind}' is no resource type")));
    };
    let pairs: Vec<_> = kinds.split('/').zip(name.split('/')).map(|(kind, name)| format!("{kind}/{name}")).collect();
    Ok(Resource {
        id: format!("{}/providers/{namespace}/{}", place.above(), pairs.join("/")),
        kind: kind.to_owned(),
        name: name.to_owned(),
        is_broken: resource["sku"]["name"] == "none-left",
    })
}

/// An object with these members at most: what is only for reading is refused, and what is null, too.
fn object<'a>(value: &'a Value, allowed: &[&str], what: &str) -> Result<&'a serde_json::Map<String, Value>, Told> {
    let members = value.as_object().ok_or_else(|| invalid(&format!("The {what} is no object.")))?;
    match members.iter().find(|(name, value)| !allowed.contains(&name.as_str()) || value.is_null()) {
        None => Ok(members),
        Some((name, _)) => Err(invalid(&format!("Could not find member '{name}' on object of type '{what}'."))),
    }
}

fn invalid(message: &str) -> Told {
    Told::error(400, "InvalidRequestContent", &format!("The request content was invalid: '{message}'"))
}

fn invalid_template(message: &str) -> Told {
    Told::error(400, "InvalidTemplate", &format!("Deployment template validation failed: '{message}'."))
}
