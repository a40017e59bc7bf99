//! A machine of its own for each test: a home, a port, and the real program on them.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use local::home::Home;
use reqwest::Method;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::{Reply, http, processes};

/// The program, unless `TRAINYARD_PROGRAM` names another: the one that is going to be shipped, say.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_trainyard");
/// Machines at a time: the tests run on small machines too.
const AT_ONCE: u32 = 2;
/// What has not happened by then will not happen. Far more than anything takes.
const PATIENCE: Duration = Duration::from_secs(240);
const LOOK: Duration = Duration::from_millis(50);

static RUNNING: Mutex<u32> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();
static NEXT_PORT: AtomicU16 = AtomicU16::new(0);

/// A machine with a host on it. All that it started is ended when it is dropped.
#[derive(Debug)]
pub struct Machine {
    host: Mutex<Option<Child>>,
    port: u16,
    variables: Vec<(String, String)>,
    // Dropped in this order: the folder goes, then the next test may begin.
    folder: TempDir,
    _turn: Turn,
}

/// What a command answered.
#[derive(Debug, Clone)]
pub struct Output {
    /// The exit code.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it told people beside that.
    pub stderr: String,
    /// What it printed, as JSON; null where it is none.
    pub json: Value,
}

impl Machine {
    /// A machine whose host is up. Waits while two others are.
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// The same with settings (environment variables) for the host.
    pub fn with(variables: &[(&str, &str)]) -> Self {
        let machine = Self::prepare(variables);
        machine.up();
        machine
    }

    /// The same before its host is up.
    pub fn prepare(variables: &[(&str, &str)]) -> Self {
        let turn = Turn::take();
        let folder = tempfile::Builder::new().prefix("trainyard-it-").tempdir().unwrap();
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let machine = Self { host: Mutex::new(None), port: free_port(), variables, folder, _turn: turn };
        machine.share_python();
        machine
    }

    /// Python environments are built once for all tests and kept for the next time.
    fn share_python(&self) {
        let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
        fs::create_dir_all(&python).unwrap();
        let home = Home::open(self.home()).unwrap();
        let ours = home.layout().python();
        fs::remove_dir(&ours).unwrap();
        symlink(python, ours).unwrap();
    }

