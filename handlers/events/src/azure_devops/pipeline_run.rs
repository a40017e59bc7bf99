//! `ms.vss-pipelines.run-state-changed-event`. It has no commit: whoever needs one asks for the run.

use super::Hook;
use super::build::RESULTS;
use crate::code::Code;
use crate::fact::{Fact, PipelineRun, RunState};
use crate::member::Object;
use crate::reading::Refusal;

const STATES: &[(&str, RunState)] =
    &[("inProgress", RunState::InProgress), ("canceling", RunState::Canceling), ("completed", RunState::Completed)];

pub(super) fn read(hook: &Hook<'_>, resource: &Object<'_>) -> Result<Fact, Refusal> {
    let run = resource.object("run")?;
    // The reference of 2025 prints a run without id, and its pipeline inside of it.
    let id = match run.maybe_number("id")? {
        Some(id) => id,
        None => run.maybe_text("url")?.and_then(last_number).ok_or_else(|| run.missing("id"))?,
    };
    let pipeline = match resource.maybe_object("pipeline")? {
        None => run.maybe_object("pipeline")?,
        found => found,
    };
    let state = run.choice("state", STATES)?;
    let result = run.maybe_choice("result", RESULTS)?;
    if state == RunState::Completed && result.is_none() {
        return Err(Refusal::quarantine(
            Code::ShapeMissing,
            format!("the run ended; `{}` is missing", run.path("result")),
        ));
    }
    let (pipeline_id, pipeline) = match pipeline {
        Some(pipeline) => (pipeline.maybe_number("id")?, pipeline.maybe_named("name")?),
        None => (None, None),
    };
    Ok(Fact::PipelineRunChanged(PipelineRun {
        id,
        name: run.maybe_named("name")?,
        state,
        result,
        pipeline_id,
        pipeline,
        project: hook.project(None)?,
    }))
}

/// The number at the end of an address, `…/runs/88121`.
fn last_number(address: &str) -> Option<u64> {
    address.rsplit_once("/runs/")?.1.parse().ok()
}
