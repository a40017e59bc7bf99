//! `trainyard up`: the embedded backends, the link to them and the Functions host, in this process.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use azure_functions::HostJson;
use cli::{Exit, Failure, UpOptions};
use local::home::{Home, HomeError, Layout};
use local::host::{HandlerOptions, Host, HostError, HostOptions, Running};
use local::link;
use local::machine::Machine;
use local::python::Environments;
use tokio::net::UnixListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tracing::Level;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::functions;
use crate::handler::{LINK, LINK_TOKEN, Link};
use crate::ports::{self, Services};
use crate::settings::{self, Settings};

/// The file in a home that says where its host listens.
const PORT: &str = "host.port";
/// The sweep's schedule, unless `SWEEP_SCHEDULE` says otherwise: every minute.
const SWEEP_SCHEDULE: &str = "0 * * * * *";

/// Runs the host until somebody stops it.
///
/// A host that is stopped leaves nothing running: deployments and jobs end with it, and the next one starts them again.
/// One that is killed leaves both to be taken over as they are.
pub fn run(options: &UpOptions) -> Result<Exit, Failure> {
    log();
    let settings = of_machine(&Settings::from_environment()?, options)?;
    check(options)?;
    // One thread: what the host does is to wait, and what waits on one thread needs no waking across threads. What
    // works or blocks has threads of its own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::input(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        // First of all: from here on a signal ends what was begun, and not the process.
        let mut wish = Wish::listen().map_err(|error| Failure::input(format!("cannot listen to signals: {error}")))?;
        let home = open(options)?;
        let layout = home.layout().clone();
        let machine = Machine::open(home, settings).await;
        let machine = machine.map_err(|error| Failure::input(error.to_string()))?;

        let lived = live(&machine, &layout, options, &mut wish).await;
        tokio::select! {
            () = machine.rest() => {}
            () = wish.spoken() => {
                say("Trainyard ends at once. What still runs is taken over by the next `trainyard up`.");
                return lived.map(|()| Exit::Done);
            }
        }
        lived?;
        // Commands look there for a host that is up.
        let _ = fs::remove_file(layout.dir().join(PORT));
        say("Trainyard is down. The next `trainyard up` goes on where it was.");
        Ok(Exit::Done)
    })
}

/// Whether the handler would find its settings right: it reads them for itself, and nobody would see it say no. Looked at
/// before there is a home, or anything starts.
fn check(options: &UpOptions) -> Result<(), Failure> {
    let root = options.script_root.clone().unwrap_or_else(|| Layout::of(&options.home).app());
    let file = local::host::settings_of_file(&root).map_err(|error| host_failure(error, options))?;
    let settings = Settings::of_app(file)?.under_this_host();
    // Any ports will do for those of this machine: they are not called.
    ports::wire(&Services::new(&settings), Some(runner::memory::Machine::new().ports())).map(drop)
}

/// Takes the home. A host that cannot listen must not get so far: it would leave a home, or start what is deployed.
pub fn open(options: &UpOptions) -> Result<Home, Failure> {
    let port = options.port;
    let is_free = std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    // Our own host has the port, and then it has the home as well, which says more.
    let is_in_use = || Home::peek(&options.home).is_ok_and(|glance| glance.holder.is_some());
    if !is_free && !is_in_use() {
        return Err(busy(port));
    }
    Home::open(&options.home).map_err(home_failure)
}

/// Python environments by this machine's settings.
pub fn environments(folder: &Path) -> Environments {
    Environments::new(folder).with_interpreter(std::env::var_os("TRAINYARD_PYTHON").map(PathBuf::from))
}

fn of_machine(settings: &Settings, options: &UpOptions) -> Result<local::machine::Settings, Failure> {
    const AT_ONCE: &str = "TRAINYARD_JOBS_AT_ONCE";
    let at_once = settings.get(AT_ONCE).and_then(|count| count.parse().ok()).filter(|count| *count > 0);
    Ok(local::machine::Settings {
        base: format!("http://127.0.0.1:{}", options.port),
        python: settings.get("TRAINYARD_PYTHON").map(PathBuf::from),
        jobs_at_once: at_once.ok_or_else(|| settings::wrong(AT_ONCE, "must be a number from 1 on"))?,
    })
}

/// The wish of whoever runs this process that it ends. It may be spoken again.
struct Wish {
    terminate: Signal,
    interrupt: Signal,
    /// The terminal is closed. None: whoever started this process wants it to live on (`nohup`).
    hang_up: Option<Signal>,
}

impl Wish {
    fn listen() -> std::io::Result<Self> {
        let hang_up = if ignores_hang_up() { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())?, hang_up })
    }

    async fn spoken(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            () = async { match &mut self.hang_up {
                Some(hang_up) => drop(hang_up.recv().await),
                None => std::future::pending().await,
            } } => {}
        }
    }
}

