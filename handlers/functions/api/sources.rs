//! Sources: where the repositories of projects are.

use azure_functions::{HttpRequest, HttpResponse, StatusCode};
use pipeline::names::Project;
use runner::keys;
use runner::ports::Expect;
use serde::Deserialize;
use serde_json::json;

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
