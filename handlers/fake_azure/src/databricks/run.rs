//! Runs: PENDING while the cluster starts, RUNNING, TERMINATED; canceled ones are TERMINATING in between.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{Databricks, invalid, refuse};
use crate::{Asked, Told};

/// Runs are removed so long after their end.
const KEPT: SignedDuration = SignedDuration::from_hours(60 * 24);
const PROVIDERS: [&str; 8] = [
    "gitHub",
    "bitbucketCloud",
    "azureDevOpsServices",
    "gitHubEnterprise",
    "bitbucketServer",
    "gitLab",
    "gitLabEnterpriseEdition",
    "awsCodeCommit",
];

/// What becomes of a run.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// How long the cluster takes.
    pub pending_secs: i64,
    /// How long the work takes.
    pub running_secs: i64,
    /// How long the end of a canceled run takes.
    pub terminating_secs: i64,
    pub end: End,
    /// What the notebook exits with.
    pub exit: String,
    /// What a Python file prints.
    pub logs: Option<String>,
}

/// How a run ends by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum End {
    #[default]
    Well,
    /// The code raised this.
    Raised(String),
    /// Code and type of the termination, and what is said of it.
    Terminated(&'static str, &'static str, &'static str),
    TimedOut,
}

/// A run.
#[derive(Debug, Clone)]
pub struct Run {
    pub asked: Value,
    pub submitted_at: Timestamp,
    pub canceled_at: Option<Timestamp>,
    pub plan: Plan,
}

impl Run {
    fn ends_at(&self) -> Timestamp {
        let later = |from: Timestamp, secs: i64| from.saturating_add(SignedDuration::from_secs(secs)).unwrap();
        match self.canceled_at {
            Some(at) => later(at, self.plan.terminating_secs),
            None => later(self.submitted_at, self.plan.pending_secs.saturating_add(self.plan.running_secs)),
        }
    }

    fn has_ended(&self, now: Timestamp) -> bool {
        now >= self.ends_at()
    }

    /// `state` and `status`, which say the same in old and new words.
    fn state(&self, now: Timestamp) -> (Value, Value) {
        let going = |cycle: &str, state: &str| {
            (
                json!({"life_cycle_state": cycle, "state_message": "", "user_cancelled_or_timedout": false}),
                json!({"state": state}),
            )
        };
        if !self.has_ended(now) {
            let running_at = SignedDuration::from_secs(self.plan.pending_secs);
            return match self.canceled_at {
                Some(_) => going("TERMINATING", "TERMINATING"),
                None if now.duration_since(self.submitted_at) < running_at => going("PENDING", "PENDING"),
                None => going("RUNNING", "RUNNING"),
            };
        }
        let (cycle, result, code, kind, message) = match &self.plan.end {
            _ if self.canceled_at.is_some() => ("TERMINATED", "CANCELED", "USER_CANCELED", "SUCCESS", "Run cancelled."),
            End::Well => ("TERMINATED", "SUCCESS", "SUCCESS", "SUCCESS", ""),
            End::Raised(_) => (
                "TERMINATED",
                "FAILED",
                "RUN_EXECUTION_ERROR",
                "CLIENT_ERROR",
                "Task train failed with message: Workload failed, see run output for details.",
            ),
            End::Terminated(code, kind, message) => ("INTERNAL_ERROR", "FAILED", *code, *kind, *message),
            End::TimedOut => ("TERMINATED", "TIMEDOUT", "CANCELED", "CLIENT_ERROR", "Run timed out."),
        };
        let details = json!({"code": code, "type": kind, "message": message});
        (
            json!({
                "life_cycle_state": cycle, "result_state": result, "state_message": message,
                "user_cancelled_or_timedout": matches!(result, "CANCELED" | "TIMEDOUT"),
            }),
            json!({"state": "TERMINATED", "termination_details": details}),
        )
    }

