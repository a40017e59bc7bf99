//! Compute clusters.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::rules::{refused, text};
use super::{AzureMl, LOCATION, MANAGEMENT, SUBSCRIPTION, id, missing};
use crate::{Asked, Told};

/// A cluster.
#[derive(Debug, Clone)]
pub struct Compute {
    /// As it was asked for.
    pub properties: Value,
    /// From then on it is there.
    pub ready_at: Timestamp,
    /// Why it never will be.
    pub failure: Option<String>,
}

impl Compute {
    /// One that is there.
    #[must_use]
    pub fn ready() -> Self {
        let properties = json!({"computeType": "AmlCompute"});
        Self { properties, ready_at: Timestamp::UNIX_EPOCH, failure: None }
    }

    fn state(&self, now: Timestamp) -> &'static str {
        match &self.failure {
            Some(_) => "Failed",
            None if now < self.ready_at => "Creating",
            None => "Succeeded",
        }
    }

    fn show(&self, name: &str, now: Timestamp) -> Value {
        let mut properties = self.properties.clone();
        properties["provisioningState"] = self.state(now).into();
        properties["computeLocation"] = LOCATION.into();
        if let Some(failure) = &self.failure {
            properties["provisioningErrors"] = json!([{"error": {"code": "Failed", "message": failure}}]);
        }
        json!({
            "id": id(&format!("computes/{name}")), "name": name, "location": LOCATION,
            "type": "Microsoft.MachineLearningServices/workspaces/computes", "properties": properties,
        })
    }
}

impl AzureMl {
    pub(super) fn compute(&mut self, asked: &Asked<'_>, name: &str) -> Told {
        match (asked.method, self.computes.get(name)) {
            ("GET", Some(compute)) => Told::json(200, &compute.show(name, asked.now)),
            ("PUT", Some(compute)) => {
                let size = |properties: &Value| properties["properties"]["vmSize"].clone();
                if size(&compute.properties) != size(&asked.body["properties"]) {
                    return refused("The size of a cluster cannot be changed.");
                }
                Told::json(200, &compute.show(name, asked.now))
            }
            ("PUT", None) => {
                if let Err(refused) = allowed(asked.body) {
                    return refused;
                }
                let ready_at = asked.now + SignedDuration::from_secs(self.compute_secs);
                let compute = Compute { properties: asked.body["properties"].clone(), ready_at, failure: None };
                let shown = compute.show(name, asked.now);
                self.computes.insert(name.to_owned(), compute);
                Told::json(201, &shown).with("azure-asyncoperation", operation(asked, name)).with("retry-after", "10")
            }
            _ => missing(asked),
        }
    }

    pub(super) fn compute_operation(&self, asked: &Asked<'_>, name: &str) -> Told {
        let Some(compute) = self.computes.get(name) else { return missing(asked) };
        let status = match compute.state(asked.now) {
            "Creating" => "InProgress",
            other => other,
        };
        Told::json(200, &json!({"id": name, "name": name, "status": status})).with("retry-after", "10")
    }
}

fn operation(asked: &Asked<'_>, name: &str) -> String {
    let base = asked.address(MANAGEMENT);
    format!(
        "{base}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.MachineLearningServices/locations/{LOCATION}/\
         computeOperationsStatus/{name}?api-version=2024-10-01"
    )
}

fn allowed(body: &Value) -> Result<(), Told> {
    text(body, "location")?;
    if text(&body["properties"], "computeType")? != "AmlCompute" {
        return Err(refused("Only clusters (AmlCompute) can be made here."));
    }
    let machines = &body["properties"]["properties"];
    text(machines, "vmSize")?;
    if machines["scaleSettings"]["maxNodeCount"].as_u64().is_none() {
        return Err(refused("maxNodeCount is required."));
    }
    let idle = machines["scaleSettings"]["nodeIdleTimeBeforeScaleDown"].as_str();
    if idle.is_some_and(|idle| idle.parse::<jiff::Span>().is_err()) {
        return Err(refused("nodeIdleTimeBeforeScaleDown is no duration."));
    }
    Ok(())
}
