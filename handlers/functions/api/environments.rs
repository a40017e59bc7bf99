//! Environments: what serves where.

use azure_functions::{HttpResponse, StatusCode};
use pipeline::environment::Environment;
use runner::keys;
use serde_json::{Value, json};

use super::Refusal;
use super::runs::read;
use crate::functions::App;

pub async fn list(app: &App) -> Result<HttpResponse, Refusal> {
    let store = &app.runner.ports().store;
    let mut environments: Vec<Value> = Vec::new();
    let mut after = None;
    loop {
        let page = store.list(keys::ENVIRONMENTS, after.as_deref(), 100).await?;
        for key in &page {
            let Some(document) = store.get(key).await? else { continue };
            environments.push(entry(&read(&document.body)?));
        }
        after = page.last().cloned();
        if after.is_none() {
            return Ok(HttpResponse::json(StatusCode::OK, json!({"environments": environments})));
        }
    }
}

fn entry(environment: &Environment) -> Value {
    let current = environment.current.as_ref().map(|release| {
        json!({
            "number": release.number, "run": release.run, "image": release.image,
            "model": {"name": release.model.name, "version": release.model.version},
            "deployed_at": release.deployed_at, "endpoint": release.endpoint,
        })
    });
    let queue: Vec<_> = environment.queue.iter().map(|claim| claim.number).collect();
    json!({
        "project": environment.project, "environment": environment.name, "current": current,
        "proven": environment.proven, "holder": environment.holder.as_ref().map(|claim| claim.number),
        "queue": queue, "quarantine": environment.quarantine,
    })
}
