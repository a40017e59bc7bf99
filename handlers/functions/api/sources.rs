//! Sources: where the repositories of projects are. And the doctor.

use azure_functions::{HttpRequest, HttpResponse, StatusCode};
use pipeline::names::Project;
use runner::keys;
use runner::ports::{Expect, Revision};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Refusal;
use crate::functions::App;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration {
    project: Project,
    path: String,
}

/// Where the repository of a project is, on the machine that the host runs on.
pub async fn register(app: &App, request: &HttpRequest<'_>) -> Result<HttpResponse, Refusal> {
    let source: Registration = request
        .parse()
        .map_err(|error| Refusal::bad(format!("the body must be {{\"project\", \"path\"}}: {error}")))?;
    if !std::path::Path::new(&source.path).is_absolute() {
        return Err(Refusal::bad(format!("{} is not an absolute path", source.path)));
    }
    let body = json!({"path": source.path}).to_string().into_bytes();
    app.runner.ports().store.put(&format!("sources/{}", source.project), body, Expect::Anything).await?;
    Ok(HttpResponse::json(
        StatusCode::OK,
        json!({"ok": true, "said": format!("{} is at {}", source.project, source.path)}),
    ))
}

/// All projects that have a run or a source.
pub async fn projects(app: &App) -> Result<Vec<Project>, Refusal> {
    let store = &app.runner.ports().store;
    let mut projects = Vec::new();
    let mut after = None;
    loop {
        let page = store.list(keys::PROJECTS, after.as_deref(), 200).await?;
        projects.extend(page.iter().filter_map(|key| key.strip_prefix(keys::PROJECTS)?.parse().ok()));
        after = page.last().cloned();
        if after.is_none() {
            return Ok(projects);
        }
    }
}

/// Looks at what the deliveries of this machine need.
pub async fn doctor(app: &App) -> Result<HttpResponse, Refusal> {
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
    ];
    for (name, found) in backends {
        checks.push(json!({"name": name, "ok": true, "found": found, "advice": null}));
    }
    for project in projects(app).await? {
        let mut found = Err("no branch main or master".to_owned());
        for name in ["main", "master"] {
            let branch = Revision::Branch(name.parse().expect("a branch's name"));
            match ports.source.resolve(&project, &branch).await {
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
    Ok(HttpResponse::json(StatusCode::OK, json!({"checks": checks})))
}
