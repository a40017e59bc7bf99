//! Tasks of the repository.
//!
//! ```text
//! cargo xtask functions [--check]     functions/<name>/function.json from the table in handlers/functions/table.rs
//! cargo xtask settings [--check]      local.settings.example.json from the table in handlers/settings/table.rs
//! cargo xtask stage [--zip FILE]      what the Functions host wants, side by side: host.json, binary, functions
//! ```

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::{archive, functions, repository, settings, stage};

mod build;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tasks of the repository")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Writes functions/<name>/function.json from the table in handlers/functions/table.rs
    Functions {
        /// Write nothing; fail if a file is not as it should be
        #[arg(long)]
        check: bool,
    },
    /// Writes local.settings.example.json from the table in handlers/settings/table.rs
    Settings {
        /// Write nothing; fail if the file is not as it should be
        #[arg(long)]
        check: bool,
    },
    /// Lays out what the Functions host wants: `func start --script-root DIR`, or the package to deploy
    Stage(Stage),
}

#[derive(clap::Args)]
struct Stage {
    /// The folder to lay out
    #[arg(long, value_name = "DIR", default_value = "target/func")]
    out: PathBuf,
    /// Build for this target, such as x86_64-unknown-linux-musl
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Build with this profile
    #[arg(long, default_value = "release")]
    profile: String,
    /// Take this program instead of building one
    #[arg(long, value_name = "PATH", conflicts_with_all = ["target", "profile"])]
    binary: Option<PathBuf>,
    /// Make local.settings.json from the example, unless it is there
    #[arg(long)]
    settings: bool,
    /// Also pack it, with the modes that Azure needs
    #[arg(long, value_name = "FILE")]
    zip: Option<PathBuf>,
}

fn main() -> Result<()> {
    match Arguments::parse().task {
        Task::Functions { check: true } => functions::check(&repository()),
        Task::Functions { check: false } => functions::write(&repository()),
        Task::Settings { check: true } => settings::check(&repository()),
        Task::Settings { check: false } => settings::write(&repository()),
        Task::Stage(options) => {
            let binary = match options.binary {
                Some(binary) => binary,
                None => build::binary(&repository(), options.target.as_deref(), &options.profile)?,
            };
            stage::stage(&repository(), &options.out, &binary, options.settings)?;
            println!("staged {}: func start --script-root {0}", options.out.display());
            if let Some(file) = options.zip {
                archive::pack(&options.out, &file)?;
                println!("packed {}", file.display());
            }
            Ok(())
        }
    }
}
