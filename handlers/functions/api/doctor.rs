//! The doctor: a look at everything that deliveries need.

use std::collections::BTreeMap;

use azure::GithubDeliveries;
use azure_functions::{HttpResponse, StatusCode};
use events::fact::Host;
use events::{Envelope, Reading};
use jiff::{SignedDuration, Timestamp};
use pipeline::names::Project;
use runner::ports::Revision;
use runner::reception::{self, EventRecord};
use runner::watch::{Watch, WatchList};
use serde_json::{Value, json};

use super::{Refusal, sources};
use crate::functions::{App, deliveries};

/// So many of the newest events the doctor looks at.
const LOOKED_AT: usize = 200;
/// An event that is kept for a person is news for so long.
const NEWS: SignedDuration = SignedDuration::from_hours(24);

/// Looks at what the deliveries of this machine need.
pub async fn look(app: &App) -> Result<HttpResponse, Refusal> {
    let ports = app.runner.ports();
    let mut checks: Vec<Value> = Vec::new();
    let backends = [
        ("store", ports.store.to_string()),
        ("bus", ports.bus.to_string()),
        ("artifacts", ports.artifacts.to_string()),
        ("source", ports.source.to_string()),
        ("jobs", ports.jobs.to_string()),
        ("models", ports.models.to_string()),
        ("images", ports.images.to_string()),
        ("deployments", ports.deployments.to_string()),
        ("infrastructure", ports.infrastructure.to_string()),
    ];
    for (name, found) in backends {
        checks.push(json!({"name": name, "ok": true, "found": found, "advice": null}));
    }
    checks.extend(
        app.doctor
            .check()
            .await
            .into_iter()
            .map(|look| json!({"name": look.what, "ok": look.ok, "found": look.found, "advice": look.advice})),
    );
    let projects = sources::projects(app).await?;
    for project in &projects {
        let mut found = Err("no branch main or master".to_owned());
        for name in ["main", "master"] {
            let branch = Revision::Branch(name.parse().expect("a branch's name"));
            match ports.source.resolve(project, &branch).await {
                Ok(commit) => {
                    found = Ok(format!("{name} is at {}", commit.short()));
                    break;
                }
                Err(error) => found = Err(error.to_string()),
            }
        }
        let advice = found.is_err().then_some("`trainyard push DIR` says where the repository is");
        let ok = found.is_ok();
        let found = found.unwrap_or_else(|error| error);
        checks.push(json!({"name": format!("repository of {project}"), "ok": ok, "found": found, "advice": advice}));
    }
    let letters = crate::functions::dead_letter::list(app).await?.len();
    let advice = (letters > 0).then_some("`trainyard dead-letters` shows them");
    checks.push(json!({"name": "dead letters", "ok": letters == 0, "found": letters.to_string(), "advice": advice}));
    checks.extend(doors(app, &projects).await?);
    Ok(HttpResponse::json(StatusCode::OK, json!({"checks": checks})))
}

/// How others reach us: what is set, who is watched, what came in.
async fn doors(app: &App, projects: &[Project]) -> Result<Vec<Value>, Refusal> {
    let ports = app.runner.ports();
    let list = WatchList::load(ports).await?;
    let needed = |is_needed: fn(&Watch) -> bool| list.projects.values().any(is_needed);
    let github = needed(|watch| watch.repository.as_ref().is_some_and(|it| it.host == Host::Github));
    let databricks = needed(|watch| !watch.databricks_workspaces.is_empty());
    let secrets = &app.secrets;
    let mut checks = vec![
        door("github", secrets.github.len(), "GITHUB_WEBHOOK_SECRET", github),
        door(
            "databricks",
            usize::from(secrets.databricks.is_some()),
            "DATABRICKS_WEBHOOK_USER and DATABRICKS_WEBHOOK_PASSWORD",
            databricks,
        ),
        door("mlflow", secrets.mlflow.len(), "MLFLOW_WEBHOOK_SECRET", false),
        watching(projects, &list),
    ];
    checks.extend(undelivered(app, github).await?);
    let records = reception::list(ports, None, LOOKED_AT).await?;
    checks.extend(arrivals(&records, ports.clock.now()));
    Ok(checks)
}

/// Whether a door has its secret, and never what it is.
fn door(name: &str, secrets: usize, settings: &str, is_needed: bool) -> Value {
    let (found, advice) = match secrets {
        0 if is_needed => (
            format!("closed, and a project watches what comes there: {settings} not set"),
            Some(format!("set {settings} for the host, and the same at the sender")),
        ),
        0 => (format!("closed: {settings} not set"), None),
        1 => ("open to who knows its secret".to_owned(), None),
        _ => ("open to who knows its secret, or the one before".to_owned(), None),
    };
    json!({"name": format!("door {name}"), "ok": secrets > 0 || !is_needed, "found": found, "advice": advice})
}

