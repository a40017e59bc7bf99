//! Azure Container Registry: through Event Grid
//! (<https://learn.microsoft.com/azure/event-grid/event-schema-container-registry>), and its own web hooks
//! (<https://learn.microsoft.com/azure/container-registry/container-registry-webhook-reference>), which send the same
//! without an envelope and without a signature.
//!
//! What was pushed is the digest; the tag may already name something else. The host is in `data.request`, if anywhere.

use pipeline::names::Digest;
use serde_json::Value;

use crate::body::{self, Limits, Opened};
use crate::code::Code;
use crate::draft::{self, Draft};
use crate::event_grid::Event;
use crate::fact::{ChartChange, Fact, ImageChange};
use crate::member::Object;
use crate::names::{ArmId, HostName};
use crate::reading::{Envelope, Reading, Refusal, Sender};
use crate::text::{self, quoted};

pub(crate) fn read(event: &Event<'_>, draft: &mut Draft) -> Result<Fact, Refusal> {
    let action = match event.kind() {
        "Microsoft.ContainerRegistry.ImagePushed" => "push",
        "Microsoft.ContainerRegistry.ImageDeleted" => "delete",
        "Microsoft.ContainerRegistry.ChartPushed" => "chart_push",
        "Microsoft.ContainerRegistry.ChartDeleted" => "chart_delete",
        unknown => return Err(event.unknown(unknown)),
    };
    let data = event.data()?;
    let fact = changed(action, &data, Some(event.resource("registries")?))?;
    if let (Fact::ImagePushed(image) | Fact::ImageDeleted(image), Some(subject)) = (&fact, event.subject()?) {
        let rest = subject.strip_prefix(image.repository.as_str());
        if !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '@'])) {
            let what = format!("the subject says {}, the target {}", quoted(subject), image.repository);
            draft.remark(Code::EventInconsistent, what);
        }
    }
    Ok(fact)
}

/// Reads the body of a registry's own web hook.
#[must_use]
pub fn read_webhook(body: &[u8], limits: Limits) -> Vec<Reading> {
    body::read(body, limits, |Opened { value, remarks }| {
        let event = Object::top(&value).and_then(|data| {
            let mut remarks = remarks;
            let action = data.name("action")?;
            let envelope = Envelope {
                sender: Sender::ContainerRegistryWebhook,
                id: data.name("id")?,
                kind: action.clone(),
                source: host(&data)?.map(String::from).unwrap_or_default(),
                at: draft::time(&data, "timestamp", &mut remarks)?,
                subject: None,
            };
            Ok((action, data, Draft::new(envelope, remarks)))
        });
        let (action, data, draft) = match event {
            Ok(event) => event,
            Err(refusal) => return vec![refusal.into_reading(None, || Some(text::part(&value)))],
        };
        let known = ["push", "delete", "quarantine", "chart_push", "chart_delete"].contains(&action.as_str());
        let fact = if !known {
            Err(Refusal::ignore(Code::EventUnknownType, format!("nobody waits for {}", quoted(&action))))
        } else if draft.envelope.source.is_empty() && !action.starts_with("chart") {
            // Without an envelope, nothing else says whose image it is.
            Err(data.missing("request.host"))
        } else {
            changed(&action, &data, None)
        };
        draft.finish(fact.map(Some), &value)
    })
}

fn changed(action: &str, data: &Object<'_>, registry_id: Option<ArmId>) -> Result<Fact, Refusal> {
    let registry = host(data)?;
    let target = data.object("target")?;
    if action.starts_with("chart") {
        let chart = chart(&target, registry, registry_id)?;
        return Ok(if action == "chart_push" { Fact::ChartPushed(chart) } else { Fact::ChartDeleted(chart) });
    }
    let image = image(&target, registry, registry_id)?;
    Ok(match action {
        "push" => Fact::ImagePushed(image),
        "quarantine" => Fact::ImageQuarantined(image),
        _ => Fact::ImageDeleted(image),
    })
}

fn host(data: &Object<'_>) -> Result<Option<HostName>, Refusal> {
    match data.maybe_object("request")? {
        Some(request) => request.maybe_parsed("host", Code::RegistryNotAllowed),
        None => Ok(None),
    }
}

fn image(target: &Object<'_>, registry: Option<HostName>, registry_id: Option<ArmId>) -> Result<ImageChange, Refusal> {
    Ok(ImageChange {
        registry,
        registry_id,
        repository: target.parsed("repository", Code::ImageInvalid)?,
        digest: target.parsed("digest", Code::ImageInvalid)?,
        tag: target.maybe_parsed("tag", Code::ImageInvalid)?,
        media_type: target.maybe_named("mediaType")?,
        size: match target.maybe("size")? {
            Some(Value::Number(size)) if !size.is_u64() => {
                let reason = format!("`{}` is {size}; a manifest has no such size", target.path("size"));
                return Err(Refusal::quarantine(Code::ImageInvalid, reason));
            }
            _ => target.maybe_number("size")?,
        },
    })
}

fn chart(target: &Object<'_>, registry: Option<HostName>, registry_id: Option<ArmId>) -> Result<ChartChange, Refusal> {
    Ok(ChartChange {
        registry,
        registry_id,
        repository: target.parsed("repository", Code::ImageInvalid)?,
        name: target.parsed("name", Code::ImageInvalid)?,
        version: target.parsed("version", Code::ImageInvalid)?,
        digest: target.maybe_parsed::<Digest>("digest", Code::ImageInvalid)?,
    })
}

#[cfg(test)]
mod tests;