    /// A folder for whatever the test needs; it goes with the machine.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The host's home.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// The host's port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The program with this machine's home and port, for those who want to start it themselves.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let program = std::env::var_os("TRAINYARD_PROGRAM").unwrap_or_else(|| PROGRAM.into());
        let mut command = Command::new(program);
        let settings = std::env::vars_os().map(|(name, _)| name);
        for name in settings.filter(|name| name.to_string_lossy().starts_with("TRAINYARD_")) {
            command.env_remove(name);
        }
        command.args(arguments).current_dir(self.folder());
        command.env("TRAINYARD_HOME", self.home()).env("TRAINYARD_PORT", self.port.to_string()).env("NO_COLOR", "1");
        command.stdin(Stdio::null());
        command
    }

    /// Starts the host, and waits until it takes requests.
    pub fn up(&self) {
        self.begin(&[]);
        self.until_up();
    }

    /// Starts the host with more arguments, and does not wait for it.
    pub fn begin(&self, arguments: &[&str]) {
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = self.command(&[&["up"], arguments].concat());
        command.env("SWEEP_SCHEDULE", "* * * * * *").envs(self.variables.iter().cloned());
        command.stdout(log.try_clone().unwrap()).stderr(log).process_group(0);
        *self.host() = Some(command.spawn().unwrap());
    }

    /// Waits until the host takes requests.
    pub fn until_up(&self) {
        eventually("the host is up", || {
            if let Some(status) = self.host().as_mut().and_then(|host| host.try_wait().unwrap()) {
                panic!("the host ended with {status}: {}", self.host_log());
            }
            let status = http::ask(Method::GET, &self.url("/admin/host/status"), None).ok()?;
            (status.json["state"] == "Running").then_some(())
        });
    }

    /// Asks the host to stop, and waits until it has. Jobs and deployments stop with it.
    pub fn down(&self) {
        self.end_host(Signal::TERM);
    }

    /// Kills the host, as a power cut does. Jobs and deployments go on.
    pub fn kill(&self) {
        self.end_host(Signal::KILL);
    }

    fn end_host(&self, signal: Signal) {
        let Some(mut host) = self.host().take() else { return };
        processes::signal(host.id(), signal);
        host.wait().unwrap();
    }

    /// Waits until the host has ended by itself; answers its exit code.
    #[track_caller]
    pub fn wait(&self) -> i32 {
        let status = eventually("the host has ended", || self.host().as_mut().unwrap().try_wait().unwrap());
        *self.host() = None;
        status.code().unwrap_or(-1)
    }

    /// The host's process, while it runs.
    pub fn host_process(&self) -> Option<u32> {
        self.host().as_ref().map(Child::id)
    }

    /// How the host and its handler are.
    #[track_caller]
    pub fn status(&self) -> Value {
        self.get("/admin/host/status").json
    }

    /// Where the handler listens.
    #[track_caller]
    pub fn handler_port(&self) -> u16 {
        u16::try_from(self.status()["handler"]["port"].as_u64().unwrap()).unwrap()
    }

    /// The handler's process, waiting until there is one.
    #[track_caller]
    pub fn handler_process(&self) -> u32 {
        let process = eventually("there is a handler", || self.status()["handler"]["pid"].as_u64());
        u32::try_from(process).unwrap()
    }

    fn host(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.host.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self) -> PathBuf {
        self.folder().join("host.log")
    }

    /// What the host said.
    pub fn host_log(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Runs a command.
    pub fn cli(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let json = serde_json::from_str(&stdout).unwrap_or_default();
        let stderr = String::from_utf8(output.stderr).unwrap();
        Output { code: output.status.code().unwrap_or(-1), stdout, stderr, json }
    }

    /// The same, which must end well; answers its JSON.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.cli(&[arguments, &["--json"]].concat());
        assert_eq!(output.code, 0, "{arguments:?}: {output:#?}");
        output.json
    }

    /// An address of the host.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Asks the host.
    #[track_caller]
    pub fn get(&self, path: &str) -> Reply {
        http::ask(Method::GET, &self.url(path), None).unwrap()
    }

    /// Tells the host.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Reply {
        http::ask(Method::POST, &self.url(path), Some(body)).unwrap()
    }

    /// A run as it is now: `show --json`.
    #[track_caller]
    pub fn show(&self, run: &str) -> Value {
        self.json(&["show", run])
    }

    /// Waits until a run is as it should be; answers it.
    #[track_caller]
    pub fn until(&self, run: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/api/runs/{run}");
        let mut last = Value::Null;
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            last = http::ask(Method::GET, &self.url(&path), None).map(|reply| reply.json).unwrap_or_default();
            if is_so(&last) {
                return last;
            }
            assert!(last["outcome"].is_null(), "run {run} ended before {what}: {last:#}");
            thread::sleep(LOOK);
        }
        panic!("waited in vain until {what}: {last:#}");
    }

    /// Waits for the end of a run; answers it.
    #[track_caller]
    pub fn ended(&self, run: &str) -> Value {
        self.until(run, "it ended", |run| run["outcome"].is_string())
    }

    /// Waits until a run asks for approval; answers it.
    #[track_caller]
    pub fn at_gate(&self, run: &str, environment: &str) -> Value {
        let gate = format!("approval for {environment}");
        self.until(run, &gate, |run| run["waiting_for"] == gate.as_str())
    }

    /// Waits until a run is at work on a step (`train`, `deploy:qa`); answers it.
    #[track_caller]
    pub fn at_step(&self, run: &str, step: &str) -> Value {
        self.until(run, step, |run| run["step"] == step)
    }

    /// Approves a run as `berta`, who never asks for one herself.
    #[track_caller]
    pub fn approve(&self, run: &str, environment: &str) {
        self.json(&["approve", run, environment, "--as", "berta"]);
    }

    /// Starts a run that visits all steps and does nothing, which needs no repository; answers its id.
    #[track_caller]
    pub fn rehearse(&self) -> String {
        let begun = self.json(&["start", "rehearsed", "--rehearse", "--as", "anna"]);
        begun["id"].as_str().unwrap().to_owned()
    }

    /// Brings a rehearsal to its end, which must be a good one.
    #[track_caller]
    pub fn rehearsed(&self, run: &str) {
        self.at_gate(run, "prod");
        self.approve(run, "prod");
        super::assert_outcome(&self.ended(run), "released");
    }

    /// What serves where, of one environment: an entry of `environments --json`.
    #[track_caller]
    pub fn environment(&self, name: &str) -> Value {
        let list = self.json(&["environments"]);
        let places = list["environments"].as_array().unwrap();
        places.iter().find(|place| place["environment"] == name).cloned().unwrap_or_default()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- the host at {} said:\n{}", self.folder().display(), self.host_log());
        }
        self.kill();
        processes::end_all(self.folder());
    }
}

/// Waits until something is there. Fails with what was waited for.
#[track_caller]
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        if let Some(found) = look() {
            return found;
        }
        thread::sleep(LOOK);
    }
    panic!("waited in vain until {what}");
}

/// A port that nobody has, below those that the system hands out by itself.
pub fn free_port() -> u16 {
    let start = 20_000 + (std::process::id() % 5_000) as u16 * 2;
    loop {
        let port = start + NEXT_PORT.fetch_add(1, Ordering::Relaxed) % 2_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// One of the few machines that may be there at a time.
#[derive(Debug)]
struct Turn;

impl Turn {
    fn take() -> Self {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut running =
            ENDED.wait_while(running, |running| *running >= AT_ONCE).unwrap_or_else(PoisonError::into_inner);
        *running += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        ENDED.notify_one();
    }
}
