//! Runs: started, listed, shown, explained, ended.

use azure_functions::{HttpRequest, HttpResponse, StatusCode};
use pipeline::environment::Environment;
use pipeline::event::{Event, Message, Step, StepKey};
use pipeline::names::{Digest, JobName, Project, RunId};
use pipeline::run::{On, Progress, Run};
use pipeline::why::why as explain;
use runner::intake::Start;
use runner::keys;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refusal, find_run, person, taken};
use crate::functions::{App, view};

/// Runs on a page, if the caller does not say.
const PAGE: usize = 20;
/// Runs on a page at most.
const LONGEST_PAGE: usize = 200;

type Answer = Result<HttpResponse, Refusal>;

pub async fn list(app: &App, request: &HttpRequest<'_>) -> Answer {
    let query = |name: &str| request.query(name).map(|value| value.into_owned()).filter(|value| !value.is_empty());
    let limit = match query("limit") {
        Some(limit) => limit.parse().map_err(|_| Refusal::bad("`limit` must be a number"))?,
        None => PAGE,
    };
    let limit = usize::clamp(limit, 1, LONGEST_PAGE);
    let project: Option<Project> =
        query("project").map(|name| name.parse()).transpose().map_err(|error| Refusal::bad(format!("{error}")))?;
    let prefix = project.as_ref().map_or_else(|| keys::RUNS.to_owned(), keys::numbers);
    let after = query("after").map(|after| format!("{prefix}{after}"));
    let store = &app.runner.ports().store;
    let page = store.list(&prefix, after.as_deref(), limit).await?;
    let mut runs = Vec::with_capacity(page.len());
    for key in &page {
        let key = if project.is_some() { keys::run(&claimed(app, key).await?) } else { key.clone() };
        if let Some(document) = store.get(&key).await? {
            runs.push(view::summary(&read(&document.body)?));
        }
    }
    let next = page.last().filter(|_| page.len() == limit).and_then(|key| key.strip_prefix(&prefix));
    Ok(HttpResponse::json(StatusCode::OK, json!({"runs": runs, "next": next})))
}

pub async fn start(app: &App, request: &HttpRequest<'_>) -> Answer {
    let mut body: Value = request.parse().map_err(|error| Refusal::bad(format!("the body is not JSON: {error}")))?;
    let by = person(request, body.get("by").and_then(Value::as_str))?;
    if let Some(object) = body.as_object_mut() {
        object.insert("by".into(), by.into());
    }
    // People name a run as they please; the wish wants its id.
    if let Some(run) = body.pointer("/redeploy/run").and_then(Value::as_str).map(str::to_owned) {
        let project = body.get("project").and_then(Value::as_str).map(str::to_owned);
        body["redeploy"]["run"] = find_run(app, &run, project.as_deref()).await?.id.as_str().into();
    }
    let start: Start = serde_json::from_value(body).map_err(|error| Refusal::bad(format!("no such start: {error}")))?;
    let started = app.runner.start(&start).await?;
    let run = &started.run;
    let because = run.ended.as_ref().map(|ended| ended.because.clone()).unwrap_or_default();
    let status = if started.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok(HttpResponse::json(
        status,
        json!({
            "id": run.id, "number": run.number, "project": run.project, "created": started.created,
            "outcome": run.ended.as_ref().map(|ended| ended.outcome), "because": because,
        }),
    ))
}

pub async fn show(app: &App, request: &HttpRequest<'_>, run: &str) -> Answer {
    let run = find_run(app, run, request.query("project").as_deref()).await?;
    let mut environments = Vec::new();
    for (name, _) in &run.manifest.environments {
        let document = app.runner.ports().store.get(&keys::environment(&run.project, name)).await?;
        let environment = document.and_then(|document| serde_json::from_slice::<Environment>(&document.body).ok());
        environments.push((name.clone(), environment));
    }
    Ok(HttpResponse::json(StatusCode::OK, view::whole(&run, &environments)))
}

pub async fn why(app: &App, request: &HttpRequest<'_>, run: &str) -> Answer {
    let run = find_run(app, run, request.query("project").as_deref()).await?;
    let why = explain(&run, app.runner.ports().clock.now());
    Ok(HttpResponse::json(StatusCode::OK, json!({"sentences": why.sentences, "action": why.action})))
}

