//! A small Functions host: what `func start` is to an app, in one process with the embedded bus.
//!
//! ```text
//!  bus ------- Dispatcher --.
//!  clock ----- Timer --------|                       POST /<function>
//!  Event Grid --- web hook --+--> Handler (gate) ---> pooled connections ---> the handler, a child process
//!  callers ------ HTTP ------'        ^--- supervise: start, wait for readiness, start again
//! ```
//!
//! It reads `host.json` and `*/function.json` as the real host does and speaks to the handler nothing but the wire
//! contract (the bodies and the judgement of answers are `azure_functions::host`), so what runs here runs there.
//! Where the real host hangs, this one fails and says so. Nothing is asked twice a second: messages, ticks and the end
//! of the handler wake it.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use azure_functions::{TimeSpan, Trigger};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tracing::{info, warn};

use crate::bus::Broker;

mod admin;
mod app;
mod bus;
mod error;
mod event_grid;
mod front;
mod handler;
mod http;
mod parent;
mod routes;
mod settings;
mod stop;
#[cfg(test)]
mod tests;
mod timer;

pub use error::HostError;
pub use handler::HandlerState;
pub use parent::{HOST_PIPE, watch_parent};
pub use settings::of_file as settings_of_file;

use app::App;
use bus::Dispatcher;
use front::Front;
use handler::{Handler, Launch, attend, free_port, supervise};
use stop::Stop;
use timer::Timer;

/// Where a Functions host listens on a developer's machine.
pub const DEFAULT_PORT: u16 = 7071;

/// How long a handler has to answer for the first time, unless host.json says otherwise.
const INITIALIZATION: Duration = Duration::from_secs(30);

/// What is under way when the host stops has this long to end.
const GRACE: Duration = Duration::from_secs(10);

/// What to run, and where.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// The folder of `host.json`: a staged app, or the repository with its functions in `functions/`.
    pub script_root: PathBuf,
    /// Where to listen, on 127.0.0.1; 0 picks a free port. Default: [`DEFAULT_PORT`].
    pub port: u16,
    /// Who runs the functions. Default: a child process.
    pub handler: HandlerOptions,
    /// App settings that go before the environment's and those of `local.settings.json`. The handler gets them all.
    pub environment: Vec<(String, String)>,
}

/// Who runs the functions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HandlerOptions {
    /// A child process, as `host.json` says.
    #[default]
    Start,
    /// A process that somebody else starts, for instance in a debugger.
    Attached {
        /// Where it listens, on 127.0.0.1.
        port: u16,
    },
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            script_root: PathBuf::from("."),
            port: DEFAULT_PORT,
            handler: HandlerOptions::default(),
            environment: Vec::new(),
        }
    }
}

/// A host that does not run yet.
#[derive(Debug)]
pub struct Host {
    options: HostOptions,
    broker: Broker,
    routes: axum::Router,
}

/// A host that runs. Dropping it stops it, too, but does not wait for the end.
pub struct Running {
    address: SocketAddr,
    handler: Arc<Handler>,
    stop: Stop,
    ended: Option<JoinHandle<Result<(), HostError>>>,
}

impl Host {
    /// A host over a bus. `routes` are served beside the functions' and must not be the same as the host's own:
    /// `/admin/…` and `/runtime/…`.
    #[must_use]
    pub fn new(options: HostOptions, broker: Broker, routes: axum::Router) -> Self {
        Self { options, broker, routes }
    }

