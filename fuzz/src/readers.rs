//! What every reading keeps, whoever wrote the body.

use std::collections::HashSet;

use events::event_grid::handshake;
use events::fact::{ModelRegistry, RunState};
use events::names::ReferenceKind;
use events::reading::{Notice, Reading, Sender};
use events::{Code, Envelope, Fact, Limits, Watched};
use serde_json::Value;

use crate::replay::{Target, line};

/// The targets of this module.
pub const TARGETS: &[Target] = &[
    ("azure_devops", azure_devops),
    ("container_registry_webhook", container_registry_webhook),
    ("databricks", databricks),
    ("event_grid", event_grid),
    ("github", github),
    ("mlflow", mlflow),
];

/// A service hook's body.
pub fn azure_devops(input: &[u8]) {
    let readings = check(&[Sender::AzureDevops], input, &events::azure_devops::read);
    // Of refs that are refused, each reason is one reading.
    assert!(readings.len() <= 5, "{}", readings.len());
}

/// The body of a registry's web hook.
pub fn container_registry_webhook(input: &[u8]) {
    let readings = check(&[Sender::ContainerRegistryWebhook], input, &events::container_registry::read_webhook);
    assert_eq!(readings.len(), 1);
}

/// The body of a job's notification.
pub fn databricks(input: &[u8]) {
    let readings = check(&[Sender::Databricks], input, &events::databricks::read);
    assert_eq!(readings.len(), 1);
}

/// What Event Grid delivers, one event or many; and what it asks before.
pub fn event_grid(input: &[u8]) {
    const SENDERS: &[Sender] = &[
        Sender::AzureMl,
        Sender::ContainerRegistry,
        Sender::EventGrid,
        Sender::ResourceNotifications,
        Sender::Storage,
    ];
    let readings = check(SENDERS, input, &events::event_grid::read);
    // An event has at least a digit and a comma.
    assert!(readings.len() <= 5_000.min(input.len() / 2 + 1), "{} bytes became {} events", input.len(), readings.len());

    let text = str::from_utf8(input).unwrap_or_default();
    let answer = handshake::answer_options(Some(text), &[handshake::ORIGIN]);
    assert_eq!(answer.is_ok(), text.eq_ignore_ascii_case(handshake::ORIGIN));
    let answer = handshake::answer_validation("1-2-3", Some(text), &["trainyard", ""]);
    match answer {
        Ok(answer) => {
            assert!(text.eq_ignore_ascii_case("trainyard"));
            assert_eq!(answer.validation_response, "1-2-3");
        }
        Err(refusal) => assert_sentence(&refusal.reason),
    }
}

/// The event, the delivery's id and the body.
pub fn github(input: &[u8]) {
    let mut body = input;
    let (event, delivery) = (line(&mut body), line(&mut body));
    let read = |body: &[u8], limits: Limits| events::github::read(event, delivery, body, limits);
    let readings = check(&[Sender::Github], body, &read);
    assert_eq!(readings.len(), 1);
    if let Reading::Read(notice) = &readings[0]
        && let Fact::Pushed(push) = &notice.fact
    {
        assert_eq!(push.updates.len(), 1);
    }
    // As a form, the same document is the same news.
    if is_document(body) {
        let form: String = body.iter().map(|byte| format!("%{byte:02X}")).collect();
        let read_form = read(format!("payload={form}&x=1").as_bytes(), Limits::GITHUB);
        assert_eq!(without(&readings, &[]), without(&read_form, &[Code::GithubForm]));
    }
}

/// The delivery's id and the body.
pub fn mlflow(input: &[u8]) {
    let mut body = input;
    let delivery = line(&mut body);
    let read = |body: &[u8], limits: Limits| events::mlflow::read(Some(delivery), body, limits);
    let readings = check(&[Sender::Mlflow], body, &read);
    assert_eq!(readings.len(), 1);
}

type Reader<'a> = &'a dyn Fn(&[u8], Limits) -> Vec<Reading>;

