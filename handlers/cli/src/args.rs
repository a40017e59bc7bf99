//! What people can type.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::Cx;
use crate::commands::*;
use crate::failure::{Exit, Failure};

const EXAMPLES: &str = "\
Begin here:
  trainyard demo               an example model, from commit to production
  trainyard init .             the same for your own repository: write its
  trainyard up                 trainyard.yml and commit it, start the host,
  trainyard push . --follow    and, in another terminal, deliver

Exit codes:
  0  done
  1  the run ended otherwise than released, checked, not_better or skipped
  2  bad usage or input
  3  still waiting
  4  the host cannot be reached";

/// Delivers machine-learning models: trains, compares, packages, tests, releases, and says why.
#[derive(Debug, Parser)]
#[command(name = "trainyard", version, after_help = EXAMPLES, bin_name = "trainyard", max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// The folder of all local state [default: ~/.trainyard]
    #[arg(long, global = true, value_name = "DIR", env = "TRAINYARD_HOME", hide_env_values = true)]
    pub home: Option<PathBuf>,
    /// The host's port on this machine [default: that of the home's host, or 7071]
    #[arg(long, global = true, value_name = "PORT", env = "TRAINYARD_PORT", hide_env_values = true,
        value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Print one JSON document; all else goes to standard error
    #[arg(long, global = true)]
    pub json: bool,
    /// When to use colours; NO_COLOR is respected
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    pub color: Color,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident: $module:ident,)*) => {
        /// What can be done.
        #[derive(Debug, Subcommand)]
        pub(crate) enum Command {
            $($(#[$doc])* $name($module::Args),)*
        }

        impl Command {
            pub fn run(&self, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
                match self {
                    $(Self::$name(args) => $module::run(args, cx),)*
                }
            }
        }
    };
}

commands! {
    /// Deliver an example model on this machine, from commit to production
    Demo: demo,
    /// Run the host: pages, API and the whole delivery on this machine
    Up: up,
    /// Stop the host
    Down: down,
    /// Write a first trainyard.yml for a model repository
    Init: init,
    /// Deliver a branch of a model repository on this machine
    Push: push,
    /// List runs, the newest first
    Runs: runs,
    /// Show a run: its steps, numbers, model, image and what to do next
    Show: show,
    /// Watch a run until it ends or needs a person; or say what a project takes events from
    Watch: watch,
    /// List the events that came in, and what they did
    Events: events,
    /// Say why a run stands where it stands
    Why: why,
    /// Print what a run's jobs said
    Logs: logs,
    /// Start a run by hand
    Start: start,
    /// Let a run go on into an environment
    Approve: approve,
    /// Keep a run out of an environment
    Reject: reject,
    /// End a run
    Cancel: cancel,
    /// Have a failed step tried again
    Retry: retry,
    /// Put the last good release back
    Rollback: rollback,
    /// List what serves where
    Environments: environments,
    /// List messages that were given up, or send one again
    DeadLetters: dead_letters,
    /// See whether all that a delivery needs is there
    Doctor: doctor,
    /// Print the JSON Schema of trainyard.yml
    Schema: schema,
    /// Print the completions of a shell
    Completions: completions,
    /// Run the custom handler; the Functions host starts it
    Handler: handler,
    #[command(hide = true)]
    Job: job,
}
