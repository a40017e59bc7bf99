//! The functions: doors and steps. Each reads what the host hands it, hands it on, and answers; none decides.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use azure::GithubDeliveries;
use azure_functions::{Invocation, Outcome, Router};
use pipeline::event::Step;
use runner::Runner;

use crate::ports::Doctor;

mod api;
mod approval;
mod dead_letter;
mod deliveries;
mod doors;
mod steps;
mod sweep;
pub mod table;
mod view;

pub use doors::Secrets;

/// What every function may use.
#[derive(Debug, Clone)]
pub struct App {
    /// The loop.
    pub runner: Arc<Runner>,
    /// What proves who speaks at the doors.
    pub secrets: Arc<Secrets>,
    /// What looks at Azure for those who ask how it is.
    pub doctor: Arc<Doctor>,
    /// GitHub's webhooks whose deliveries are looked after.
    pub hooks: Arc<[GithubDeliveries]>,
}

/// What Event Grid delivers itself, by what it is about.
const EVENT_GRID_DOORS: [&str; 3] = ["azure_ml_event", "registry_event", "storage_event"];
/// Event Grid waits 30 seconds for an answer, and then sends again.
const EVENT_GRID_WAITS: Duration = Duration::from_secs(25);

type Function = fn(App, Invocation) -> Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// All functions of [`table`], ready to be served.
pub fn router(app: &App) -> Router {
    let mut router = Router::new();
    for step in Step::ALL {
        let app = app.clone();
        router = router.function(step.name(), move |invocation| steps::handle(app.clone(), invocation));
    }
    router = EVENT_GRID_DOORS.into_iter().fold(router, |router, name| {
        let app = app.clone();
        router.function_within(EVENT_GRID_WAITS, name, move |invocation| doors::event_grid(app.clone(), invocation))
    });
    let add = |router: Router, name: &str, function: Function| {
        let app = app.clone();
        router.function(name, move |invocation| function(app.clone(), invocation))
    };
    let others: [(&str, Function); 11] = [
        ("dead_letter", |app, invocation| Box::pin(dead_letter::handle(app, invocation))),
        ("sweep", |app, invocation| Box::pin(sweep::handle(app, invocation))),
        ("start", |app, invocation| Box::pin(doors::start(app, invocation))),
        ("schedule", |app, invocation| Box::pin(doors::schedule(app, invocation))),
        ("devops_event", |app, invocation| Box::pin(doors::devops(app, invocation))),
        ("event_grid_queue", |app, invocation| Box::pin(doors::event_grid_queue(app, invocation))),
        ("github_event", |app, invocation| Box::pin(doors::github(app, invocation))),
        ("databricks_event", |app, invocation| Box::pin(doors::databricks(app, invocation))),
        ("mlflow_event", |app, invocation| Box::pin(doors::mlflow(app, invocation))),
        ("approval", |app, invocation| Box::pin(approval::handle(app, invocation))),
        ("api", |app, invocation| Box::pin(api::handle(app, invocation))),
    ];
    others.into_iter().fold(router, |router, (name, function)| add(router, name, function))
}
