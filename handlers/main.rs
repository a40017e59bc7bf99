//! Trainyard: delivers machine-learning models with event-driven functions. One binary is the custom handler, the
//! small Functions host of one machine, and the command line.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use cli::{Exit, Failure, Started, UpOptions};
use tracing::Level;
use tracing_subscriber::filter::Targets;

mod background;
mod functions;
mod handler;
mod ports;
mod settings;
mod span_fields;
mod up;

fn main() -> ExitCode {
    cli::main(&ThisMachine)
}

/// The machine that the command line runs on.
struct ThisMachine;

impl cli::Machine for ThisMachine {
    fn up(&self, options: &UpOptions) -> Result<Exit, Failure> {
        up::run(options)
    }

    fn start_in_background(&self, options: &UpOptions) -> Result<Started, Failure> {
        background::start(options)
    }

    fn wait_for_end(&self, process: u32, at_most: Duration) -> bool {
        let Ok(runtime) = runtime() else { return false };
        let ended = local::deployments::process_ended(process.cast_signed());
        runtime.block_on(async { tokio::time::timeout(at_most, ended).await.is_ok() })
    }

    fn handler(&self, home: &Path) -> Result<Exit, Failure> {
        handler::run(home)
    }

    fn job(&self, folder: &Path) -> Result<Exit, Failure> {
        let home = folder.ancestors().nth(2).unwrap_or(folder);
        let environments = up::environments(&home.join("python"));
        let supervised = runtime()?.block_on(local::jobs::supervise(folder, &environments));
        supervised.map(|()| Exit::Done).map_err(|error| Failure::input(format!("{}: {error}", folder.display())))
    }

    fn check_python(&self) -> Result<String, String> {
        let runtime = runtime().map_err(|failure| failure.to_string())?;
        let found = runtime.block_on(up::environments(Path::new("python")).interpreter());
        found.map(|it| format!("Python {} at {}", it.version, it.path.display())).map_err(|error| error.to_string())
    }

    fn init_repository(&self, folder: &Path) -> Result<String, Failure> {
        let commit = if folder.join(".git").exists() {
            local::source::commit_all(folder, "Changes to the example")
        } else {
            local::source::init_repository(folder, "The example, as it comes with Trainyard")
        };
        commit.map(|commit| commit.to_string()).map_err(|error| Failure::input(error.to_string()))
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Runtime::new().map_err(|error| Failure::input(format!("cannot start: {error}")))
}

/// What is logged: from `TRAINYARD_LOG`, such as `debug` or `info,runner=debug`, or else from this level on.
///
/// Plain targets and levels: filters on the content of spans cost every invocation, though few of them ask for one.
fn log_filter(level: Level) -> Targets {
    let setting = std::env::var("TRAINYARD_LOG").unwrap_or_default();
    // Storage says each refused request at `info`, and most of them are answers to a question: is it there?
    let usual = || Targets::new().with_default(level).with_target("typespec_client_core", Level::WARN);
    setting.parse().ok().filter(|_| !setting.is_empty()).unwrap_or_else(usual)
}
