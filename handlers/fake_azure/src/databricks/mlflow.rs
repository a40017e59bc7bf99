//! The workspace's MLflow.

use serde_json::{Value, json};

use super::{Databricks, invalid, refuse};
use crate::{Asked, Told};

/// The one filter that is known here.
const FILTER: &str = "tags.`mlflow.databricks.jobRunID` = '";

impl Databricks {
    pub(super) fn logged_run(&self, asked: &Asked<'_>) -> Told {
        let Some(id) = asked.query.get("run_id") else {
            return invalid("Missing value for required parameter 'run_id'.");
        };
        match self.logged.iter().find(|run| run["info"]["run_id"] == *id) {
            Some(run) => Told::json(200, &json!({"run": run})),
            None => refuse(404, "RESOURCE_DOES_NOT_EXIST", &format!("Run '{id}' not found.")),
        }
    }

    pub(super) fn search(&self, asked: &Asked<'_>) -> Told {
        let experiments = asked.body["experiment_ids"].as_array().cloned().unwrap_or_default();
        if experiments.is_empty() {
            return invalid("At least one experiment ID must be specified.");
        }
        let filter = asked.body["filter"].as_str().and_then(|filter| filter.strip_prefix(FILTER)?.strip_suffix('\''));
        let Some(wanted) = filter else { return invalid("Invalid filter") };
        let is_it = |run: &&Value| {
            let tags = run["data"]["tags"].as_array().cloned().unwrap_or_default();
            let is_tagged = |tag: &Value| tag["key"] == "mlflow.databricks.jobRunID" && tag["value"] == wanted;
            experiments.contains(&run["info"]["experiment_id"]) && tags.iter().any(is_tagged)
        };
        let most = usize::try_from(asked.body["max_results"].as_u64().unwrap_or(1000)).unwrap();
        let found: Vec<_> = self.logged.iter().rev().filter(is_it).take(most).collect();
        // An empty list is left out.
        Told::json(200, &if found.is_empty() { json!({}) } else { json!({"runs": found}) })
    }
}