/// Reads a body, and reads it again in other wrappings and spellings.
fn check(senders: &[Sender], body: &[u8], read: Reader<'_>) -> Vec<Reading> {
    let readings = read(body, Limits::GITHUB);
    assert_good(&readings, body);
    for reading in &readings {
        let envelope = envelope(reading);
        assert!(envelope.is_none_or(|envelope| senders.contains(&envelope.sender)), "{envelope:?}");
    }
    assert_eq!(readings, read(body, Limits::GITHUB), "twice");
    if !body.is_empty() {
        let long = read(body, Limits { bytes: body.len() - 1 });
        let [Reading::Quarantined { envelope: None, code: Code::BodyTooLarge, part: None, .. }] = long.as_slice()
        else {
            panic!("a body that is too long became {long:?}");
        };
    }
    if is_document(body) {
        assert_wrapping_is_no_news(&readings, body, read);
        assert_spelling_is_no_news(&readings, body, read);
    }
    readings
}

/// Whether a body is a document as it is, with nothing around it.
fn is_document(body: &[u8]) -> bool {
    str::from_utf8(body).is_ok_and(|text| text.starts_with(['{', '[']))
}

/// What .NET, a host and an editor put around a document changes nothing of what it says.
fn assert_wrapping_is_no_news(readings: &[Reading], body: &[u8], read: Reader<'_>) {
    let length = u32::try_from(body.len()).expect("the fuzzer's inputs are short").to_le_bytes();
    let dotnet = [&b"@\x06string\x083http://schemas.microsoft.com/2003/10/Serialization/\x9d"[..], &length, body];
    assert_eq!(readings, read(&dotnet.concat(), Limits::GITHUB), "in .NET's binary form");

    let marked = read(&[b"\xef\xbb\xbf", body].concat(), Limits::GITHUB);
    assert_eq!(without(readings, &[]), without(&marked, &[Code::BodyBom]), "after a byte order mark");

    let quoted = serde_json::to_vec(&String::from_utf8_lossy(body)).expect("a text is JSON");
    let quoted = read(&quoted, Limits::GITHUB);
    assert_eq!(without(readings, &[]), without(&quoted, &[Code::BodyNestedString]), "in a string");
}

/// The order of members, blanks and escapes say nothing. And what is withheld from a person's eyes does not show.
fn assert_spelling_is_no_news(readings: &[Reading], body: &[u8], read: Reader<'_>) {
    let is_refused = |reading: &Reading| matches!(reading, Reading::Quarantined { envelope: None, part: None, .. });
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else {
        assert!(readings.iter().all(is_refused), "no JSON became {readings:?}");
        return;
    };
    if readings.iter().all(is_refused) {
        return;
    }
    assert_eq!(colons(body), members(&value), "a name that is there twice is not refused");
    let spelled = |value: &Value| read(&serde_json::to_vec_pretty(value).expect("a value is JSON"), Limits::GITHUB);
    assert_eq!(readings, spelled(&value), "the same document, spelled otherwise");
    if let Value::Object(_) = value
        && let [Reading::Quarantined { part: Some(part), .. }] = readings
        && change_secrets(&mut value)
    {
        let [Reading::Quarantined { part: Some(other), .. }] = &spelled(&value)[..] else {
            panic!("a secret changed what becomes of the event");
        };
        assert_eq!(part, other, "a secret shows");
    }
}

/// The colons of a document that are in no text: as many as it has members.
fn colons(body: &[u8]) -> usize {
    let (mut in_text, mut escaped, mut found) = (false, false, 0);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_text = !in_text,
            b':' if !in_text => found += 1,
            _ => {}
        }
    }
    found
}

fn members(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(members).sum(),
        Value::Object(object) => object.len() + object.values().map(members).sum::<usize>(),
        _ => 0,
    }
}

/// Changes the texts that go under a secret's name. Says whether there are any.
fn change_secrets(value: &mut Value) -> bool {
    const NAMES: [&str; 5] = ["token", "secret", "password", "authorization", "validationurl"];
    let mut changed = false;
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.to_ascii_lowercase();
                match member {
                    Value::String(text) if NAMES.iter().any(|secret| name.contains(secret)) => {
                        text.insert(0, 'x');
                        changed = true;
                    }
                    other => changed |= change_secrets(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| changed |= change_secrets(item)),
        _ => {}
    }
    changed
}

/// The readings without what was remarked on a wrapping.
fn without(readings: &[Reading], codes: &[Code]) -> Vec<Reading> {
    let mut readings = readings.to_vec();
    for reading in &mut readings {
        if let Reading::Read(notice) = reading {
            notice.remarks.retain(|remark| !codes.contains(&remark.code));
        }
    }
    readings
}

