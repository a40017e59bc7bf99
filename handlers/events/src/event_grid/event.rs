//! One event in either envelope.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::body;
use crate::code::Code;
use crate::draft::{self, Draft};
use crate::member::Object;
use crate::names::ArmId;
use crate::reading::{Envelope, Refusal, Remark, Sender};
use crate::text::{self, shown};

/// The newest major version of any event's data that is known here: that of the container registry.
const KNOWN_DATA_VERSION: u64 = 2;

/// An event whose envelope is read.
pub(crate) struct Event<'a> {
    object: Object<'a>,
    kind: String,
    /// The data of a CloudEvent that came as base64.
    decoded: Option<Value>,
    /// The members that the two envelopes call differently.
    names: &'static Names,
}

struct Names {
    kind: &'static str,
    source: &'static str,
    time: &'static str,
}

const EVENT_GRID: Names = Names { kind: "eventType", source: "topic", time: "eventTime" };
const CLOUD_EVENTS: Names = Names { kind: "type", source: "source", time: "time" };

impl<'a> Event<'a> {
    pub(super) fn read(object: Object<'a>, mut remarks: Vec<Remark>) -> Result<(Self, Draft), Refusal> {
        let names = match version(&object, &mut remarks)? {
            Some("1.0") => &CLOUD_EVENTS,
            Some(other) => {
                let reason = format!("CloudEvents {} is another contract than 1.0", text::quoted(other));
                return Err(Refusal::quarantine(Code::CloudEventsVersion, reason));
            }
            None => &EVENT_GRID,
        };
        let id = object.name("id")?;
        let kind = object.name(names.kind)?;
        let envelope = Envelope {
            sender: sender(&kind),
            id,
            kind: kind.clone(),
            source: object.maybe_named(names.source)?.unwrap_or_default(),
            at: draft::time(&object, names.time, &mut remarks)?,
            subject: object.maybe_text("subject")?.map(|subject| shown(subject, text::NOTE).0),
        };
        let mut draft = Draft::new(envelope, remarks);
        remark_on_version(&object, &mut draft)?;
        for name in ["deadLetterReason", "deadletterreason"] {
            if let Some(why) = draft.note(&object, name)? {
                draft.remark(Code::EventReplayed, format!("comes from the dead letters: {why}"));
            }
        }
        let decoded = decoded(&object)?;
        Ok((Self { object, kind, decoded, names }, draft))
    }

    pub(crate) fn kind(&self) -> &str {
        &self.kind
    }

    /// What the event says; always an object.
    pub(crate) fn data(&self) -> Result<Object<'_>, Refusal> {
        match &self.decoded {
            Some(data) => Object::at(self.object.path("data_base64"), data),
            None => self.object.object("data"),
        }
    }

    /// The resource that the event comes from, of this kind: `workspaces`, `storageAccounts`.
    pub(crate) fn resource(&self, kind: &str) -> Result<ArmId, Refusal> {
        let source = self.names.source;
        let resource: ArmId = self.object.parsed(source, Code::ShapeMember)?;
        if resource.after(kind).is_none() {
            let reason = format!("`{}` is none of the {kind}", self.object.path(source));
            return Err(Refusal::quarantine(Code::ShapeMember, reason));
        }
        Ok(resource)
    }

    /// What the event is about, as it came.
    pub(crate) fn subject(&self) -> Result<Option<&str>, Refusal> {
        Ok(self.object.maybe_text("subject")?.filter(|subject| !subject.is_empty()))
    }

    /// A name that is the end of the subject.
    pub(crate) fn named_by_subject(&self, name: &str) -> Result<String, Refusal> {
        self.object.checked("subject", name)
    }

    /// Where a member of the envelope is.
    pub(crate) fn missing(&self, name: &str) -> Refusal {
        self.object.missing(name)
    }

    /// A kind that nobody here reads.
    pub(crate) fn unknown(&self, kind: &str) -> Refusal {
        Refusal::ignore(Code::EventUnknownType, format!("nobody waits for {}", text::quoted(kind)))
    }
}

/// The version of CloudEvents; None for an event in Event Grid's own envelope.
fn version<'a>(object: &Object<'a>, remarks: &mut Vec<Remark>) -> Result<Option<&'a str>, Refusal> {
    if let Some(version) = object.maybe_text("specversion")? {
        return Ok(Some(version));
    }
    let version = object.maybe_text("specVersion")?;
    if version.is_some() {
        let what = "the specification calls it `specversion`".to_owned();
        remarks.push(Remark { code: Code::CloudEventsCasing, what });
    }
    Ok(version)
}

fn remark_on_version(object: &Object<'_>, draft: &mut Draft) -> Result<(), Refusal> {
    let major = |version: &str| version.split('.').next().and_then(|major| major.parse::<u64>().ok());
    let data = object.maybe_text("dataVersion")?;
    let metadata = object.maybe_text("metadataVersion")?;
    if data.and_then(major) > Some(KNOWN_DATA_VERSION) || metadata.and_then(major) > Some(1) {
        let told = |version: Option<&str>| text::quoted(version.unwrap_or_default());
        let what = format!("data version {}, metadata version {}", told(data), told(metadata));
        draft.remark(Code::EventNewerVersion, what);
    }
    Ok(())
}

fn decoded(object: &Object<'_>) -> Result<Option<Value>, Refusal> {
    let Some(encoded) = object.maybe_text("data_base64")? else { return Ok(None) };
    if object.maybe("data")?.is_some() {
        let reason = "the event has both `data` and `data_base64`";
        return Err(Refusal::quarantine(Code::CloudEventsTwoPayloads, reason));
    }
    let bytes = STANDARD.decode(encoded).map_err(|error| {
        let reason = format!("`{}` is not base64: {error}", object.path("data_base64"));
        Refusal::quarantine(Code::ShapeMember, reason)
    })?;
    body::open_text(body::utf8(&bytes)?).map(|opened| Some(opened.value))
}

fn sender(kind: &str) -> Sender {
    const PUBLISHERS: [(&str, Sender); 4] = [
        ("Microsoft.MachineLearningServices.", Sender::AzureMl),
        ("Microsoft.ContainerRegistry.", Sender::ContainerRegistry),
        ("Microsoft.Storage.", Sender::Storage),
        ("Microsoft.ResourceNotifications.", Sender::ResourceNotifications),
    ];
    let known = PUBLISHERS.into_iter().find(|(publisher, _)| kind.starts_with(publisher));
    known.map_or(Sender::EventGrid, |(_, sender)| sender)
}
