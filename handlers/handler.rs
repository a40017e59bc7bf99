//! The custom handler: what the Functions host starts. It keeps no state; its ports are in its settings.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cli::{Exit, Failure};
use runner::Runner;
use serde::{Deserialize, Serialize};
use tracing::Level;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::functions::{self, App, Secrets};
use crate::ports;
use crate::settings::Settings;
use crate::span_fields::SpanFields;

/// Where the embedded backends are called: a Unix socket.
pub const LINK: &str = "TRAINYARD_LINK";
/// What opens them.
pub const LINK_TOKEN: &str = "TRAINYARD_LINK_TOKEN";

/// The way to the embedded backends, as a host leaves it in its home for handlers that it did not start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Link {
    /// A Unix socket.
    pub place: PathBuf,
    /// What opens it.
    pub token: String,
}

impl Link {
    /// The file in a home that says so.
    pub const FILE: &str = "link.json";

    fn of_settings(home: &Path) -> Result<Self, Failure> {
        if let (Some(place), Ok(token)) = (std::env::var_os(LINK), std::env::var(LINK_TOKEN)) {
            return Ok(Self { place: place.into(), token });
        }
        let file = home.join(Self::FILE);
        let none = |error| {
            Failure::unreachable(format!("there are no backends to work with: {}: {error}", file.display()))
                .advice("`trainyard up` starts them and the handler; with `--handler-port` it waits for yours")
        };
        let text = fs::read_to_string(&file).map_err(|error| none(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| none(error.to_string()))
    }
}

/// Serves the functions until the host ends this process.
pub fn run(home: &Path) -> Result<Exit, Failure> {
    local::host::watch_parent();
    log();
    let settings = Settings::from_environment()?;
    // Where no port is on this machine, there is no host to have a link to.
    let link = if ports::embedded(&settings).is_empty() { None } else { Some(Link::of_settings(home)?) };
    let port = azure_functions::port_from_environment().map_err(|error| Failure::input(error.to_string()))?;
    // One thread: a function only waits for the host, and what waits on one thread needs no waking across threads.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::input(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let machine = match link {
            Some(link) => {
                let connected = local::link::connect(link.place, link.token).await;
                Some(connected.map_err(|error| Failure::unreachable(error.to_string()))?)
            }
            None => None,
        };
        let services = ports::Services::new(&settings);
        let runner = Arc::new(Runner::new(ports::wire(&services, machine)?));
        let doctor = Arc::new(ports::doctor(&services)?);
        let hooks = services.hooks()?.into();
        let app = App { runner, secrets: Arc::new(Secrets::from_environment()), doctor, hooks };
        // Bound last: the first answer tells the host that everything is ready.
        let listener = azure_functions::bind(port)
            .await
            .map_err(|error| Failure::unreachable(format!("cannot listen on 127.0.0.1:{port}: {error}")))?;
        functions::router(&app)
            .serve(listener)
            .await
            .map_err(|error| Failure::unreachable(format!("the handler cannot serve: {error}")))?;
        // A handler that ends with 0 is never started again.
        Err(Failure::unreachable("the handler ended without being asked to"))
    })
}

/// Logs go to stdout, a line of JSON each: the host takes lines on stderr for errors.
fn log() {
    let lines =
        tracing_subscriber::fmt::layer().json().flatten_event(true).fmt_fields(SpanFields).with_writer(std::io::stdout);
    tracing_subscriber::registry().with(crate::log_filter(Level::INFO)).with(lines).init();
}
