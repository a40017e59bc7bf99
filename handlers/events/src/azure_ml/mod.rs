//! Azure Machine Learning, through Event Grid.
//!
//! The types are those of <https://learn.microsoft.com/azure/event-grid/event-schema-machine-learning>, the behaviour
//! that of <https://learn.microsoft.com/azure/machine-learning/how-to-use-event-grid>. The schema writes members in camel
//! case and the examples write some in Pascal case, so case does not matter. Every step and every child of a job has
//! events of its own; which are ours, their tags tell.

use pipeline::names::ModelName;

use crate::code::Code;
use crate::draft::Draft;
use crate::event_grid::Event;
use crate::fact::{Drift, Fact, Job, JobStatus, ModelDeployment, ModelRegistry, RegisteredModel};
use crate::member::Object;
use crate::names::{ArmId, ModelVersion, object_id};
use crate::reading::Refusal;
use crate::text::quoted;

/// More models than this are in no service.
const MOST_MODELS: usize = 100;

pub(crate) fn read(event: &Event<'_>, draft: &mut Draft) -> Result<Fact, Refusal> {
    let known = event.kind().strip_prefix("Microsoft.MachineLearningServices.").and_then(|kind| {
        ["RunCompleted", "RunStatusChanged", "ModelRegistered", "ModelDeployed", "DatasetDriftDetected"]
            .into_iter()
            .find(|known| *known == kind)
    });
    // What nobody waits for may look as it likes.
    let Some(kind) = known else { return Err(event.unknown(event.kind())) };
    let data = event.data()?.in_any_case();
    let workspace = event.resource("workspaces")?;
    match kind {
        "RunCompleted" => job(event, &data, workspace, JobStatus::Completed),
        "RunStatusChanged" => job(event, &data, workspace, status(&data)?),
        "ModelRegistered" => registered(event, &data, workspace),
        "ModelDeployed" => deployed(&data, workspace),
        _ => drift(&data, workspace, draft),
    }
}

fn job(event: &Event<'_>, data: &Object<'_>, workspace: ArmId, status: JobStatus) -> Result<Fact, Refusal> {
    // `experiments/{id}/runs/{job}`
    let subject = event.subject()?.and_then(|subject| subject.rsplit_once("/runs/")).map(|(_, job)| job);
    let named = match data.maybe_named("runId")? {
        Some(job) => job,
        None => {
            let job = subject.filter(|job| !job.is_empty()).ok_or_else(|| data.missing("runId"))?;
            event.named_by_subject(job)?
        }
    };
    agree("runId", subject, &named)?;
    let properties = data.maybe_object("runProperties")?;
    let mut commit = None;
    for name in ["azureml.git.commit", "mlflow.source.git.commit"] {
        if let (None, Some(properties)) = (&commit, &properties) {
            commit = properties.maybe(name)?.and_then(|id| object_id(id.as_str()?).ok().flatten());
        }
    }
    Ok(Fact::JobChanged(Job {
        workspace,
        job: named,
        status,
        experiment: data.maybe_named("experimentName")?,
        kind: data.maybe_named("runType")?,
        commit,
        tags: data.labels("runTags")?,
    }))
}

/// A job's status. One that is not known is none: it must not be taken for success, nor for an end.
fn status(data: &Object<'_>) -> Result<JobStatus, Refusal> {
    let unknown = |what: String| Refusal::quarantine(Code::ValueStatus, format!("`{}` {what}", data.path("runStatus")));
    let value = data.maybe("runStatus")?.ok_or_else(|| unknown("is missing".to_owned()))?;
    let text = value.as_str().ok_or_else(|| unknown("is no text".to_owned()))?;
    text.parse().map_err(|error| unknown(format!("is no status: {error}")))
}

fn registered(event: &Event<'_>, data: &Object<'_>, workspace: ArmId) -> Result<Fact, Refusal> {
    let name: ModelName = data.parsed("modelName", Code::ModelName)?;
    let version = data.version("modelVersion")?;
    // `models/{name}:{version}`
    let subject = event.subject()?.and_then(|subject| subject.strip_prefix("models/"));
    agree("modelVersion", subject, &format!("{name}:{version}"))?;
    let tags = data.labels("modelTags")?;
    Ok(Fact::ModelRegistered(RegisteredModel {
        registry: ModelRegistry::AzureMl(workspace),
        name,
        version,
        run: None,
        tags,
        properties: data.labels("modelProperties")?,
    }))
}

fn deployed(data: &Object<'_>, workspace: ArmId) -> Result<Fact, Refusal> {
    let listed = data.maybe_text("modelIds")?.unwrap_or_default();
    let mut models = Vec::new();
    for id in listed.split(',').map(str::trim).filter(|id| !id.is_empty()).take(MOST_MODELS) {
        let refuse = |code, why: &str| {
            Refusal::quarantine(code, format!("`{}` has {}: {why}", data.path("modelIds"), quoted(id)))
        };
        let (name, version) = id.rsplit_once(':').ok_or_else(|| refuse(Code::ModelName, "no version"))?;
        let name = name.parse().map_err(|_| refuse(Code::ModelName, "no model's name"))?;
        let version: ModelVersion = version.parse().map_err(|_| refuse(Code::ValueRange, "no version"))?;
        models.push((name, version));
    }
    Ok(Fact::ModelDeployed(ModelDeployment {
        workspace,
        service: data.name("serviceName")?,
        compute: data.maybe_named("serviceComputeType")?,
        models,
        tags: data.labels("serviceTags")?,
    }))
}

/// Nobody sends this any more since the monitor that did was retired; a custom event of the same shape is as good.
fn drift(data: &Object<'_>, workspace: ArmId, draft: &mut Draft) -> Result<Fact, Refusal> {
    let coefficient = data.decimal("driftCoefficient")?;
    if coefficient < 0.0 {
        let reason = format!("`{}` is {coefficient}; it is at least 0", data.path("driftCoefficient"));
        return Err(Refusal::quarantine(Code::ValueRange, reason));
    }
    Ok(Fact::DataDrifted(Drift {
        workspace,
        monitor: data.name("dataDriftId")?,
        name: data.maybe_named("dataDriftName")?,
        job: data.maybe_named("runId")?,
        coefficient,
        base_dataset: data.maybe_named("baseDatasetId")?,
        target_dataset: data.maybe_named("targetDatasetId")?,
        from: draft.time(data, "startTime")?,
        to: draft.time(data, "endTime")?,
    }))
}

/// Subject and data say the same, where the subject says anything.
fn agree(member: &str, subject: Option<&str>, data: &str) -> Result<(), Refusal> {
    match subject {
        Some(subject) if subject != data => {
            let reason = format!("the subject says {} and `data.{member}` {}", quoted(subject), quoted(data));
            Err(Refusal::quarantine(Code::EventInconsistent, reason))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