/// What GitHub could not deliver, and whether it was asked for again.
async fn undelivered(app: &App, is_needed: bool) -> Result<Vec<Value>, Refusal> {
    let ports = app.runner.ports();
    if app.hooks.is_empty() {
        let found = "nobody asks for what GitHub could not deliver; TRAINYARD_GITHUB_HOOKS changes that";
        let check = json!({"name": "deliveries of GitHub", "ok": true, "found": found, "advice": null});
        return Ok(if is_needed { vec![check] } else { Vec::new() });
    }
    let (record, now) = (deliveries::read(&*ports.store).await?.0, ports.clock.now());
    let check = |hook: &GithubDeliveries| {
        let known = record.hooks.get(&hook.to_string()).cloned().unwrap_or_default();
        let again = format!("{} asked for again within three days", known.asked.len());
        let found = match (known.looked_at, &known.trouble) {
            (None, _) => "not looked at yet; the sweep does".to_owned(),
            (Some(at), Some(trouble)) => format!("could not be looked at {}: {trouble}; {again}", ago(at, now)),
            (Some(at), None) => format!("looked at {}: {} had not arrived; {again}", ago(at, now), known.missed),
        };
        json!({"name": format!("deliveries of {hook}"), "ok": known.trouble.is_none(), "found": found, "advice": null})
    };
    Ok(app.hooks.iter().map(check).collect())
}

fn watching(projects: &[Project], list: &WatchList) -> Value {
    let watches = |project: &&Project| list.projects.get(*project).is_some_and(|watch| *watch != Watch::default());
    let (watch, others): (Vec<_>, Vec<_>) = projects.iter().partition(watches);
    let names: Vec<_> = others.iter().map(|project| project.as_str()).collect();
    let found = match (watch.len(), names.as_slice()) {
        (0, []) => "no project yet".to_owned(),
        (_, []) => "every project takes events from somewhere".to_owned(),
        (_, names) => {
            format!("no event starts a run of {}; `trainyard watch PROJECT FILE` changes that", names.join(", "))
        }
    };
    json!({"name": "watched", "ok": true, "found": found, "advice": null})
}

/// What is kept for a person, and the last event of each sender. `records` are the newest, the newest first.
fn arrivals(records: &[EventRecord], now: Timestamp) -> Vec<Value> {
    let is_kept = |record: &&EventRecord| matches!(record.reading, Reading::Quarantined { .. });
    let kept: Vec<_> = records.iter().filter(is_kept).collect();
    let is_news = kept.first().is_some_and(|record| now.duration_since(record.at) < NEWS);
    let among = match records.len() {
        LOOKED_AT => format!("the newest {LOOKED_AT}"),
        count => count.to_string(),
    };
    let last = kept.first().map(|record| format!(", the last {}", ago(record.at, now))).unwrap_or_default();
    let found = format!("{} of {among}{last}", kept.len());
    let advice = is_news.then_some("`trainyard events` lists them, `trainyard events show ID` says why");
    let mut checks = vec![json!({
        "name": "events kept for a person", "ok": !is_news, "found": found, "advice": advice,
    })];
    let mut senders: BTreeMap<&str, (&Envelope, Timestamp)> = BTreeMap::new();
    for record in records {
        if let Some(envelope) = envelope(&record.reading) {
            senders.entry(envelope.sender.name()).or_insert((envelope, record.at));
        }
    }
    checks.extend(senders.into_iter().map(|(sender, (envelope, at))| {
        let found = format!("{}, {}", envelope.kind, ago(at, now));
        json!({"name": format!("last event of {sender}"), "ok": true, "found": found, "advice": null})
    }));
    checks
}

fn envelope(reading: &Reading) -> Option<&Envelope> {
    match reading {
        Reading::Read(notice) => Some(&notice.envelope),
        Reading::Ignored { envelope, .. } | Reading::Quarantined { envelope, .. } => envelope.as_ref(),
    }
}

fn ago(at: Timestamp, now: Timestamp) -> String {
    match now.duration_since(at).as_secs() {
        ..60 => "less than a minute ago".to_owned(),
        secs @ 60..3600 => format!("{} min ago", secs / 60),
        secs @ 3600..86_400 => format!("{} h ago", secs / 3600),
        secs => format!("{} d ago", secs / 86_400),
    }
}

#[cfg(test)]
mod tests;