fn envelope(reading: &Reading) -> Option<&Envelope> {
    match reading {
        Reading::Read(notice) => Some(&notice.envelope),
        Reading::Ignored { envelope, .. } | Reading::Quarantined { envelope, .. } => envelope.as_ref(),
    }
}

fn assert_good(readings: &[Reading], body: &[u8]) {
    assert!(!readings.is_empty(), "a body always comes to something");
    let written = serde_json::to_string(readings).expect("readings can be written");
    let most = 50_000 + 1_000 * readings.len() + 8 * body.len();
    assert!(written.len() <= most, "{} bytes became {}", body.len(), written.len());
    let again: Vec<Reading> = serde_json::from_str(&written).expect("what is written can be read");
    assert_eq!(again, readings, "what is written is the same when it is read");

    let mut keys = HashSet::new();
    for reading in readings {
        if let Some(envelope) = envelope(reading) {
            assert_envelope(envelope);
        }
        match reading {
            Reading::Read(notice) => {
                assert!(keys.insert(notice.envelope.duplicate_key()), "two events have one key");
                assert_notice(notice);
            }
            Reading::Ignored { reason, .. } => assert_sentence(reason),
            Reading::Quarantined { reason, part, .. } => {
                assert_sentence(reason);
                if let Some(part) = part {
                    assert!(part.len() <= 4_003, "{}", part.len());
                    assert_shown(part);
                }
            }
        }
    }

    assert_repeats(readings);

    let sifted = Watched::default().sift(readings.to_vec());
    assert_eq!(sifted.len(), readings.len());
    for reading in &sifted {
        match reading {
            Reading::Read(notice) => assert!(
                matches!(
                    &notice.fact,
                    Fact::Pinged { .. }
                        | Fact::SubscriptionDeleted { .. }
                        | Fact::SubscriptionValidation { .. }
                        | Fact::ModelRegistered(events::fact::RegisteredModel {
                            registry: ModelRegistry::Mlflow(_),
                            ..
                        })
                        | Fact::ModelAliased(_)
                        | Fact::ModelTagged(_)
                ),
                "nobody watches {:?}",
                notice.fact
            ),
            Reading::Ignored { reason, .. } | Reading::Quarantined { reason, .. } => assert_sentence(reason),
        }
    }
}

/// What is called a repeat has the id and the source of another event.
fn assert_repeats(readings: &[Reading]) {
    let name = |envelope: &Envelope| (envelope.source.to_ascii_lowercase(), envelope.id.clone());
    let mut seen = HashSet::new();
    for reading in readings {
        let name = envelope(reading).map(name);
        if let Reading::Ignored { code: Code::EventDuplicate, .. }
        | Reading::Quarantined { code: Code::EventIdConflict, .. } = reading
        {
            assert!(name.as_ref().is_some_and(|name| seen.contains(name)), "{reading:?} repeats nothing");
        }
        seen.extend(name);
    }
}

fn assert_envelope(envelope: &Envelope) {
    let Envelope { sender, id, kind, source, at: _, subject } = envelope;
    assert!((1..=2_100).contains(&id.len()), "{id:?}");
    assert!(kind.len() <= 2_100 && source.len() <= 1_024, "{kind:?} {source:?}");
    assert!(!kind.is_empty() || *sender == Sender::Github, "only GitHub's kind is a header's");
    assert!(subject.as_ref().is_none_or(|subject| subject.len() <= 2_003), "{subject:?}");
    [id, kind, source].into_iter().chain(subject).for_each(|text| assert_shown(text));
}

/// A reason is something that people read, whole and in one line.
fn assert_sentence(text: &str) {
    assert!((1..=3_000).contains(&text.len()), "{} bytes: {text}", text.len());
    assert_shown(text);
}

/// No control character, and none that makes people read another text than is there.
fn assert_shown(text: &str) {
    let misleads = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    assert!(!text.contains(misleads), "{text:?}");
}