    fn tell(&self, id: u64, asked: &Asked<'_>) -> Value {
        let (state, status) = self.state(asked.now);
        let page = |id: u64| format!("https://{}/?o=1234567890123456#job/7/run/{id}", asked.host);
        let mut task = self.asked["tasks"][0].clone();
        let mut run = json!({
            "job_id": 7, "run_id": id, "number_in_job": id, "original_attempt_run_id": id, "run_type": "SUBMIT_RUN",
            "run_name": self.asked.get("run_name").cloned().unwrap_or("Untitled".into()),
            "creator_user_name": "trainyard", "run_page_url": page(id), "state": state, "status": status,
            "start_time": self.submitted_at.as_millisecond(), "format": "MULTI_TASK",
        });
        if self.has_ended(asked.now) {
            run["end_time"] = self.ends_at().as_millisecond().into();
        }
        for (name, value) in [
            ("run_id", json!(task_of(id))),
            ("state", state),
            ("status", status),
            ("attempt_number", json!(0)),
            ("run_page_url", json!(page(task_of(id)))),
        ] {
            task[name] = value;
        }
        run["tasks"] = json!([task]);
        if let Some(git) = self.asked.get("git_source") {
            run["git_source"] = git.clone();
        }
        run
    }
}

/// A task is a run as well, with an id of its own.
fn task_of(run: u64) -> u64 {
    run + 1
}

impl Databricks {
    /// Removes what is too old.
    pub(super) fn forget(&mut self, now: Timestamp) {
        self.runs.retain(|_, run| now.duration_since(run.ends_at()) < KEPT);
    }

    pub(super) fn submit(&mut self, asked: &Asked<'_>) -> Told {
        if let Err(why) = self.check(asked.body) {
            return invalid(&why);
        }
        let token = asked.body["idempotency_token"].as_str();
        if let Some(id) = token.and_then(|token| self.tokens.get(token)) {
            if self.runs.contains_key(id) {
                return Told::json(200, &json!({"run_id": id}));
            }
            return invalid("The run with the provided idempotency token was deleted.");
        }
        let task = &asked.body["tasks"][0];
        let path =
            task["notebook_task"]["notebook_path"].as_str().or(task["spark_python_task"]["python_file"].as_str());
        let plan = self.plans.get(path.unwrap()).cloned().unwrap_or_default();
        let id = 1001 + 2 * self.tokens.len() as u64;
        let token = token.map_or_else(|| format!("none/{id}"), str::to_owned);
        self.tokens.insert(token, id);
        let run = Run { asked: asked.body.clone(), submitted_at: asked.now, canceled_at: None, plan };
        self.runs.insert(id, run);
        Told::json(200, &json!({"run_id": id}))
    }