/// Whether this process was started to outlive its terminal. Where the system does not tell, it was not.
fn ignores_hang_up() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|signals| u64::from_str_radix(signals.trim(), 16).ok());
    // Signal 1 is the lowest bit.
    ignored.is_some_and(|signals| signals & 1 == 1)
}

/// Serves the backends and the functions, until somebody wishes the end or the host gives up.
async fn live(machine: &Machine, layout: &Layout, options: &UpOptions, wish: &mut Wish) -> Result<(), Failure> {
    let (listener, link) = open_link(layout.dir())?;
    // Dropped at the end of this life, and with it every connection.
    let mut serving = JoinSet::new();
    serving.spawn(link::serve(listener, link.token.clone(), machine.ports().clone()));
    let mut running = start(machine, layout, options, link).await?;
    let address = running.address();
    let stopped = tokio::select! {
        up = up(&mut running, options) => {
            up.map_err(|error| host_failure(error, options))?;
            say(&format!("Trainyard is up at http://{address}, its state in {}", options.home.display()));
            say("Stop it with Ctrl+C, or `trainyard down` from another terminal.");
            if let Some(port) = options.handler_port {
                say(&waiting_for_handler(port, &options.home));
            }
            tokio::select! {
                ended = running.ended() => return ended.map_err(|error| host_failure(error, options)),
                () = wish.spoken() => running.stop(),
            }
        }
        () = wish.spoken() => running.stop(),
    };
    say("Stopping, with what is deployed and what runs. Ctrl+C once more does not wait for it.");
    tokio::select! {
        stopped = stopped => stopped.map_err(|error| host_failure(error, options)),
        () = wish.spoken() => Ok(()),
    }
}

/// Waits for the handler, if it is ours to start: somebody else's may come at any time.
async fn up(running: &mut Running, options: &UpOptions) -> Result<(), HostError> {
    match options.handler_port {
        None => running.ready().await,
        Some(_) => Ok(()),
    }
}

fn waiting_for_handler(port: u16, home: &Path) -> String {
    format!(
        "It works with a handler on port {port}, which you start: FUNCTIONS_CUSTOMHANDLER_PORT={port} \
         TRAINYARD_HOME='{}' trainyard handler",
        home.display().to_string().replace('\'', r"'\''")
    )
}

async fn start(machine: &Machine, layout: &Layout, options: &UpOptions, link: Link) -> Result<Running, Failure> {
    let script_root = match &options.script_root {
        Some(root) => root.clone(),
        None => stage(&layout.app()).map_err(|error| Failure::input(format!("cannot write the home: {error}")))?,
    };
    let mut environment = vec![
        (LINK.to_owned(), link.place.display().to_string()),
        (LINK_TOKEN.to_owned(), link.token),
        ("FUNCTIONS_WORKER_RUNTIME".to_owned(), "custom".to_owned()),
    ];
    if std::env::var_os("SWEEP_SCHEDULE").is_none() {
        environment.push(("SWEEP_SCHEDULE".to_owned(), SWEEP_SCHEDULE.to_owned()));
    }
    let handler = options.handler_port.map_or(HandlerOptions::Start, |port| HandlerOptions::Attached { port });
    let host = HostOptions { script_root, port: options.port, handler, environment };
    let host = Host::new(host, machine.broker().clone(), machine.routes());
    let running = host.start().await.map_err(|error| host_failure(error, options))?;
    write_port(layout.dir(), options.port)
        .map_err(|error| Failure::input(format!("cannot write the home: {error}")))?;
    Ok(running)
}

/// Where the handler finds the backends. Always the same place and token, so that a handler in a debugger finds a host
/// that was started again.
fn open_link(home: &Path) -> Result<(UnixListener, Link), Failure> {
    let before = fs::read(home.join(Link::FILE)).ok().and_then(|text| serde_json::from_slice::<Link>(&text).ok());
    let token = before.map_or_else(|| uuid::Uuid::new_v4().simple().to_string(), |before| before.token);
    let place = link::place(home);
    let listener = link::listen(&place)
        .map_err(|error| Failure::unreachable(format!("cannot listen at {}: {error}", place.display())))?;
    let link = Link { place, token };
    write_link(home, &link).map_err(|error| Failure::input(format!("cannot write the home: {error}")))?;
    Ok((listener, link))
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

/// Writes where the host of a home listens.
fn write_port(home: &Path, port: u16) -> std::io::Result<()> {
    fs::write(home.join(PORT), port.to_string())
}

/// Reads where the host of a home listens, if one does.
pub fn read_port(home: &Path) -> Option<u16> {
    fs::read_to_string(home.join(PORT)).ok()?.trim().parse().ok()
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
    // A terminal that is gone takes no complaint about that either.
    let lines = tracing_subscriber::fmt::layer().compact().with_writer(std::io::stderr).log_internal_errors(false);
    tracing_subscriber::registry().with(crate::log_filter(Level::WARN)).with(lines).init();
}

/// Tells people. A terminal that is gone is no reason to end.
fn say(sentence: &str) {
    let _ = writeln!(std::io::stdout(), "{sentence}");
}
