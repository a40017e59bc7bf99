//! Approvals: people answer a gate. A GET has no effect, so that a mail scanner that follows a link decides nothing.

use azure_functions::{HttpRequest, HttpResponse, Invocation, Outcome, StatusCode};
use pipeline::event::{Event, Message, Step, StepKey, Verdict};
use pipeline::names::EnvironmentName;
use pipeline::run::Run;
use pipeline::steps::approve;
use serde::Deserialize;
use serde_json::json;

use super::api::{Refusal, find_run, person, taken};
use super::{App, view};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    decision: Verdict,
    #[serde(default)]
    by: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

/// Answers `runs/{run}/approvals/{environment}`.
pub async fn handle(app: App, invocation: Invocation) -> Outcome {
    let request = match invocation.http_request() {
        Ok(request) => request,
        Err(error) => return Outcome::respond(HttpResponse::problem(StatusCode::BAD_REQUEST, &error.to_string())),
    };
    match answer(&app, &request).await {
        Ok(response) => Outcome::respond(response),
        Err(refusal) => Outcome::respond(refusal.into_response()),
    }
}

async fn answer(app: &App, request: &HttpRequest<'_>) -> Result<HttpResponse, Refusal> {
    let param = |name: &str| request.param(name).map(|value| value.into_owned()).unwrap_or_default();
    let run = find_run(app, &param("run"), None).await?;
    let environment: EnvironmentName =
        param("environment").parse().map_err(|error| Refusal::bad(format!("{error}")))?;
    if request.method() != "POST" {
        let gate = run.stage(&environment).and_then(|stage| stage.approval.clone());
        let gate = serde_json::to_value(gate).expect("a gate is plain data");
        return Ok(HttpResponse::json(StatusCode::OK, json!({"run": view::summary(&run), "approval": gate})));
    }
    let answer: Answer = request.parse().map_err(|error| {
        Refusal::bad(format!("the body must be {{\"decision\": \"approve\"|\"reject\", \"reason\"?}}: {error}"))
    })?;
    let by = person(request, answer.by.as_deref())?;
    let now = app.runner.ports().clock.now();
    approve::may_answer(&run, &environment, &by, answer.decision, now).map_err(Refusal::conflict)?;
    let said = match answer.decision {
        Verdict::Approve => format!("{by} approved run {} for {environment}", run.number),
        Verdict::Reject => format!("{by} rejected run {} for {environment}", run.number),
    };
    let message = message(&run, &environment, &by, answer);
    app.runner.tell(&message).await?;
    Ok(taken(&run, &said))
}

/// One person's answer to one try of one gate: said twice it is one message.
fn message(run: &Run, environment: &EnvironmentName, by: &str, answer: Answer) -> Message {
    let step = StepKey::at(Step::Approve, environment);
    let attempt = run.step(&step).map_or(1, |record| record.attempt);
    let verdict = match answer.decision {
        Verdict::Approve => "approved",
        Verdict::Reject => "rejected",
    };
    Message {
        id: format!("{}/{step}/{attempt}/{verdict}-by-{by}", run.id),
        run: run.id.clone(),
        step,
        attempt,
        event: Event::ApprovalAnswered { verdict: answer.decision, by: by.to_owned(), reason: answer.reason },
    }
}
