//! What a function answers.
//!
//! The host takes one shape of answer: status 200, `application/json`, one JSON object. An empty body or a 204 hangs
//! the invocation until the host kills the handler; any other status fails it, and the trigger then tries again. So
//! there are two kinds of outcome: done, and "try again soon, unchanged". What can never succeed is *done*: record it,
//! tell someone, and succeed. The status of an HTTP function is inside the answer, see [`HttpResponse`].
//!
//! Source: `src/WebJobs.Script/Workers/Http/DefaultHttpWorkerService.cs` and `HttpScriptInvocationResultExtensions.cs`
//! in `Azure/azure-functions-host`.

use std::fmt::Display;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};

/// The outcome of one invocation.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome(Kind);

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Success(Success),
    Failure { status: StatusCode, reason: String },
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Success {
    #[serde(skip_serializing_if = "Map::is_empty")]
    outputs: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_value: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logs: Vec<String>,
}

impl Outcome {
    /// The invocation is done.
    pub fn success() -> Self {
        Self(Kind::Success(Success::default()))
    }

    /// The invocation failed, and the same again may succeed (500). The reason goes to the log.
    pub fn retry(reason: impl Display) -> Self {
        Self::failure(StatusCode::INTERNAL_SERVER_ERROR, reason)
    }

    /// Something that the function needs is down (503). To the host this is the same as [`Outcome::retry`].
    pub fn unavailable(reason: impl Display) -> Self {
        Self::failure(StatusCode::SERVICE_UNAVAILABLE, reason)
    }

    /// Answers a request of an HTTP function whose output binding is `res`.
    pub fn respond(response: HttpResponse) -> Self {
        Self::success().output("res", response)
    }

    pub(crate) fn failure(status: StatusCode, reason: impl Display) -> Self {
        // `#` shows the whole chain of an `anyhow::Error`.
        let reason = format!("{reason:#}");
        Self(Kind::Failure { status, reason })
    }

    /// Adds a line to the function's own log in Application Insights. The host drops it if the invocation fails.
    #[must_use]
    pub fn log(mut self, line: impl Into<String>) -> Self {
        if let Kind::Success(success) = &mut self.0 {
            success.logs.push(line.into());
        }
        self
    }

    /// Sets the value of an output binding.
    ///
    /// The host decodes a string that happens to be base64, and rewrites one that is a date: for text use
    /// [`Outcome::message`], for bytes [`Outcome::blob`]. Does nothing to a failure.
    #[must_use]
    pub fn output(mut self, binding: &str, value: impl Into<Value>) -> Self {
        if let Kind::Success(success) = &mut self.0 {
            success.outputs.insert(binding.to_owned(), value.into());
        }
        self
    }

    /// Sends one more message through a queue's output binding, as exactly the bytes of `text`.
    ///
    /// Such a message cannot carry an id, a session, properties or a schedule, and is sent after the answer.
    #[must_use]
    pub fn message(mut self, binding: &str, text: impl Into<String>) -> Self {
        if let Kind::Success(success) = &mut self.0 {
            let output = success.outputs.entry(binding).or_insert(Value::Null);
            // An array, because in an array the host leaves strings alone.
            match output {
                Value::Array(messages) => messages.push(Value::String(text.into())),
                other => *other = Value::Array(vec![Value::String(text.into())]),
            }
        }
        self
    }

    /// Writes a blob through an output binding.
    #[must_use]
    pub fn blob(self, binding: &str, content: &[u8]) -> Self {
        self.output(binding, STANDARD.encode(content))
    }

    /// Sets the value of the output binding `$return`.
    #[must_use]
    pub fn return_value(mut self, value: impl Into<Value>) -> Self {
        if let Kind::Success(success) = &mut self.0 {
            success.return_value = Some(value.into());
        }
        self
    }

    /// Says whether the host will take the invocation as done.
    pub fn is_success(&self) -> bool {
        matches!(self.0, Kind::Success(_))
    }

    /// Returns why the invocation failed.
    pub fn reason(&self) -> Option<&str> {
        match &self.0 {
            Kind::Success(_) => None,
            Kind::Failure { reason, .. } => Some(reason),
        }
    }
}

/// An error is worth another try: what is not, a function turns into a success of its own.
impl<E: Display> From<Result<Outcome, E>> for Outcome {
    fn from(result: Result<Outcome, E>) -> Self {
        result.unwrap_or_else(Self::retry)
    }
}

impl IntoResponse for Outcome {
    fn into_response(self) -> Response {
        match self.0 {
            Kind::Success(success) => match serde_json::to_vec(&success) {
                Ok(body) => json_response(StatusCode::OK, body),
                Err(error) => Self::retry(error).into_response(),
            },
            Kind::Failure { status, reason } => {
                json_response(status, serde_json::json!({ "error": reason }).to_string())
            }
        }
    }
}

