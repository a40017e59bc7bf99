//! The API that the command line, the pages and machines use: `/api/…`.

use azure_functions::{HttpRequest, HttpResponse, Invocation, Outcome, StatusCode};
use pipeline::names::{Project, RunId};
use pipeline::run::Run;
use runner::intake::StartError;
use runner::keys;
use runner::ports::PortError;
use serde_json::json;

use super::App;

mod doctor;
mod environments;
mod events;
mod letters;
mod runs;
mod sources;

/// Answers `/api/{*path}`.
pub async fn handle(app: App, invocation: Invocation) -> Outcome {
    let request = match invocation.http_request() {
        Ok(request) => request,
        Err(error) => return Outcome::respond(HttpResponse::problem(StatusCode::BAD_REQUEST, &error.to_string())),
    };
    let path = request.param("path").map(|path| path.into_owned()).unwrap_or_default();
    let segments: Vec<String> = path.split('/').filter(|it| !it.is_empty()).map(decode).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match route(&app, &request, &segments).await {
        Ok(response) => Outcome::respond(response),
        Err(refusal) => Outcome::respond(refusal.into_response()),
    }
}

async fn route(app: &App, request: &HttpRequest<'_>, path: &[&str]) -> Result<HttpResponse, Refusal> {
    let method = request.method();
    match (&*method, path) {
        ("GET", ["runs"]) => runs::list(app, request).await,
        ("POST", ["runs"]) => runs::start(app, request).await,
        ("GET", ["runs", run]) => runs::show(app, request, run).await,
        ("GET", ["runs", run, "why"]) => runs::why(app, request, run).await,
        ("GET", ["runs", run, "logs"]) => runs::logs(app, request, run).await,
        ("GET", ["runs", run, "reports", name @ ..]) => runs::report(app, request, run, &name.join("/")).await,
        ("POST", ["runs", run, "cancel"]) => runs::cancel(app, request, run).await,
        ("POST", ["runs", run, "retry"]) => runs::retry(app, request, run).await,
        ("POST", ["sources"]) => sources::register(app, request).await,
        ("GET", ["environments"]) => environments::list(app).await,
        ("GET", ["dead-letters"]) => letters::list(app).await,
        ("POST", ["dead-letters", id, "redrive"]) => letters::redrive(app, id).await,
        ("GET", ["events"]) => events::list(app, request).await,
        ("GET", ["events", event]) => events::show(app, event).await,
        ("GET", ["events", event, "body"]) => events::body(app, event).await,
        ("GET", ["watch"]) => events::watch_list(app).await,
        ("PUT", ["watch", project]) => events::watch(app, request, project).await,
        ("DELETE", ["watch", project]) => events::unwatch(app, project).await,
        ("GET", ["doctor"]) => doctor::look(app).await,
        _ => Err(Refusal::missing(format!("there is no {method} /api/{}", path.join("/")))),
    }
}

/// Why a request gets no good answer.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    error: String,
    advice: Option<String>,
}

impl Refusal {
    /// The request makes no sense.
    pub fn bad(error: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: error.into(), advice: None }
    }

    /// There is no such thing.
    pub fn missing(error: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, error: error.into(), advice: None }
    }

    /// It cannot be done as things stand.
    pub fn conflict(error: impl Into<String>) -> Self {
        Self { status: StatusCode::CONFLICT, error: error.into(), advice: None }
    }

    /// What is asked for cannot be made.
    pub fn unprocessable(error: impl Into<String>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, error: error.into(), advice: None }
    }

    /// The answer for it.
    pub fn into_response(self) -> HttpResponse {
        HttpResponse::json(self.status, json!({"error": self.error, "advice": self.advice}))
    }
}

impl From<PortError> for Refusal {
    fn from(error: PortError) -> Self {
        let status = match &error {
            PortError::Transient { .. } => StatusCode::SERVICE_UNAVAILABLE,
            PortError::Permanent { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            PortError::Conflict { .. } => StatusCode::CONFLICT,
        };
        Self { status, error: error.to_string(), advice: None }
    }
}

impl From<StartError> for Refusal {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Refused(reason) | StartError::Unwanted(reason) => Self::unprocessable(reason),
            StartError::Port(error) => error.into(),
        }
    }
}

/// Who asks: the signed-in user where the platform says so, otherwise who the body names.
pub fn person(request: &HttpRequest<'_>, named: Option<&str>) -> Result<String, Refusal> {
    let user = request.user().and_then(|user| user.name.clone());
    let by = user.or_else(|| named.map(str::to_owned)).map(|by| by.trim().to_owned()).unwrap_or_default();
    let is_plain = !by.is_empty() && by.chars().count() <= 100 && !by.chars().any(char::is_control);
    is_plain.then_some(by).ok_or_else(|| Refusal::bad("who asks? `by` must name a person in 1 to 100 characters"))
}

/// The answer to what a person told a run. The run learns of it a moment later; whoever wants to see that waits for an
/// entry with a person in its journal, from `journal` on.
pub fn taken(run: &Run, said: &str) -> HttpResponse {
    let body = json!({"ok": true, "said": said, "run": run.id, "journal": run.journal.len()});
    HttpResponse::json(StatusCode::OK, body)
}

/// The run that people mean by an id, a number, `project/number` or `latest`.
pub async fn find_run(app: &App, text: &str, project: Option<&str>) -> Result<Run, Refusal> {
    let (project, text) = match text.split_once('/') {
        Some((project, text)) => (Some(project), text),
        None => (project, text),
    };
    let project: Option<Project> =
        project.map(str::parse).transpose().map_err(|error| Refusal::bad(format!("{error}")))?;
    let store = &app.runner.ports().store;
    let id = if text == "latest" {
        let prefix = project.as_ref().map_or_else(|| keys::RUNS.to_owned(), keys::numbers);
        let newest = store.list(&prefix, None, 1).await?;
        let Some(key) = newest.first() else {
            return Err(Refusal::missing("there is no run yet; `trainyard push DIR` starts one"));
        };
        match key.strip_prefix(keys::RUNS) {
            Some(id) => id.parse().map_err(|error| Refusal::bad(format!("{error}")))?,
            None => runs::claimed(app, key).await?,
        }
    } else if let Ok(number) = text.parse::<u64>() {
        find_number(app, project.as_ref(), number).await?
    } else {
        let id: RunId = text.parse().map_err(|error| Refusal::bad(format!("{error}; or a number, or `latest`")))?;
        id
    };
    let missing = || Refusal::missing(format!("there is no run {text}; `trainyard runs` lists them"));
    let document = store.get(&keys::run(&id)).await?.ok_or_else(missing)?;
    runs::read(&document.body)
}

async fn find_number(app: &App, project: Option<&Project>, number: u64) -> Result<RunId, Refusal> {
    let projects = match project {
        Some(project) => vec![project.clone()],
        None => sources::projects(app).await?,
    };
    let mut found = Vec::new();
    for project in &projects {
        let key = keys::number(project, number);
        if app.runner.ports().store.get(&key).await?.is_some() {
            found.push((project, key));
        }
    }
    match found.as_slice() {
        [] => Err(Refusal::missing(format!("there is no run {number}; `trainyard runs` lists them"))),
        [(_, key)] => runs::claimed(app, key).await,
        several => {
            let names: Vec<_> = several.iter().map(|(project, _)| format!("{project}/{number}")).collect();
            Err(Refusal::conflict(format!("several projects have a run {number}: say {}", names.join(" or "))))
        }
    }
}

/// A path segment without its percent-encoding.
fn decode(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = (first == b'%').then(|| tail.get(..2)).flatten();
        let byte = hex.and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
