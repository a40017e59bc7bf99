//! The functions: doors and steps. Each reads what the host hands it, hands it on, and answers; none decides.

use std::sync::Arc;

use azure_functions::Router;
use pipeline::event::Step;
use runner::Runner;

mod api;
mod approval;
mod dead_letter;
mod steps;
mod sweep;
pub mod table;
mod view;

/// What every function may use.
#[derive(Debug, Clone)]
pub struct App {
    /// The loop.
    pub runner: Arc<Runner>,
}

/// All functions of [`table`], ready to be served.
pub fn router(app: &App) -> Router {
    let mut router = Router::new();
    for step in Step::ALL {
        let app = app.clone();
        router = router.function(step.name(), move |invocation| steps::handle(app.clone(), invocation));
    }
    let with = |app: &App| app.clone();
    let (dead_letter, sweep, approval, api) = (with(app), with(app), with(app), with(app));
    router
        .function("dead_letter", move |invocation| dead_letter::handle(dead_letter.clone(), invocation))
        .function("sweep", move |invocation| sweep::handle(sweep.clone(), invocation))
        .function("approval", move |invocation| approval::handle(approval.clone(), invocation))
        .function("api", move |invocation| api::handle(api.clone(), invocation))
}