/// Every answer of the handler is made here, so that none has another type or an empty body.
pub(crate) fn json_response(status: StatusCode, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Body::from(body.into()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// The answer of an HTTP function to its caller.
///
/// Its status is the caller's: towards the host the invocation is a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    status: StatusCode,
    headers: Vec<(String, String)>,
    body: String,
}

impl HttpResponse {
    /// An answer without a body.
    pub fn new(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    /// An answer in JSON.
    pub fn json(status: StatusCode, body: impl Into<Value>) -> Self {
        Self::new(status).header("Content-Type", "application/json").body(body.into().to_string())
    }

    /// An error in the shape of RFC 9457.
    pub fn problem(status: StatusCode, detail: &str) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        let status_code = status.as_u16();
        let problem = serde_json::json!({
            "type": "about:blank", "title": title, "status": status_code, "detail": detail,
        });
        Self::json(status, problem).header("Content-Type", "application/problem+json")
    }

    /// Sets a header, once: the host takes no lists.
    ///
    /// `Content-Length` and `Transfer-Encoding` are left out: the host writes its own beside them, which breaks the
    /// answer.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        let is_framing =
            ["Content-Length", "Transfer-Encoding"].iter().any(|framing| framing.eq_ignore_ascii_case(name));
        if !is_framing {
            self.headers.push((name.to_owned(), value.into()));
        }
        self
    }

    /// Sets the body, `text/plain` unless a header says otherwise. The host rewrites a body that is one ISO date.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

/// The form that an output binding takes. `status` instead of `statusCode` would be ignored.
impl From<HttpResponse> for Value {
    fn from(response: HttpResponse) -> Self {
        let headers: Map<_, _> =
            response.headers.into_iter().map(|(name, value)| (name, Self::String(value))).collect();
        serde_json::json!({
            "statusCode": response.status.as_u16(), "headers": headers, "body": response.body,
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    const RUN: &str = "diabetes-20260317-0914-2f22765d";

    #[tokio::test]
    async fn answers_are_those_that_the_host_is_known_to_take() {
        let approved = serde_json::json!({ "run": RUN, "state": "approved" });
        let waiting = serde_json::json!({ "run": RUN, "state": "waiting" });
        let conflict = "the run is not waiting for an approval";
        let res = HttpResponse::json(StatusCode::ACCEPTED, approved).header("Location", format!("/api/runs/{RUN}"));
        let cases = [
            (Outcome::success(), include_str!("../fixtures/response-minimal.json")),
            (
                Outcome::success()
                    .log("evaluate: mse 3015.37 beats production 3102.88")
                    .log("evaluate: package requested"),
                include_str!("../fixtures/response-logs-only.json"),
            ),
            (
                Outcome::respond(res).log("approved by dana.ortiz@contoso.example"),
                include_str!("../fixtures/response-http-res.json"),
            ),
            (
                Outcome::respond(HttpResponse::problem(StatusCode::CONFLICT, conflict)),
                include_str!("../fixtures/response-http-res-error.json"),
            ),
            (
                Outcome::success().return_value(HttpResponse::json(StatusCode::OK, waiting)),
                include_str!("../fixtures/response-http-return.json"),
            ),
        ];
        for (outcome, golden) in cases {
            assert_eq!(sent(outcome).await, comparable(golden));
        }
    }

    #[tokio::test]
    async fn messages_go_as_an_array_of_strings_and_blobs_as_base64() {
        let outcome = Outcome::success().message("next", "a").message("next", "b").blob("report", b"hi");
        assert_eq!(sent(outcome).await, serde_json::json!({"Outputs": {"next": ["a", "b"], "report": "aGk="}}));
    }

    #[test]
    fn the_headers_that_break_an_answer_are_left_out() {
        let response =
            HttpResponse::new(StatusCode::OK).header("content-length", "5").header("X-A", "1").header("x-a", "2");
        assert_eq!(response.headers, [("x-a".to_owned(), "2".to_owned())]);
    }

    #[test]
    fn an_error_is_worth_another_try() {
        let outcome: Outcome = Err::<Outcome, _>("the queue is down").into();
        assert!(!outcome.is_success());
        assert_eq!(outcome.reason(), Some("the queue is down"));
    }

    async fn sent(outcome: Outcome) -> Value {
        let response = outcome.into_response();
        assert_eq!(response.status(), StatusCode::OK);
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        comparable(str::from_utf8(&body).unwrap())
    }

    /// Takes away what the host does not tell apart: nulls and empty lists, and the order of members in a body.
    fn comparable(answer: &str) -> Value {
        let mut answer: Value = serde_json::from_str(answer).unwrap();
        let members = answer.as_object_mut().unwrap();
        members.retain(|_, value| !value.is_null() && *value != Value::Array(Vec::new()));
        for body in ["/Outputs/res/body", "/ReturnValue/body"] {
            if let Some(body) = answer.pointer_mut(body) {
                *body = serde_json::from_str(body.as_str().unwrap()).unwrap();
            }
        }
        answer
    }
}