pub async fn logs(app: &App, request: &HttpRequest<'_>, run: &str) -> Answer {
    let run = find_run(app, run, request.query("project").as_deref()).await?;
    let from = request.query("from").and_then(|from| from.parse().ok()).unwrap_or(0);
    let key: StepKey = match request.query("step").filter(|step| !step.is_empty()) {
        Some(step) => step.parse().map_err(Refusal::bad)?,
        None => newest_with_log(&run).ok_or_else(|| Refusal::missing("no step of this run has a log yet"))?,
    };
    let ports = app.runner.ports();
    let chunk = match key.step {
        Step::Check | Step::Provision | Step::Train | Step::TestImage | Step::Profile => {
            let Some(job) = job(&run, &key) else {
                return Err(Refusal::missing(format!("{key} of run {} has no log", run.number)));
            };
            ports.jobs.logs(&job, from).await?
        }
        Step::Deploy | Step::SmokeTest | Step::Rollback => {
            let environment = key.environment.as_ref().ok_or_else(|| Refusal::bad("say which: `deploy:qa`"))?;
            let release = run.stage(environment).and_then(|stage| stage.release.as_ref());
            let Some(release) = release else {
                return Err(Refusal::missing(format!("run {} put nothing into {environment}", run.number)));
            };
            ports.deployments.logs(&run.project, environment, &release.deployment, from).await?
        }
        _ => return Err(Refusal::missing(format!("{key} has no log; `trainyard show` has its reasons"))),
    };
    let body = json!({"step": key, "text": chunk.text, "next": chunk.next, "ended": chunk.ended});
    Ok(HttpResponse::json(StatusCode::OK, body))
}

/// The job that a step of a run has, or had.
fn job(run: &Run, key: &StepKey) -> Option<JobName> {
    let record = run.step(key)?;
    if let Progress::Waiting(wait) = &record.progress {
        return match &wait.on {
            On::Job { job } => Some(job.clone()),
            _ => None,
        };
    }
    (record.progress != Progress::Skipped).then(|| {
        let cx = pipeline::decision::Context { run, key, attempt: record.attempt, now: record.started_at };
        cx.job()
    })
}

fn newest_with_log(run: &Run) -> Option<StepKey> {
    let has_job = |key: &&StepKey| {
        matches!(key.step, Step::Check | Step::Provision | Step::Train | Step::TestImage | Step::Profile)
    };
    run.plan.iter().rev().filter(has_job).find(|key| job(run, key).is_some()).cloned()
}

pub async fn report(app: &App, request: &HttpRequest<'_>, run: &str, name: &str) -> Answer {
    let run = find_run(app, run, request.query("project").as_deref()).await?;
    let Some(digest): Option<&Digest> = run.facts.reports.get(name) else {
        let names: Vec<_> = run.facts.reports.keys().map(String::as_str).collect();
        return Err(Refusal::missing(format!("run {} has no report {name}; it has {}", run.number, names.join(", "))));
    };
    let bytes = app.runner.ports().artifacts.get(digest).await?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    // Reports are what a user's own commands wrote: shown as text, so that none runs as a page of ours.
    Ok(HttpResponse::new(StatusCode::OK)
        .header("Content-Type", "text/plain; charset=utf-8")
        .header("X-Content-Type-Options", "nosniff")
        .body(text))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Person {
    by: Option<String>,
    reason: Option<String>,
}

pub async fn cancel(app: &App, request: &HttpRequest<'_>, run: &str) -> Answer {
    let run = find_run(app, run, None).await?;
    let body: Person = request.parse().map_err(|error| Refusal::bad(format!("{error}")))?;
    let by = person(request, body.by.as_deref())?;
    if let Some(ended) = &run.ended {
        return Err(Refusal::conflict(format!("run {} has ended already: {}", run.number, ended.outcome.word())));
    }
    let event = Event::CancelRequested { by: by.clone(), reason: body.reason };
    tell(app, &run, "cancel", event).await?;
    Ok(taken(&run, &format!("{by} canceled run {}", run.number)))
}

pub async fn retry(app: &App, request: &HttpRequest<'_>, run: &str) -> Answer {
    let run = find_run(app, run, None).await?;
    let body: Person = request.parse().map_err(|error| Refusal::bad(format!("{error}")))?;
    let by = person(request, body.by.as_deref())?;
    pipeline::may_retry(&run).map_err(Refusal::conflict)?;
    tell(app, &run, "retry", Event::RetryRequested { by: by.clone() }).await?;
    Ok(taken(&run, &format!("{by} asked for another try of run {}", run.number)))
}

/// What a person asks of a run as it is now: asked twice of the same state, it is one message.
async fn tell(app: &App, run: &Run, what: &str, event: Event) -> Result<(), Refusal> {
    let step = run.waiting().map(|(key, ..)| key.clone()).or_else(|| run.ended.as_ref()?.step.clone());
    let step = step.or_else(|| run.plan.first().cloned()).unwrap_or_else(|| StepKey::of(Step::Check));
    let id = format!("{}/{what}-{}", run.id, run.journal.len());
    let message = Message { id, run: run.id.clone(), step, attempt: u32::MAX, event };
    Ok(app.runner.tell(&message).await?)
}

/// The run that a number belongs to.
pub async fn claimed(app: &App, key: &str) -> Result<RunId, Refusal> {
    #[derive(Deserialize)]
    struct Claim {
        run: RunId,
    }
    let document = app.runner.ports().store.get(key).await?.ok_or_else(|| Refusal::missing("there is no such run"))?;
    let claim: Claim = read(&document.body)?;
    Ok(claim.run)
}

/// A document's content.
pub fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        Refusal::unprocessable(format!("the document cannot be read ({error}); was it made by a newer Trainyard?"))
    })
}
