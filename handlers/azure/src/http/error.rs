//! Ways in which a call fails.

use std::fmt;

use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use runner::ports::{PortError, Result};
use serde_json::Value;
use tracing::debug;

/// Nobody is asked to wait for longer than this: a wrong header should not silence us for a day.
const WAIT_MAX: SignedDuration = SignedDuration::from_hours(1);
/// Without a time that was asked for, where a service is not there at all.
const WAIT: SignedDuration = SignedDuration::from_secs(30);
/// Characters of a service's own words that are passed on.
const WORDS_MAX: usize = 300;

/// Databricks' words for a token that has expired, which it says with a status for something else:
/// [databricks-sdk-go issue 1061](https://github.com/databricks/databricks-sdk-go/issues/1061).
const STALE: [&str; 4] = ["Invalid access token", "JWT has expired", "token expired", "ExpiredJwtException"];

/// What a call takes, in the words of the pages where it is granted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Right {
    /// `set a status on a pull request`.
    pub action: &'static str,
    /// What a token needs: `vso.code_status`. Empty where a role is all there is.
    pub scope: &'static str,
    /// What an identity needs: `Contribute to pull requests`.
    pub role: &'static str,
}

impl Right {
    /// One that a role gives: `AcrPush on the registry`.
    pub const fn role(action: &'static str, role: &'static str) -> Self {
        Self { action, scope: "", role }
    }

    /// What somebody has to be given.
    fn needed(&self) -> String {
        match self.scope {
            "" => format!("It needs the role {}", self.role),
            scope => format!("A token needs the scope {scope}, an identity the right {}", self.role),
        }
    }
}

/// Why a call did not do what it should.
#[derive(Debug, Clone)]
pub(crate) struct CallError {
    pub kind: Kind,
    /// When the service wants to be asked again.
    pub until: Option<Timestamp>,
    /// HTTP status; 0 where there was no answer.
    pub status: u16,
    /// The service's own word for it: `DeploymentActive`, `BlobAlreadyExists`. Empty where it has none.
    pub code: String,
    service: &'static str,
    reason: String,
}

/// What that means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What it is about is not there.
    Gone,
    /// The service does not know us, or not any more.
    NotKnown,
    /// It will not work, however often it is tried.
    Refused,
    /// It may work soon.
    Unavailable,
}

impl CallError {
    pub fn unavailable(service: &'static str, reason: String) -> Self {
        Self::without_answer(Kind::Unavailable, service, reason)
    }

    pub fn refused(service: &'static str, reason: String) -> Self {
        Self::without_answer(Kind::Refused, service, reason)
    }

    pub fn of_port(service: &'static str, error: PortError) -> Self {
        let kind = if matches!(error, PortError::Permanent { .. }) { Kind::Refused } else { Kind::Unavailable };
        Self::without_answer(kind, service, error.to_string())
    }

    pub fn gone(service: &'static str, reason: String) -> Self {
        Self::without_answer(Kind::Gone, service, reason)
    }

    /// One that is known by other ways than an HTTP answer.
    pub fn without_answer(kind: Kind, service: &'static str, reason: String) -> Self {
        Self { kind, until: None, status: 0, code: String::new(), service, reason }
    }