    fn check(&self, body: &Value) -> Result<(), String> {
        let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
        let Some([task]) = body["tasks"].as_array().map(Vec::as_slice) else {
            return Err("exactly one task is known here".into());
        };
        if !is_text(&task["task_key"]) {
            return Err("Missing required field: task_key".into());
        }
        if let Some(token) = body.get("idempotency_token") {
            let length = token.as_str().ok_or("idempotency_token must be a string")?.len();
            if !(1..=64).contains(&length) {
                return Err("idempotency_token must be between 1 and 64 characters".into());
            }
        }
        if body.get("timeout_seconds").is_some_and(|it| !it.is_u64()) {
            return Err("timeout_seconds must be an integer".into());
        }
        let git = body.get("git_source");
        if let Some(git) = git {
            let of = ["git_branch", "git_tag", "git_commit"].iter().filter(|name| is_text(&git[**name])).count();
            let is_known = git["git_provider"].as_str().is_some_and(|it| PROVIDERS.contains(&it));
            if !is_text(&git["git_url"]) || !is_known || of != 1 {
                return Err("git_source needs git_url, a git_provider and one of branch, tag and commit".into());
            }
        }
        match (task["existing_cluster_id"].as_str(), task.get("new_cluster")) {
            (Some(_), Some(_)) => return Err("Only one of existing_cluster_id and new_cluster may be set".into()),
            (Some(id), None) if !self.clusters.contains(id) => return Err(format!("Cluster {id} does not exist")),
            (None, Some(cluster)) if !is_text(&cluster["spark_version"]) => {
                return Err("Missing required field: settings.new_cluster.spark_version".into());
            }
            (None, None) => return Err("a task needs a cluster here".into()),
            _ => {}
        }
        let (source, path) = match (task.get("notebook_task"), task.get("spark_python_task")) {
            (Some(notebook), None) => {
                let parameters = notebook.get("base_parameters").cloned().unwrap_or_else(|| Map::new().into());
                if !parameters.as_object().is_some_and(|all| all.values().all(Value::is_string)) {
                    return Err("base_parameters must be a map of strings".into());
                }
                (&notebook["source"], &notebook["notebook_path"])
            }
            (None, Some(file)) => {
                let parameters = file.get("parameters").cloned().unwrap_or_else(|| json!([]));
                if !parameters.as_array().is_some_and(|all| all.iter().all(Value::is_string)) {
                    return Err("parameters must be a list of strings".into());
                }
                (&file["source"], &file["python_file"])
            }
            _ => return Err("Exactly one of the task types must be set".into()),
        };
        let path = path.as_str().filter(|path| !path.is_empty()).ok_or("Missing required field: the task's path")?;
        match (source.as_str(), path.starts_with('/')) {
            (Some("GIT"), false) if git.is_some() => Ok(()),
            (Some("WORKSPACE"), true) => Ok(()),
            _ => Err(format!("the path {path} does not fit the source {source}")),
        }
    }

    pub(super) fn get(&self, asked: &Asked<'_>) -> Told {
        let Some(id) = number(asked.query.get("run_id")) else { return invalid("Invalid run_id") };
        match self.runs.get(&id) {
            Some(run) => Told::json(200, &run.tell(id, asked)),
            None => invalid(&format!("Run {id} does not exist.")),
        }
    }

    pub(super) fn output(&self, asked: &Asked<'_>) -> Told {
        let Some(id) = number(asked.query.get("run_id")) else { return invalid("Invalid run_id") };
        if self.runs.contains_key(&id) {
            return invalid(
                "Retrieving the output of runs with multiple tasks is not supported. Please retrieve the output of each \
                 individual task run instead.",
            );
        }
        let Some((id, run)) = self.runs.iter().find(|(run, _)| task_of(**run) == id) else {
            return invalid(&format!("Run {id} does not exist."));
        };
        let mut output = json!({"metadata": run.tell(*id, asked)});
        if run.has_ended(asked.now) {
            let is_notebook = run.asked["tasks"][0].get("notebook_task").is_some();
            let is_well = run.plan.end == End::Well && run.canceled_at.is_none();
            if is_notebook && is_well && !run.plan.exit.is_empty() {
                output["notebook_output"] = json!({"result": run.plan.exit, "truncated": false});
            } else if is_notebook {
                output["notebook_output"] = json!({});
            } else if let Some(logs) = &run.plan.logs {
                output["logs"] = logs.as_str().into();
                output["logs_truncated"] = false.into();
            }
            if let End::Raised(error) = &run.plan.end {
                output["error"] = error.as_str().into();
                output["error_trace"] = format!("\u{1b}[0;31m{error}\u{1b}[0m\n  at cell 3").into();
            }
        }
        Told::json(200, &output)
    }

    pub(super) fn cancel(&mut self, asked: &Asked<'_>) -> Told {
        let Some(id) = asked.body["run_id"].as_u64() else {
            return refuse(400, "MALFORMED_REQUEST", "run_id is missing");
        };
        let Some(run) = self.runs.get_mut(&id) else { return invalid(&format!("Run {id} does not exist.")) };
        if !run.has_ended(asked.now) {
            run.canceled_at.get_or_insert(asked.now);
        }
        Told::json(200, &json!({}))
    }
}

fn number(text: Option<&String>) -> Option<u64> {
    text?.parse().ok()
}
