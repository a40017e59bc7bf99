//! A run, as Databricks tells of it.

use serde::Deserialize;

/// Of `jobs/runs/submit`.
#[derive(Debug, Deserialize)]
pub(super) struct Submitted {
    pub run_id: u64,
}

/// Of `jobs/runs/get`.
#[derive(Debug, Deserialize)]
pub(super) struct Run {
    pub run_id: u64,
    pub run_page_url: Option<String>,
    state: Option<State>,
    status: Option<Status>,
    #[serde(default)]
    tasks: Vec<Task>,
}

#[derive(Debug, Deserialize)]
struct State {
    life_cycle_state: String,
    result_state: Option<String>,
    state_message: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Status {
    state: Option<String>,
    termination_details: Option<Termination>,
}

#[derive(Debug, Deserialize)]
struct Termination {
    code: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    message: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Task {
    run_id: Option<u64>,
    #[serde(default)]
    attempt_number: u32,
}

/// Of `jobs/runs/get-output`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Output {
    notebook_output: Option<NotebookOutput>,
    pub error: Option<String>,
    pub error_trace: Option<String>,
    pub logs: Option<String>,
    #[serde(default)]
    pub logs_truncated: bool,
}

#[derive(Debug, Default, Deserialize)]
struct NotebookOutput {
    result: Option<String>,
    #[serde(default)]
    truncated: bool,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    Well,
    Canceled,
    /// A sentence without its last sign.
    Badly(String),
}

impl Run {
    /// The last attempt of its task, as a run.
    pub fn task(&self) -> Option<u64> {
        self.tasks.iter().max_by_key(|task| task.attempt_number)?.run_id
    }

    /// None: it goes on.
    pub fn ending(&self) -> Option<Ending> {
        let details = self.status.as_ref().and_then(|status| status.termination_details.as_ref());
        let code = details.and_then(|details| details.code.as_deref()).unwrap_or_default();
        let (cycle, result) = match (&self.state, &self.status) {
            (Some(state), _) => (state.life_cycle_state.as_str(), state.result_state.as_deref().unwrap_or_default()),
            (None, Some(status)) => (status.state.as_deref().unwrap_or_default(), code),
            (None, None) => return None,
        };
        match (cycle, result) {
            ("TERMINATED", "SUCCESS") => Some(Ending::Well),
            ("TERMINATED", "CANCELED" | "USER_CANCELED") => Some(Ending::Canceled),
            ("TERMINATED" | "SKIPPED" | "INTERNAL_ERROR", _) => Some(Ending::Badly(self.why(cycle, result, code))),
            _ => None,
        }
    }

    /// What happened, and whose fault it is.
    fn why(&self, cycle: &str, result: &str, code: &str) -> String {
        let details = self.status.as_ref().and_then(|status| status.termination_details.as_ref());
        let word = [code, result, cycle].into_iter().find(|word| !word.is_empty()).unwrap_or_default();
        let said = details.and_then(|details| details.message.as_deref());
        let said = said.or_else(|| self.state.as_ref()?.state_message.as_deref()).filter(|said| !said.is_empty());
        let said = said.map(|said| format!(": {}", said.trim_end_matches('.'))).unwrap_or_default();
        let whose = match details.and_then(|details| details.kind.as_deref()) {
            Some("CLIENT_ERROR") => "; the code or the settings are at fault",
            Some("CLOUD_FAILURE") => "; the cloud is at fault and not the code: try the step again",
            Some("INTERNAL_ERROR") => "; Databricks is at fault and not the code: try the step again",
            _ => "",
        };
        format!("run {} of Databricks ended with {word}{said}{whose}", self.run_id)
    }
}

impl Output {
    /// What a notebook gave to `dbutils.notebook.exit`; nothing where it did not call it.
    pub fn exit(&self) -> &str {
        self.notebook_output.as_ref().and_then(|output| output.result.as_deref()).unwrap_or_default()
    }

    /// Whether that is only the beginning of it.
    pub fn is_cut(&self) -> bool {
        self.notebook_output.as_ref().is_some_and(|output| output.truncated)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_run_has_ended_when_its_life_is_over() {
        let ending = |run: Value| {
            let mut whole = json!({"run_id": 7});
            whole.as_object_mut().unwrap().extend(run.as_object().unwrap().clone());
            serde_json::from_value::<Run>(whole).unwrap().ending()
        };
        for cycle in ["QUEUED", "PENDING", "RUNNING", "TERMINATING", "BLOCKED", "WAITING_FOR_RETRY", "NEW_ONE"] {
            assert_eq!(ending(json!({"state": {"life_cycle_state": cycle}})), None);
        }
        let of = |cycle, result| ending(json!({"state": {"life_cycle_state": cycle, "result_state": result}}));
        assert_eq!(of("TERMINATED", "SUCCESS"), Some(Ending::Well));
        assert_eq!(of("TERMINATED", "CANCELED"), Some(Ending::Canceled));
        assert_eq!(of("TERMINATED", "TIMEDOUT"), Some(Ending::Badly("run 7 of Databricks ended with TIMEDOUT".into())));
        let skipped = ending(json!({"state": {"life_cycle_state": "SKIPPED"}}));
        assert_eq!(skipped, Some(Ending::Badly("run 7 of Databricks ended with SKIPPED".into())));
    }

    #[test]
    fn whose_fault_it_was_is_said() {
        for (kind, wanted) in [
            ("CLIENT_ERROR", "the code or the settings are at fault"),
            ("CLOUD_FAILURE", "the cloud is at fault and not the code: try the step again"),
            ("INTERNAL_ERROR", "Databricks is at fault and not the code: try the step again"),
        ] {
            let details = json!({"code": "CLUSTER_ERROR", "type": kind, "message": "no machine."});
            let run = json!({"run_id": 7, "status": {"state": "TERMINATED", "termination_details": details}});
            let run: Run = serde_json::from_value(run).unwrap();
            let wanted = format!("run 7 of Databricks ended with CLUSTER_ERROR: no machine; {wanted}");
            assert_eq!(run.ending(), Some(Ending::Badly(wanted)));
        }
    }
}