    /// Reads the app, takes the port and starts the handler. It answers before the handler is [ready](Running::ready).
    ///
    /// # Errors
    ///
    /// The app is not right, the port is taken, or the handler cannot be started.
    pub async fn start(self) -> Result<Running, HostError> {
        let Self { options, broker, routes } = self;
        let app = Arc::new(App::read(&options.script_root, &options.environment)?);
        let http_routes = Arc::new(front::routes(&app)?);
        let mut schedules = Vec::new();
        for entry in &app.functions {
            if let Trigger::Timer { schedule } = &entry.trigger {
                schedules.push((Arc::clone(entry), timer::schedule(&entry.name, schedule)?));
            }
        }
        let listener = listen(options.port).await?;
        let failed = |source| HostError::Listen { port: options.port, source };
        let address = listener.local_addr().map_err(failed)?;
        let (stop, end) = (Stop::new(), Stop::new());
        let handler = Handler::new(
            match options.handler {
                HandlerOptions::Start => free_port()?,
                HandlerOptions::Attached { port } => port,
            },
            app.timeout(),
        );
        let supervisor = match options.handler {
            HandlerOptions::Start => {
                let launch = Launch::new(&app, handler.port());
                let within = app.host.custom_handler.initialization_timeout.map_or(INITIALIZATION, |TimeSpan(it)| it);
                tokio::spawn(supervise(launch, Arc::clone(&handler), within, end.clone())?)
            }
            HandlerOptions::Attached { .. } => {
                let attended = attend(Arc::clone(&handler), end.clone());
                tokio::spawn(async move {
                    attended.await;
                    Ok(())
                })
            }
        };
        let mut listeners = JoinSet::new();
        for entry in &app.functions {
            if let Trigger::ServiceBusQueue { queue, .. } = &entry.trigger {
                let dispatcher = Dispatcher {
                    entry: Arc::clone(entry),
                    queue: queue.clone(),
                    broker: broker.clone(),
                    handler: Arc::clone(&handler),
                    calls: app.concurrent_calls(),
                    stop: stop.clone(),
                };
                listeners.spawn(dispatcher.run());
            }
        }
        for (entry, schedule) in schedules {
            let timer = Timer { entry, schedule, handler: Arc::clone(&handler), stop: stop.clone() };
            listeners.spawn(timer.run());
        }
        info!("Listening on http://{address}, with {} functions of {}", app.functions.len(), app.root.display());
        let front = Front {
            app,
            handler: Arc::clone(&handler),
            routes: http_routes,
            started: Instant::now(),
            stop: stop.clone(),
        };
        listeners.spawn(front::serve(front, listener, routes));
        let life = live(listeners, supervisor, stop.clone(), end);
        Ok(Running { address, handler, stop, ended: Some(tokio::spawn(life)) })
    }
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the handler listens.
    #[must_use]
    pub fn handler_port(&self) -> u16 {
        self.handler.port()
    }

    /// The handler's process, if the host has started it and it is ready.
    #[must_use]
    pub fn handler_pid(&self) -> Option<u32> {
        match self.handler.state() {
            HandlerState::Ready { pid } => pid,
            _ => None,
        }
    }

    /// How the handler stands, now and from now on.
    #[must_use]
    pub fn handler_states(&self) -> tokio::sync::watch::Receiver<HandlerState> {
        self.handler.states()
    }

    /// Waits until the handler answers for the first time.
    ///
    /// # Errors
    ///
    /// The host stopped before.
    pub async fn ready(&mut self) -> Result<(), HostError> {
        let handler = Arc::clone(&self.handler);
        tokio::select! {
            biased;
            () = handler.until_ready() => Ok(()),
            ended = self.ended() => {
                ended?;
                Err(HostError::Broken("it was stopped before the handler was ready".to_owned()))
            }
        }
    }

    /// Waits until the host stops, because somebody asked it to (`POST /admin/host/stop`) or because it gave up.
    ///
    /// # Errors
    ///
    /// Why it gave up.
    pub async fn ended(&mut self) -> Result<(), HostError> {
        let Some(ended) = &mut self.ended else {
            return Ok(());
        };
        let how = ended.await;
        self.ended = None;
        how.unwrap_or_else(|error| Err(HostError::Broken(error.to_string())))
    }

    /// Stops: takes nothing new, gives what is under way ten seconds, and kills the handler.
    ///
    /// # Errors
    ///
    /// The host had given up before.
    pub async fn stop(mut self) -> Result<(), HostError> {
        self.stop.request();
        self.ended().await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.request();
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("address", &self.address)
            .field("handler", &self.handler.state())
            .finish_non_exhaustive()
    }
}

async fn listen(port: u16) -> Result<TcpListener, HostError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    listener.map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => HostError::PortBusy { port },
        _ => HostError::Listen { port, source },
    })
}

/// The host's life: until it is told to stop, or the handler cannot be kept alive.
async fn live(
    mut listeners: JoinSet<()>,
    mut supervisor: JoinHandle<Result<(), HostError>>,
    stop: Stop,
    end: Stop,
) -> Result<(), HostError> {
    let given_up = tokio::select! {
        () = stop.requested() => None,
        how = &mut supervisor => Some(how),
    };
    stop.request();
    let quiet = async { while listeners.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, quiet).await.is_err() {
        warn!("What was under way did not end within {GRACE:?}, and is broken off");
    }
    listeners.shutdown().await;
    end.request();
    let how = match given_up {
        Some(how) => how,
        None => supervisor.await,
    };
    how.unwrap_or_else(|error| Err(HostError::Broken(error.to_string())))
}
