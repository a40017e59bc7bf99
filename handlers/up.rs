//! `trainyard up`: the embedded backends, the link to them and the Functions host, in this process.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use azure_functions::HostJson;
use cli::{Exit, Failure, UpOptions};
use local::home::{Home, HomeError};
use local::host::{HandlerOptions, Host, HostError, HostOptions, Running};
use local::link;
use local::machine::{Machine, Settings};
use local::python::Environments;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::functions;
use crate::handler::{LINK, LINK_TOKEN, Link};

/// Jobs at a time, unless `TRAINYARD_JOBS` says otherwise.
const JOBS_AT_ONCE: usize = 2;
/// The sweep's schedule, unless `SWEEP_SCHEDULE` says otherwise: every minute.
const SWEEP_SCHEDULE: &str = "0 * * * * *";

/// Runs the host until somebody stops it.
pub fn run(options: &UpOptions) -> Result<Exit, Failure> {
    log();
    crate::runtime()?.block_on(async {
        let home = Home::open(&options.home).map_err(home_failure)?;
        let mut host = start(home, options).await?;
        let address = host.running.address();
        println!("Trainyard is up at http://{address}, its state in {}", options.home.display());
        println!("Stop it with Ctrl+C, or `trainyard down` from another terminal.");
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| Failure::input(error.to_string()))?;
        let ended = tokio::select! {
            ended = host.running.ended() => Some(ended),
            _ = tokio::signal::ctrl_c() => None,
            _ = terminate.recv() => None,
        };
        match ended {
            Some(ended) => ended.map_err(|error| host_failure(error, options))?,
            None => host.running.stop().await.map_err(|error| host_failure(error, options))?,
        }
        let _ = fs::remove_file(options.home.join(Link::FILE));
        println!("Trainyard is down. Jobs and deployments go on; the next `trainyard up` takes them over.");
        Ok(Exit::Done)
    })
}

/// Python environments by this machine's settings.
pub fn environments(folder: &Path) -> Environments {
    Environments::new(folder).with_interpreter(std::env::var_os("TRAINYARD_PYTHON").map(PathBuf::from))
}

/// A host with everything that it stands on.
struct Up {
    running: Running,
    _machine: Machine,
    _link: tokio::task::JoinHandle<()>,
}

async fn start(home: Home, options: &UpOptions) -> Result<Up, Failure> {
    let layout = home.layout().clone();
    let jobs_at_once = std::env::var("TRAINYARD_JOBS").ok().and_then(|jobs| jobs.parse().ok());
    let settings = Settings {
        base: format!("http://127.0.0.1:{}", options.port),
        python: std::env::var_os("TRAINYARD_PYTHON").map(PathBuf::from),
        jobs_at_once: jobs_at_once.unwrap_or(JOBS_AT_ONCE).max(1),
    };
    port_is_free(options.port).await?;
    let machine = Machine::open(home, settings).await.map_err(|error| Failure::input(error.to_string()))?;

    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| Failure::unreachable(error.to_string()))?;
    let address = listener.local_addr().map_err(|error| Failure::unreachable(error.to_string()))?;
    let token = uuid::Uuid::new_v4().simple().to_string();
    let link = Link { address, token: token.clone() };
    write_link(layout.dir(), &link).map_err(|error| Failure::input(format!("cannot write the home: {error}")))?;
    let link = tokio::spawn(link::serve(listener, token, machine.ports().clone()));

    let script_root = match &options.script_root {
        Some(root) => root.clone(),
        None => stage(&layout.app()).map_err(|error| Failure::input(format!("cannot write the home: {error}")))?,
    };
    let link_settings = Link::clone(&read_link(layout.dir())?);
    let mut environment = vec![
        (LINK.to_owned(), link_settings.address.to_string()),
        (LINK_TOKEN.to_owned(), link_settings.token),
        ("FUNCTIONS_WORKER_RUNTIME".to_owned(), "custom".to_owned()),
    ];
    if std::env::var_os("SWEEP_SCHEDULE").is_none() {
        environment.push(("SWEEP_SCHEDULE".to_owned(), SWEEP_SCHEDULE.to_owned()));
    }
    let handler = options.handler_port.map_or(HandlerOptions::Start, |port| HandlerOptions::Attached { port });
    let host = HostOptions { script_root, port: options.port, handler, environment };
    let host = Host::new(host, machine.broker().clone(), machine.routes());
    let mut running = host.start().await.map_err(|error| host_failure(error, options))?;
    if options.handler_port.is_none() {
        running.ready().await.map_err(|error| host_failure(error, options))?;
    }
    Ok(Up { running, _machine: machine, _link: link })
}

/// Deployments and jobs are taken over when the backends open; a host that cannot listen must not get so far.
async fn port_is_free(port: u16) -> Result<(), Failure> {
    match TcpListener::bind(("127.0.0.1", port)).await {
        Ok(_) => Ok(()),
        Err(_) => Err(busy(port)),
    }
}

fn busy(port: u16) -> Failure {
    Failure::unreachable(format!("port {port} is in use by another program"))
        .advice(format!("Stop that program, or choose another port with `--port {}`.", port.saturating_add(1)))
}

fn write_link(home: &Path, link: &Link) -> std::io::Result<()> {
    let file = home.join(Link::FILE);
    let _ = fs::remove_file(&file);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    file.write_all(&serde_json::to_vec(link)?)
}

fn read_link(home: &Path) -> Result<Link, Failure> {
    let text = fs::read(home.join(Link::FILE)).map_err(|error| Failure::input(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| Failure::input(error.to_string()))
}

/// Lays out what the host reads, as `cargo xtask stage` does: this binary brings its functions along.
fn stage(app: &Path) -> std::io::Result<PathBuf> {
    let mut host = HostJson::from_json(include_str!("../host.json")).expect("our own host.json");
    host.custom_handler.description.default_executable_path = std::env::current_exe()?.display().to_string();
    fs::create_dir_all(app)?;
    fs::write(app.join("host.json"), host.to_json())?;
    for function in functions::table::table() {
        let folder = app.join(function.name.as_ref());
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("function.json"), function.to_json())?;
    }
    Ok(app.to_owned())
}

/// What is wrong with a home, for people.
pub fn home_failure(error: HomeError) -> Failure {
    Failure::input(error.to_string())
}

fn host_failure(error: HostError, options: &UpOptions) -> Failure {
    match error {
        HostError::PortBusy { port } => busy(port),
        other => Failure::unreachable(format!("{other}; the host's home is {}", options.home.display())),
    }
}

/// The host's own log, for people.
fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("TRAINYARD_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().compact().with_env_filter(filter).with_writer(std::io::stderr).init();
}