fn assert_notice(notice: &Notice) {
    let Notice { fact, remarks, .. } = notice;
    assert!(remarks.len() <= 20, "{remarks:?}");
    remarks.iter().for_each(|remark| assert_sentence(&remark.what));
    if let Some(meaning) = fact.meaning() {
        assert!(!meaning.is_empty() && meaning.len() <= 8_000 && !meaning.contains(char::is_control), "{meaning:?}");
    }
    let written = serde_json::to_value(fact).expect("a fact can be written");
    assert_texts("", &written);
    assert_fact(fact);
}

/// The texts of a fact, each under its name. Git and Azure Storage allow names that mislead; nobody else does.
fn assert_texts(name: &str, value: &Value) {
    match value {
        Value::String(text) if matches!(name, "reference" | "source" | "target" | "default_branch" | "blob") => {
            assert!(!text.contains(char::is_control), "{text:?}");
        }
        Value::String(text) => assert_shown(text),
        Value::Array(items) => items.iter().for_each(|item| assert_texts(name, item)),
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            assert_shown(name);
            assert_texts(name, member);
        }),
        _ => {}
    }
}

/// What a fact's type does not say.
fn assert_fact(fact: &Fact) {
    match fact {
        Fact::Pushed(push) => {
            assert!((1..=events::fact::Push::MOST_UPDATES).contains(&push.updates.len()));
            for update in &push.updates {
                assert!(update.before.is_some() || update.after.is_some(), "{update:?}");
                assert_reference(&update.reference);
            }
            let paths = push.changed_paths.as_deref().unwrap_or_default();
            assert!(paths.is_sorted() && paths.len() <= 3_000);
            for path in paths {
                assert!(!path.is_empty() && path.split('/').all(|part| !matches!(part, "" | "." | "..")), "{path:?}");
            }
        }
        Fact::PullRequestChanged(request) => {
            assert_reference(&request.source);
            assert_reference(&request.target);
        }
        Fact::PipelineRunChanged(run) => assert!(run.state != RunState::Completed || run.result.is_some()),
        Fact::CheckRequested(check) => assert!(check.pull_requests.len() <= 100),
        Fact::JobChanged(job) => {
            assert!((1..=1_024).contains(&job.job.len()), "{:?}", job.job);
            assert!(job.tags.len() <= 64);
        }
        Fact::DataDrifted(drift) => assert!(drift.coefficient.is_finite() && drift.coefficient >= 0.0),
        Fact::ModelRegistered(model) => assert!(model.tags.len() <= 64 && model.properties.len() <= 64),
        Fact::ModelDeployed(deployment) => assert!(deployment.models.len() <= 100 && deployment.tags.len() <= 64),
        Fact::ImagePushed(image) | Fact::ImageQuarantined(image) | Fact::ImageDeleted(image) => {
            assert!(image.registry.is_some() || image.registry_id.is_some(), "whose is {image:?}");
        }
        Fact::BlobCreated(blob) | Fact::BlobDeleted(blob) => {
            let name = blob.blob.as_str();
            assert_leads_nowhere(name);
            assert_leads_nowhere(&percent_decoded(name));
            assert!(blob.account.after("storageAccounts").is_some(), "{:?}", blob.account);
        }
        _ => {}
    }
}

fn assert_reference(reference: &events::names::Reference) {
    let text = reference.as_str();
    assert!(!text.contains("..") && !text.contains([' ', '\\', '~', '^', ':', '?', '*', '[']), "{text:?}");
    let name = match reference.kind() {
        ReferenceKind::Branch(name) | ReferenceKind::Tag(name) | ReferenceKind::Other(name) => name,
    };
    assert!(reference.is_hostile() || !name.starts_with('-') && !name.contains(['$', '`', '<', '"', '\'']), "{text:?}");
}

/// Whoever takes a name for a path, of either kind, stays below where he was.
fn assert_leads_nowhere(name: &str) {
    assert!(name.split(['/', '\\']).all(|part| !matches!(part, "." | "..")), "{name:?}");
}

/// A name as somebody has it who decodes once more than needed, and does not mind errors.
fn percent_decoded(text: &str) -> String {
    let mut plain = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = match rest {
            [b'%', high, low, ..] => str::from_utf8(&[*high, *low]).ok().and_then(|it| u8::from_str_radix(it, 16).ok()),
            _ => None,
        };
        plain.push(code.unwrap_or(*first));
        rest = if code.is_some() { &rest[3..] } else { after };
    }
    String::from_utf8_lossy(&plain).into_owned()
}
