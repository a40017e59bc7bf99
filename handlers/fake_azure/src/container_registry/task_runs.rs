//! Task runs: named resources, each with its request and the run that it led to.

use serde_json::{Value, json};

use super::{ContainerRegistry, request, resource};
use crate::{Asked, Told};

/// A task run.
#[derive(Debug, Clone)]
pub struct TaskRun {
    /// As it was written first.
    pub name: String,
    pub request: Value,
    /// Whoever changes it wants another run.
    pub force_update_tag: Value,
    pub run: String,
}

impl ContainerRegistry {
    pub(super) fn task_run(&mut self, registry: &str, name: &str, asked: &Asked<'_>) -> Told {
        match self.task_run_json(registry, name, asked) {
            Some(found) => Told::json(200, &found),
            None => Told::error(404, "TaskRunNotFound", "The requested task run could not be found."),
        }
    }

    /// The same request again leads to nothing; another one to another run.
    pub(super) fn put_task_run(&mut self, registry: &str, name: &str, asked: &Asked<'_>) -> Told {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if !(5..=50).contains(&name.len()) || !name.chars().all(is_name) {
            return Told::error(400, "InvalidTaskRunName", &format!("'{name}' is no name of a task run."));
        }
        let closed = |value: &Value, members: &[&str]| {
            let is_known = |name: &String| members.contains(&name.as_str());
            value.as_object().is_some_and(|it| it.keys().all(is_known))
        };
        let properties = &asked.body["properties"];
        if !closed(asked.body, &["identity", "location", "properties"])
            || !closed(properties, &["runRequest", "forceUpdateTag"])
        {
            return Told::error(400, "InvalidRequestContent", "The request content was invalid.");
        }
        let request = &properties["runRequest"];
        if let Some(wrong) = request::wrong(request, &asked.query["api-version"]) {
            return Told::error(400, "InvalidParameter", &wrong);
        }
        let key = name.to_ascii_lowercase();
        let tag = &properties["forceUpdateTag"];
        let old = self.registry(registry).task_runs.get(&key);
        if old.is_some_and(|old| old.request == *request && old.force_update_tag == *tag) {
            return self.task_run(registry, name, asked);
        }
        let status = if old.is_some() { 200 } else { 201 };
        let run = self.begin(registry, request, asked.now);
        let made = TaskRun { name: name.to_owned(), request: request.clone(), force_update_tag: tag.clone(), run };
        self.registry(registry).task_runs.insert(key, made);
        Told::json(status, &self.task_run_json(registry, name, asked).unwrap())
    }

    fn task_run_json(&mut self, registry: &str, name: &str, asked: &Asked<'_>) -> Option<Value> {
        let TaskRun { name, request, force_update_tag, run } =
            self.registry(registry).task_runs.get(&name.to_ascii_lowercase())?.clone();
        let run = self.run_json(registry, &run, asked)?;
        let state = match run["properties"]["status"].as_str() {
            Some("Succeeded") => "Succeeded",
            Some("Canceled") => "Canceled",
            Some("Failed" | "Error" | "Timeout") => "Failed",
            _ => "Creating",
        };
        let mut properties = json!({"provisioningState": state, "runRequest": request, "runResult": run});
        if !force_update_tag.is_null() {
            properties["forceUpdateTag"] = force_update_tag;
        }
        Some(resource(asked, "taskRuns", &name, &properties))
    }
}
