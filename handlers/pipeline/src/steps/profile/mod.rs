//! Profile: the packaged model under load. What is measured becomes tags of the model and limits of its deployments.
//!
//! ```text
//! NotStarted --Requested--> Waiting(job) --JobFinished(completed)--> Succeeded, model tagged --> deploy
//!      |                       `-----------anything else that ends--> Failed
//!      `--Requested, no load test--> Skipped --> deploy
//! ```

use std::collections::BTreeMap;

use super::job::{self, News};
use crate::decision::{Context, Decision, Fact, retry_advice};
use crate::effect::Effect;
use crate::event::{Event, JobOutputs, Step};
use crate::release::{Limits, Profile};
use crate::run::{Progress, StepRecord};

#[cfg(test)]
mod tests;

const TIMEOUT_MINUTES: u32 = 30;

/// Decides what the step does about an event.
#[must_use]
pub fn decide(record: &StepRecord, event: &Event, cx: &Context<'_>) -> Option<Decision> {
    if (&record.progress, event) == (&Progress::NotStarted, &Event::Requested) {
        return Some(begin(cx));
    }
    Some(match job::news(record, event, cx)? {
        News::Completed(_, outputs) => keep(outputs, cx),
        News::Ended(_, failed) => failed,
        News::GoOn(decision) => decision,
    })
}

fn begin(cx: &Context<'_>) -> Decision {
    let scoring = &cx.manifest().scoring;
    let Some(load) = &scoring.profile else { return Decision::skip("trainyard.yml names no `scoring.profile`") };
    let Some(image) = cx.run.facts.image.clone() else {
        return Decision::fail("there is no image to measure", retry_advice(cx.run, Step::Package));
    };
    let Some(mut job) = job::spec(cx, TIMEOUT_MINUTES) else { return job::no_source(cx) };
    job.image = Some(image);
    job.environments = vec![scoring.environment.clone()];
    job.load = Some(load.clone());
    job.entry = Some(scoring.entry.clone());
    job::submit(job, cx)
}

fn keep(outputs: &JobOutputs, cx: &Context<'_>) -> Decision {
    let metric = |name: &str| outputs.metrics.get(name).copied().filter(|value| value.is_finite()).unwrap_or_default();
    let profile = Profile {
        latency_ms_p50: metric("latency_ms_p50"),
        latency_ms_p95: metric("latency_ms_p95"),
        requests_per_second: metric("requests_per_second"),
        cpu_cores: metric("cpu_cores"),
        memory_mib: metric("memory_mib"),
    };
    let mut decision = Decision::succeed().because(format!(
        "p50 {:.1} ms, p95 {:.1} ms, {:.0} requests/s, {:.2} cores, {:.0} MiB at most",
        profile.latency_ms_p50,
        profile.latency_ms_p95,
        profile.requests_per_second,
        profile.cpu_cores,
        profile.memory_mib
    ));
    if let Some(model) = cx.run.facts.model.as_ref().filter(|model| model.is_registered()) {
        let limits = limits(Some(&profile));
        let tags = BTreeMap::from([
            ("latency_ms_p50".to_owned(), format!("{:.2}", profile.latency_ms_p50)),
            ("latency_ms_p95".to_owned(), format!("{:.2}", profile.latency_ms_p95)),
            ("requestedCpu".to_owned(), format!("{}", limits.cpu_cores)),
            ("requestedMemoryInGb".to_owned(), format!("{:.2}", limits.memory_mib as f64 / 1024.0)),
        ]);
        decision = decision.perform(Effect::TagModel { name: model.name.clone(), version: model.version, tags });
    }
    decision.learn(Fact::Profiled(profile))
}

/// What a deployment may use: the measured peak and a half more, in steps that platforms sell; one core and 1 GiB where
/// nothing was measured.
#[must_use]
pub fn limits(profile: Option<&Profile>) -> Limits {
    let Some(profile) = profile else { return Limits { cpu_cores: 1.0, memory_mib: 1024 } };
    let cpu_cores = ((profile.cpu_cores * 1.5 * 4.0).ceil() / 4.0).clamp(0.25, 64.0);
    let mib = (profile.memory_mib * 1.5 / 256.0).ceil().clamp(1.0, 1024.0) * 256.0;
    Limits { cpu_cores, memory_mib: mib as u64 }
}
