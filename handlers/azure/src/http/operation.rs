//! Operations that outlast their call. Nobody waits for one inside a function: one look tells how it does.
//!
//! Source: [Track asynchronous Azure operations](https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations).

use reqwest::{StatusCode, Url};
use serde_json::Value;

use super::{Answer, Call, CallError, Client, Right};

/// How an operation does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Progress {
    /// It has ended well; with what it answers, if anything.
    Done(Value),
    /// It goes on.
    Running,
    /// It has ended badly.
    Failed {
        /// The service's own word.
        code: String,
        /// Its sentence.
        message: String,
    },
}

impl Answer {
    /// Where the operation that this answer has begun can be followed.
    pub fn operation(&self) -> Option<Url> {
        let address = self.header("azure-asyncoperation").or_else(|| self.header("location"))?;
        Url::parse(address).ok()
    }
}

impl Client {
    /// Looks once at an operation. `base` is the service's address: a token is shown to nobody else.
    pub async fn look(&self, operation: &Url, base: &Url, right: &Right) -> Result<Progress, CallError> {
        if operation.origin() != base.origin() {
            let reason = format!(
                "could not {}: the operation is to be followed at {}, which is not the service that was called",
                right.action,
                operation.origin().ascii_serialization()
            );
            return Err(CallError::refused(self.service, reason));
        }
        let answer = self.call(Call::get(operation.clone(), right)).await?;
        if answer.status == StatusCode::ACCEPTED {
            return Ok(Progress::Running);
        }
        let body: Value = if answer.body.is_empty() { Value::Null } else { answer.json()? };
        // Only an operation itself says how it does; what stands at a `Location` is the result.
        Ok(match body["status"].as_str() {
            None | Some("Succeeded") => Progress::Done(body),
            Some("Failed" | "Canceled") => {
                let text = |name: &str| body["error"][name].as_str().unwrap_or_default().to_owned();
                Progress::Failed { code: text("code"), message: text("message") }
            }
            Some(_) => Progress::Running,
        })
    }
}
