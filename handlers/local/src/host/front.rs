//! The port where everybody calls: functions with HTTP triggers, Event Grid, the host's own doors, and the caller's
//! routes beside them.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use azure_functions::Trigger;
use tokio::net::TcpListener;
use tracing::warn;

use super::app::App;
use super::handler::Handler;
use super::http::BODY_LIMIT;
use super::routes::Routes;
use super::stop::Stop;
use super::{HostError, admin, event_grid, http};

/// What the doors have in common.
#[derive(Clone)]
pub(super) struct Front {
    pub app: Arc<App>,
    pub handler: Arc<Handler>,
    pub routes: Arc<Routes>,
    pub started: Instant,
    pub stop: Stop,
}

/// The routes of an app's HTTP functions.
pub(super) fn routes(app: &App) -> Result<Routes, HostError> {
    let mut routes = Routes::default();
    for (number, entry) in app.functions.iter().enumerate() {
        if let Trigger::Http { methods, route, .. } = &entry.trigger {
            let route = route.as_deref().unwrap_or(&entry.name);
            let prefix = app.host.route_prefix().trim_matches('/');
            let template = format!("{prefix}/{}", route.trim_start_matches('/'));
            let added = routes.add(number, methods, &template);
            added.map_err(|reason| HostError::Route {
                function: entry.name.clone(),
                route: route.to_owned(),
                reason,
            })?;
        }
    }
    Ok(routes)
}

/// Serves until it is told to stop, and then finishes what is under way.
pub(super) async fn serve(front: Front, listener: TcpListener, extra: Router) {
    let admin = Router::new()
        .route("/admin/host/status", get(admin::status))
        .route("/admin/host/stop", post(admin::stop))
        .route("/admin/functions", get(admin::functions))
        .route("/admin/functions/{name}", post(admin::run));
    // A page that somebody has open in a browser must not approve a release: it can send what this host reads, and
    // nobody signs in here.
    let guarded = Router::new().merge(admin).fallback(http::answer).layer(middleware::from_fn(admin::guard));
    let router = guarded
        .route(event_grid::PATH, post(event_grid::deliver).put(event_grid::deliver).options(event_grid::may_send))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(front.clone())
        .merge(extra);
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            warn!("Could not set TCP_NODELAY: {error}");
        }
    });
    let stop = front.stop.clone();
    let served = axum::serve(listener, router).with_graceful_shutdown(async move { stop.requested().await });
    if let Err(error) = served.await {
        warn!("The port is not served any more: {error}");
    }
}

/// An error as callers read it.
pub(super) fn problem(status: StatusCode, detail: &str) -> Response {
    let problem = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": detail,
    });
    let kind = [(header::CONTENT_TYPE, "application/problem+json")];
    (status, kind, problem.to_string()).into_response()
}