    /// From an answer that is not the one that was wanted.
    pub fn of(
        service: &'static str,
        identity: &str,
        right: &Right,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Self {
        let (code, said, word) = (status.as_u16(), words(body), own_code(headers, body));
        let failed = format!("could not {}: {code}{said}", right.action);
        let is_stale = matches!(code, 400 | 403) && STALE.iter().any(|words| said.contains(words));
        // Storage says so of one partition for a moment. To leave all of it alone for longer would be too much.
        let is_moment = word == "ServerBusy" && !headers.contains_key("retry-after");
        let is_limited = code == 429 || (code == 503 && !is_moment) || (code == 403 && is_rate_limit(headers, &said));
        let (kind, reason) = match code {
            _ if code == 429 && wait(headers, now).is_none() => (Kind::Unavailable, failed),
            _ if is_limited => {
                let wait = wait(headers, now).unwrap_or(WAIT).min(WAIT_MAX);
                let until = now + wait;
                let reason = format!("{failed}; asked to wait {} s, until {until}", wait.as_secs());
                return Self { kind: Kind::Unavailable, until: Some(until), status: code, code: word, service, reason };
            }
            _ if matches!(code, 401 | 200..=399) || is_stale => {
                let reason = format!(
                    "could not {}: {identity} is not authenticated ({code}{said}). Its token may have expired, or it \
                     was never added. {}",
                    right.action,
                    right.needed()
                );
                (Kind::NotKnown, reason)
            }
            403 => {
                let reason = format!(
                    "{identity} may not {} ({code}{said}). {}: grant it, then try the run again",
                    right.action,
                    right.needed()
                );
                (Kind::Refused, reason)
            }
            404 | 410 => (if is_misplaced(body) { Kind::Refused } else { Kind::Gone }, failed),
            // GitHub's word for a commit that it has not.
            422 if said.contains("No commit found") => (Kind::Gone, failed),
            408 | 409 | 500.. => (Kind::Unavailable, failed),
            _ => (Kind::Refused, failed),
        };
        Self { kind, until: None, status: code, code: word, service, reason }
    }

    /// Whether it is about this, by the service's own words; in small letters.
    pub fn says(&self, word: &str) -> bool {
        self.reason.to_ascii_lowercase().contains(word)
    }

    /// The port's error, where something gone is one: what was asked for cannot be answered.
    pub fn into_port(self) -> PortError {
        match self.kind {
            Kind::Unavailable => PortError::transient(self.service, self.reason),
            Kind::Gone | Kind::NotKnown | Kind::Refused => PortError::permanent(self.service, self.reason),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for CallError {}

/// For calls that only tell people something: nobody looks at what is gone.
pub(crate) fn quietly<T>(result: Result<T, CallError>) -> Result<()> {
    match result {
        Ok(_) => Ok(()),
        Err(error) if error.kind == Kind::Gone => {
            debug!("{}: nobody was told, for it is gone: {}", error.service, error.reason);
            Ok(())
        }
        Err(error) => Err(error.into_port()),
    }
}

/// Azure DevOps answers 404 as well when settings name a project or a repository that is not there. That is nothing to
/// keep quiet about.
fn is_misplaced(body: &[u8]) -> bool {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let key = answer["typeKey"].as_str().unwrap_or_default();
    key.starts_with("GitRepositoryNotFound") || key.starts_with("ProjectDoesNotExist")
}

fn is_rate_limit(headers: &HeaderMap, said: &str) -> bool {
    headers.contains_key("retry-after")
        || headers.get("x-ratelimit-remaining").is_some_and(|left| left == "0")
        || said.contains("rate limit")
}

/// How long the service wants to be left alone: seconds, a date, or the moment when a new hour's calls begin.
fn wait(headers: &HeaderMap, now: Timestamp) -> Option<SignedDuration> {
    let header = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let until = |at: Timestamp| at.duration_since(now).max(SignedDuration::from_secs(1));
    if let Some(text) = header("retry-after") {
        let seconds = text.parse::<u32>().ok().map(|seconds| SignedDuration::from_secs(seconds.into()));
        return seconds.or_else(|| DateTimeParser::new().parse_timestamp(text).ok().map(until));
    }
    let reset = header("x-ratelimit-reset")?.parse().ok()?;
    Timestamp::from_second(reset).ok().map(until)
}

/// What the service says itself, in a few words: of nested errors the deepest, which tells what really happened.
fn words(body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let message = match own_error(&answer) {
        Some(error) => error["message"].as_str().map(str::to_owned),
        None => between(body, "<Message>", "</Message>").or_else(|| between(body, "<Detail>", "</Detail>")),
    };
    let Some(message) = message else { return String::new() };
    let clean = message.chars().map(|c| if c.is_control() { ' ' } else { c });
    format!(", {}", clean.take(WORDS_MAX).collect::<String>())
}

/// The service's own word for what is wrong.
fn own_code(headers: &HeaderMap, body: &[u8]) -> String {
    if let Some(code) = headers.get("x-ms-error-code").and_then(|code| code.to_str().ok()) {
        return code.to_owned();
    }
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = match own_error(&answer) {
        // The outermost names the kind of trouble, also where details differ.
        Some(_) if answer["error"]["code"].is_string() => answer["error"]["code"].as_str(),
        Some(error) => ["code", "error_code", "reason", "typeKey"].iter().find_map(|name| error[*name].as_str()),
        None => None,
    };
    code.map(str::to_owned).or_else(|| between(body, "<Code>", "</Code>")).unwrap_or_default()
}

/// The innermost error of an answer: `{"error": {.., "details": [..]}}` of Azure Resource Manager, `{"errors": [..]}` of a
/// registry, or the answer itself.
fn own_error(answer: &Value) -> Option<&Value> {
    let mut error =
        [&answer["error"], &answer["errors"][0], answer].into_iter().find(|it| it["message"].is_string())?;
    while let Some(deeper) = error["details"].get(0).filter(|it| it["message"].is_string()) {
        error = deeper;
    }
    Some(error)
}

/// Text of XML, as far as errors have any.
fn between(body: &[u8], open: &str, close: &str) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once(open)?;
    Some(rest.split_once(close)?.0.to_owned())
}
