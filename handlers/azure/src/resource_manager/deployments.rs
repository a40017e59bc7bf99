//! Templates, applied.

use async_trait::async_trait;
use pipeline::names::{Digest, InfrastructureName, Project};
use reqwest::{Method, StatusCode, Url};
use runner::ports::{ApplyStatus, Declaration, Infrastructure, PlanStatus, PortError, Result};
use serde_json::{Value, json};

use super::{APPLY, LOOK, PLAN, ResourceManager, SERVICE, read};
use crate::http::{Call, CallError, Kind, Progress};

/// The tag by which a deployment says what was applied. Its own `templateHash` leaves the parameters out.
const TAG: &str = "trainyard-declaration";
/// Failed operations that are told.
const TOLD_MAX: usize = 3;

#[async_trait]
impl Infrastructure for ResourceManager {
    async fn plan(&self, declaration: &Declaration) -> Result<PlanStatus> {
        let url = |below| self.deployment(&declaration.project, &declaration.name, &[below]);
        // What does not validate has no changes to tell; what takes its time to is told by the next call as well.
        let validate = Call::send(Method::POST, url("validate")?, body(declaration, &[]), &PLAN);
        if let Err(error) = self.client.call(validate).await {
            return outcome(error).map(|reason| PlanStatus::Invalid { reason });
        }
        // Ids alone: values may be secret, and a plan is shown to whoever sees the pull request.
        let settings = [("whatIfSettings", json!({"resultFormat": "ResourceIdOnly"}))];
        let answer =
            match self.client.call(Call::send(Method::POST, url("whatIf")?, body(declaration, &settings), &PLAN)).await
            {
                Ok(answer) => answer,
                Err(error) => return outcome(error).map(|reason| PlanStatus::Invalid { reason }),
            };
        if answer.status != StatusCode::ACCEPTED {
            return Ok(planned(&answer.json().map_err(CallError::into_port)?));
        }
        let operation = answer.operation().ok_or_else(|| {
            PortError::transient(SERVICE, "a plan was begun, and the answer does not say where it can be followed")
        })?;
        Ok(PlanStatus::Running { operation: operation.into() })
    }

    async fn planned(&self, operation: &str) -> Result<PlanStatus> {
        let url =
            Url::parse(operation).map_err(|_| PortError::permanent(SERVICE, "the plan's operation is no address"))?;
        Ok(match self.client.look(&url, &self.base, &PLAN).await.map_err(CallError::into_port)? {
            Progress::Running => PlanStatus::Running { operation: operation.to_owned() },
            Progress::Done(result) => planned(&result),
            Progress::Failed { code, message } => PlanStatus::Invalid { reason: format!("{code}: {message}") },
        })
    }

    async fn apply(&self, declaration: &Declaration) -> Result<ApplyStatus> {
        let Declaration { project, name, .. } = declaration;
        let tag = tag(declaration);
        if let Some(found) = self.find(project, name).await? {
            // One that runs is adopted whatever it applies: no other one of its name could begin.
            if found["tags"][TAG] == tag.as_str() || read::is_running(&found) {
                return self.status_of(project, name, &found).await;
            }
        }
        let mut body = body(declaration, &[]);
        body["tags"] = json!({ TAG: tag });
        let url = self.deployment(project, name, &[])?;
        match self.client.call(Call::send(Method::PUT, url, body, &APPLY)).await {
            Ok(answer) => self.status_of(project, name, &answer.json().map_err(CallError::into_port)?).await,
            // A call whose answer was lost has begun it.
            Err(error) if error.code == "DeploymentActive" => Ok(ApplyStatus::Running),
            Err(error) => outcome(error).map(|reason| ApplyStatus::Failed { reason }),
        }
    }

    async fn status(&self, project: &Project, name: &InfrastructureName) -> Result<ApplyStatus> {
        match self.find(project, name).await? {
            Some(found) => self.status_of(project, name, &found).await,
            None => Ok(ApplyStatus::Unknown),
        }
    }

    async fn cancel(&self, project: &Project, name: &InfrastructureName) -> Result<()> {
        let url = self.deployment(project, name, &["cancel"])?;
        match self.client.call(Call::new(Method::POST, url, crate::http::Body::Nothing, &APPLY).once()).await {
            Ok(_) => Ok(()),
            // It is not there, or has ended.
            Err(error) if error.kind == Kind::Gone || error.status == 409 => Ok(()),
            Err(error) => Err(error.into_port()),
        }
    }
}

impl ResourceManager {
    async fn find(&self, project: &Project, name: &InfrastructureName) -> Result<Option<Value>> {
        match self.client.read(Call::get(self.deployment(project, name, &[])?, &LOOK)).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.code == "DeploymentNotFound" => Ok(None),
            Err(error) => Err(error.into_port()),
        }
    }

    async fn status_of(&self, project: &Project, name: &InfrastructureName, found: &Value) -> Result<ApplyStatus> {
        if read::is_running(found) {
            return Ok(ApplyStatus::Running);
        }
        match found["properties"]["provisioningState"].as_str() {
            Some("Canceled") => Ok(ApplyStatus::Failed { reason: format!("deployment {name} was canceled") }),
            Some("Failed") => {
                let call = Call::get(self.operations(project, name)?, &LOOK);
                let operations: Value = self.client.read(call).await.map_err(CallError::into_port)?;
                let mut reasons = read::failures(&operations);
                if reasons.is_empty() {
                    reasons.extend(read::deepest(&found["properties"]["error"]));
                }
                reasons.truncate(TOLD_MAX);
                Ok(ApplyStatus::Failed { reason: format!("deployment {name} failed: {}", reasons.join("; ")) })
            }
            _ => Ok(ApplyStatus::Applied { outputs: read::outputs(&found["properties"]["outputs"]) }),
        }
    }
}

fn body(declaration: &Declaration, more: &[(&str, Value)]) -> Value {
    let mut properties = json!({
        "mode": "Incremental", "template": declaration.template, "parameters": declaration.parameters,
    });
    for (name, value) in more {
        properties[*name] = value.clone();
    }
    json!({ "properties": properties })
}

fn tag(declaration: &Declaration) -> String {
    let declared = json!([declaration.template, declaration.parameters]);
    Digest::of(declared.to_string().as_bytes()).to_string()
}

/// A template that the service will not take is an outcome; all else that goes wrong is an error.
fn outcome(error: CallError) -> Result<String> {
    let is_outcome = error.status == 400;
    match error.into_port() {
        PortError::Permanent { reason, .. } if is_outcome => Ok(reason),
        error => Err(error),
    }
}

fn planned(result: &Value) -> PlanStatus {
    match read::deepest(&result["error"]) {
        Some(reason) => PlanStatus::Invalid { reason },
        None => PlanStatus::Planned { changes: read::changes(&result["properties"]["changes"]) },
    }
}
