//! Events: what came in, and what it did. And what projects take events from.

use azure_functions::{HttpRequest, HttpResponse, StatusCode};
use pipeline::names::{Project, RunId};
use runner::reception::{self, EventRecord};
use runner::watch::{Watch, WatchList};
use serde_json::{Value, json};

use super::Refusal;
use crate::functions::App;

/// Events on a page, if the caller does not say.
const PAGE: usize = 20;
/// Events on a page at most.
const LONGEST_PAGE: usize = 200;

type Answer = Result<HttpResponse, Refusal>;

/// A page of events, newest first.
pub async fn list(app: &App, request: &HttpRequest<'_>) -> Answer {
    let query = |name: &str| request.query(name).map(|value| value.into_owned()).filter(|value| !value.is_empty());
    let limit =
        match query("limit") {
            None => PAGE,
            Some(text) => text.parse().ok().filter(|limit| (1..=LONGEST_PAGE).contains(limit)).ok_or_else(|| {
                Refusal::bad(format!("`limit` must be a number from 1 to {LONGEST_PAGE}, not {text}"))
            })?,
        };
    let after: Option<RunId> =
        query("after").map(|id| id.parse()).transpose().map_err(|error| Refusal::bad(format!("{error}")))?;
    let records = reception::list(app.runner.ports(), after.as_ref(), limit).await?;
    let next = (records.len() == limit).then(|| records.last().map(|last| last.id.clone())).flatten();
    let events: Vec<Value> = records.iter().map(plain).collect();
    Ok(HttpResponse::json(StatusCode::OK, json!({"events": events, "next": next})))
}

/// One event, whole.
pub async fn show(app: &App, event: &str) -> Answer {
    Ok(HttpResponse::json(StatusCode::OK, plain(&find(app, event).await?)))
}

/// The whole body of an event that is kept for a person.
pub async fn body(app: &App, event: &str) -> Answer {
    let record = find(app, event).await?;
    let Some(digest) = &record.body else {
        return Err(Refusal::missing(format!("the body of event {} is not kept: it was understood", record.id)));
    };
    let bytes = app.runner.ports().artifacts.get(digest).await?;
    // Somebody wrote it, perhaps to hurt: shown as text, so that it runs nowhere as a page of ours.
    Ok(HttpResponse::new(StatusCode::OK)
        .header("Content-Type", "text/plain; charset=utf-8")
        .header("X-Content-Type-Options", "nosniff")
        .body(String::from_utf8_lossy(&bytes).into_owned()))
}

async fn find(app: &App, event: &str) -> Result<EventRecord, Refusal> {
    let id: RunId = event.parse().map_err(|error| Refusal::bad(format!("{error}")))?;
    let record = reception::find(app.runner.ports(), &id).await?;
    record.ok_or_else(|| Refusal::missing(format!("there is no event {id}; `trainyard events` lists them")))
}

/// What all projects watch.
pub async fn watch_list(app: &App) -> Answer {
    let list = WatchList::load(app.runner.ports()).await?;
    Ok(HttpResponse::json(StatusCode::OK, json!({"projects": list.projects})))
}

/// Sets what a project watches.
pub async fn watch(app: &App, request: &HttpRequest<'_>, project: &str) -> Answer {
    let project: Project = project.parse().map_err(|error| Refusal::bad(format!("{error}")))?;
    let watch: Watch = request.parse().map_err(|error| Refusal::bad(format!("it is no watch: {error}")))?;
    WatchList::set(app.runner.ports(), &project, Some(watch)).await?;
    Ok(HttpResponse::json(StatusCode::OK, json!({"ok": true, "said": format!("{project} takes events from there")})))
}

/// Lets a project watch nothing any more.
pub async fn unwatch(app: &App, project: &str) -> Answer {
    let project: Project = project.parse().map_err(|error| Refusal::bad(format!("{error}")))?;
    WatchList::set(app.runner.ports(), &project, None).await?;
    Ok(HttpResponse::json(StatusCode::OK, json!({"ok": true, "said": format!("{project} takes events from nowhere")})))
}

fn plain(record: &EventRecord) -> Value {
    let mut plain = serde_json::to_value(record).expect("a record is plain data");
    if let Value::Object(members) = &mut plain {
        // A key of ours, of no use to anybody else.
        members.remove("known_as");
    }
    plain
}
