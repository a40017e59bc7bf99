//! GitHub's web hooks: <https://docs.github.com/en/webhooks/webhook-events-and-payloads>.
//!
//! What a body is, only a header says; that it comes from GitHub, only the signature. So the order is [`verify`] over the
//! bytes as they came, then [`read`]. A delivery is sent once and never again by itself.

mod check;
mod pull_request;
mod push;

use pipeline::names::Digest;
use serde_json::Value;

use crate::body::{self, Limits, Opened};
use crate::code::Code;
use crate::draft::Draft;
use crate::fact::{Fact, Host, Repository};
use crate::member::Object;
use crate::names::Reference;
use crate::percent;
use crate::reading::{Envelope, Reading, Refusal, Remark, Sender};
use crate::signature::{self, SignatureError};
use crate::text::{self, is_delivery_id, quoted};

const FORM: &[u8] = b"payload=";

/// Checks the header `X-Hub-Signature-256` (or the older `X-Hub-Signature`, which is refused with a reason of its own).
///
/// The rule is that of <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>.
///
/// # Errors
///
/// A [`SignatureError`] when the body must not be believed.
pub fn verify(secrets: &[impl AsRef<[u8]>], signature: Option<&str>, body: &[u8]) -> Result<(), SignatureError> {
    let signature = signature.filter(|signature| !signature.is_empty()).ok_or(SignatureError::Missing)?;
    if signature.starts_with("sha1=") {
        return Err(SignatureError::Legacy);
    }
    let tag = signature.strip_prefix("sha256=").and_then(hex).ok_or(SignatureError::Malformed)?;
    signature::check(secrets, &[body], &tag)
}

fn hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
    }
    Some(bytes)
}

/// Reads a delivery, whose signature is good: `event` is the header `X-GitHub-Event`, `delivery` is
/// `X-GitHub-Delivery`, which a delivery keeps when somebody sends it again. [`Limits::GITHUB`] is GitHub's own limit.
#[must_use]
pub fn read(event: &str, delivery: &str, body: &[u8], limits: Limits) -> Vec<Reading> {
    let read = |opened| delivered(event, delivery, opened);
    match body.strip_prefix(FORM) {
        Some(form) if body.len() <= limits.bytes => match form_payload(form) {
            Ok(opened) => read(opened),
            Err(refusal) => vec![refusal.into_reading(None, || None)],
        },
        // As the size is wrong, nothing but the size is looked at.
        _ => body::read(body, limits, read),
    }
}

/// The document in a hook that is set to `application/x-www-form-urlencoded`.
fn form_payload(form: &[u8]) -> Result<Opened, Refusal> {
    let payload = form.split(|byte| *byte == b'&').next().unwrap_or_default();
    let text = percent::decoded(payload, b' ')
        .ok_or_else(|| Refusal::quarantine(Code::BodyEncoding, "the form's payload is not percent-encoded UTF-8"))?;
    let mut opened = body::open_text(&text)?;
    opened.remarks.push(Remark { code: Code::GithubForm, what: "the hook sends forms; JSON is simpler".to_owned() });
    Ok(opened)
}

fn delivered(event: &str, delivery: &str, Opened { value, remarks }: Opened) -> Vec<Reading> {
    let hook = match Hook::read(&value) {
        Ok(hook) => hook,
        Err(refusal) => return vec![refusal.into_reading(None, || Some(text::part(&value)))],
    };
    let has_id = is_delivery_id(delivery);
    let kind = match &hook.action {
        Some(action) => format!("{event}.{action}"),
        None => event.to_owned(),
    };
    let envelope = Envelope {
        sender: Sender::Github,
        id: if has_id { delivery.to_owned() } else { Digest::of(value.to_string().as_bytes()).to_string() },
        kind: text::shown(&kind, text::QUOTE).0,
        source: hook.repository.as_ref().map(|repository| repository.id.clone()).unwrap_or_default(),
        at: None,
        subject: hook.repository.as_ref().and_then(|repository| repository.name.clone()),
    };
    let mut draft = Draft::new(envelope, remarks);
    if !has_id {
        draft.remark(Code::EventNoId, "the delivery has no id; the digest of what it says has to do");
    }
    let fact = fact(event, &hook, &mut draft);
    draft.finish(fact.map(Some), &value)
}

fn fact(event: &str, hook: &Hook<'_>, draft: &mut Draft) -> Result<Fact, Refusal> {
    // What a body of this event cannot be without.
    let mark = match event {
        "push" => "ref",
        "ping" => "zen",
        "pull_request" | "check_run" | "check_suite" => event,
        unknown => return Err(unknown_event(unknown)),
    };
    if hook.event.maybe(mark)?.is_none() {
        let reason = format!("the header says {} and the body has no `{mark}`", quoted(event));
        return Err(Refusal::quarantine(Code::GithubEventMismatch, reason));
    }
    match event {
        "push" => push::read(hook, draft),
        "pull_request" => pull_request::read(hook, draft),
        "check_run" => check::of_run(hook),
        "check_suite" => check::of_suite(hook),
        _ => Ok(Fact::Pinged { hook: hook.event.maybe_number("hook_id")? }),
    }
}

fn unknown_event(kind: &str) -> Refusal {
    Refusal::ignore(Code::EventUnknownType, format!("nobody waits for {}", quoted(kind)))
}

/// What every delivery says.
struct Hook<'a> {
    event: Object<'a>,
    action: Option<String>,
    /// Hooks of an organisation have none in their ping.
    repository: Option<Repository>,
}

impl<'a> Hook<'a> {
    fn read(value: &'a Value) -> Result<Self, Refusal> {
        let event = Object::top(value)?;
        let action = event.maybe_name("action")?;
        let installation = match event.maybe_object("installation")? {
            Some(installation) => installation.maybe_number("id")?,
            None => None,
        };
        let repository = match event.maybe_object("repository")? {
            Some(repository) => Some(repository_of(&repository, installation)?),
            None => None,
        };
        Ok(Self { event, action, repository })
    }

    fn repository(&self) -> Result<Repository, Refusal> {
        self.repository.clone().ok_or_else(|| self.event.missing("repository"))
    }

    /// Who did it.
    fn sender(&self) -> Result<Option<String>, Refusal> {
        crate::draft::person(self.event.maybe_object("sender")?)
    }
}

fn repository_of(repository: &Object<'_>, installation: Option<u64>) -> Result<Repository, Refusal> {
    let name = repository.maybe_named("full_name")?;
    Ok(Repository {
        host: Host::Github,
        id: repository.number("id")?.to_string(),
        organization: name.as_ref().and_then(|name| name.split_once('/')).map(|(owner, _)| owner.to_owned()),
        name,
        project: None,
        default_branch: match repository.maybe_text("default_branch")? {
            Some(branch) => Some(branch_named(repository, "default_branch", branch)?),
            None => None,
        },
        installation,
    })
}

/// A branch that comes without `refs/heads/`.
fn branch_named(object: &Object<'_>, member: &str, branch: &str) -> Result<Reference, Refusal> {
    let refuse = |error| Refusal::quarantine(Code::RefInvalid, format!("`{}`: {error}", object.path(member)));
    format!("refs/heads/{branch}").parse().map_err(refuse)
}

#[cfg(test)]
pub(crate) mod tests;
