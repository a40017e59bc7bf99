//! What the host makes of an answer. It takes less than one would think, and some answers hang it.
//!
//! Source: `src/WebJobs.Script/Workers/Http/DefaultHttpWorkerService.cs`, `HttpScriptInvocationResultExtensions.cs` and
//! `src/WebJobs.Script/Binding/Http/HttpBinding.cs` in `Azure/azure-functions-host`.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::Members;

/// An answer that counts as success.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Lines for the function's log.
    pub logs: Vec<String>,
    /// Values of the output bindings; `None` if the answer has none, which is not the same as an empty object.
    pub outputs: Option<Map<String, Json>>,
    /// The value of the output binding `$return`.
    pub return_value: Option<Json>,
}

/// What the caller of an HTTP function gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: StatusCode,
    /// The headers, `Content-Type` always among them.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// Why an invocation counts as failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadAnswer {
    /// The handler says so.
    #[error("the handler answered {0}")]
    Status(StatusCode),
    /// The real host would follow it, and call whatever is there.
    #[error("the handler answered {0}, a redirect, which the host in Azure follows: answer 200 with a JSON object")]
    Redirect(StatusCode),
    /// The real host would wait for the rest until `functionTimeout`, and then kill the handler.
    #[error(
        "the handler answered {0} with {1}: the host in Azure would hang until `functionTimeout` and then kill the \
         handler; answer 200 with `{{}}` at least"
    )]
    Hangs(StatusCode, &'static str),
    /// It is not JSON by its name.
    #[error("the answer's content type is {0:?}: the host takes `application/json` alone")]
    ContentType(String),
    /// It is not JSON, or not an object.
    #[error("the answer is not a JSON object: {0}")]
    NotAnObject(String),
    /// A member is not of the type that it must have.
    #[error("the answer's `{member}` is not {expected}")]
    Member {
        /// The member.
        member: &'static str,
        /// What it must be.
        expected: &'static str,
    },
}

impl Answer {
    /// Judges an answer.
    ///
    /// # Errors
    ///
    /// When the host would not take it as success.
    pub fn read(status: StatusCode, content_type: Option<&str>, body: &[u8]) -> Result<Self, BadAnswer> {
        if status.is_redirection() {
            return Err(BadAnswer::Redirect(status));
        }
        if !status.is_success() {
            return Err(BadAnswer::Status(status));
        }
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
        match body {
            b"" => return Err(BadAnswer::Hangs(status, "an empty body")),
            b"null" => return Err(BadAnswer::Hangs(status, "the body `null`")),
            _ => {}
        }
        if !is_json(content_type.unwrap_or_default()) {
            return Err(BadAnswer::ContentType(content_type.unwrap_or_default().to_owned()));
        }
        let body = str::from_utf8(body).map_err(|error| BadAnswer::NotAnObject(error.to_string()))?;
        if !body.starts_with('{') {
            return Err(BadAnswer::NotAnObject("it begins with something else than `{`".to_owned()));
        }
        // Not `from_str`: the host ignores what stands behind the object.
        let members = Members::deserialize(&mut serde_json::Deserializer::from_str(body));
        let members = members.map_err(|error| BadAnswer::NotAnObject(error.to_string()))?;
        Ok(Self { logs: logs(&members)?, outputs: outputs(&members)?, return_value: member(&members, "ReturnValue") })
    }

    /// Makes what the caller gets out of the output binding `output`.
    ///
    /// # Errors
    ///
    /// When the output is nothing that the host can send.
    pub fn http(mut self, output: &str) -> Result<HttpAnswer, BadAnswer> {
        if output == "$return" {
            return match self.return_value {
                Some(Json::Object(response)) => response_of(&response, &["statusCode", "status"]),
                Some(value) => Ok(plain(StatusCode::OK, body_text(&value))),
                None => Ok(plain(StatusCode::NO_CONTENT, String::new())),
            };
        }
        let Some(outputs) = &mut self.outputs else {
            return Ok(match &self.return_value {
                Some(value) => plain(StatusCode::OK, body_text(value)),
                None => plain(StatusCode::NO_CONTENT, String::new()),
            });
        };
        let not_an_object =
            BadAnswer::Member { member: "Outputs", expected: "a map with the HTTP response as an object" };
        match outputs.remove(output) {
            None => Ok(plain(StatusCode::OK, "{}".to_owned())),
            Some(Json::Object(response)) => response_of(&response, &["statusCode"]),
            Some(Json::String(text)) => match serde_json::from_str(&text) {
                Ok(Json::Object(response)) => response_of(&response, &["statusCode"]),
                _ => Err(not_an_object),
            },
            Some(_) => Err(not_an_object),
        }
    }
}

fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let is_kind = ["application/json", "text/json"].iter().any(|json| kind.eq_ignore_ascii_case(json));
    let charset = parts.find_map(|part| part.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("charset")));
    is_kind && charset.is_none_or(|(_, charset)| charset.trim_matches('"').eq_ignore_ascii_case("utf-8"))
}

fn member(members: &Members<'_>, name: &str) -> Option<Json> {
    let value = members.get(name).filter(|value| value.json() != "null")?;
    serde_json::from_str(value.json()).ok()
}

fn logs(members: &Members<'_>) -> Result<Vec<String>, BadAnswer> {
    let wrong = BadAnswer::Member { member: "Logs", expected: "a list of texts" };
    match member(members, "Logs") {
        None => Ok(Vec::new()),
        Some(Json::Array(lines)) => {
            let lines = lines.into_iter().map(|line| match line {
                Json::String(line) => Some(line),
                Json::Object(_) | Json::Array(_) => None,
                other => Some(other.to_string()),
            });
            lines.collect::<Option<_>>().ok_or(wrong)
        }
        Some(_) => Err(wrong),
    }
}

fn outputs(members: &Members<'_>) -> Result<Option<Map<String, Json>>, BadAnswer> {
    match member(members, "Outputs") {
        None => Ok(None),
        Some(Json::Object(outputs)) => Ok(Some(outputs)),
        Some(_) => Err(BadAnswer::Member { member: "Outputs", expected: "an object" }),
    }
}

fn response_of(response: &Map<String, Json>, statuses: &[&str]) -> Result<HttpAnswer, BadAnswer> {
    let named = |name: &str| {
        let mut members = response.iter();
        members.find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value))
    };
    let status = statuses.iter().find_map(|name| named(name));
    // Whatever is no status counts as 200.
    let status = status.and_then(number).and_then(|number| StatusCode::from_u16(number).ok());
    let mut answer = HttpAnswer { status: status.unwrap_or(StatusCode::OK), headers: Vec::new(), body: String::new() };
    let wrong = BadAnswer::Member { member: "headers", expected: "an object of texts and numbers" };
    match named("headers") {
        None | Some(Json::Null) => {}
        Some(Json::Object(headers)) => {
            for (name, value) in headers {
                match value {
                    Json::String(value) => answer.headers.push((name.clone(), value.clone())),
                    Json::Number(value) => answer.headers.push((name.clone(), value.to_string())),
                    _ => return Err(wrong),
                }
            }
        }
        Some(_) => return Err(wrong),
    }
    answer.body = named("body").map(body_text).unwrap_or_default();
    set_content_type(&mut answer);
    Ok(answer)
}

fn number(value: &Json) -> Option<u16> {
    match value {
        Json::Number(number) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
        Json::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn plain(status: StatusCode, body: String) -> HttpAnswer {
    let mut answer = HttpAnswer { status, headers: Vec::new(), body };
    set_content_type(&mut answer);
    answer
}

/// A text as it is; anything else as JSON, indented.
fn body_text(body: &Json) -> String {
    match body {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

fn set_content_type(answer: &mut HttpAnswer) {
    let is_it = |(name, _): &&mut (String, String)| name.eq_ignore_ascii_case("content-type");
    match answer.headers.iter_mut().find(is_it) {
        Some((_, kind)) if kind.to_ascii_lowercase().contains("charset=") => {}
        Some((_, kind)) => kind.push_str("; charset=utf-8"),
        None => answer.headers.push(("Content-Type".to_owned(), "text/plain; charset=utf-8".to_owned())),
    }
}

impl BadAnswer {
    /// Says whether the real host would not even notice.
    pub fn would_hang(&self) -> bool {
        matches!(self, Self::Hangs(..))
    }
}
