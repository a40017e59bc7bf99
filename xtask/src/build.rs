//! Builds the one binary.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Builds it, and returns where it is.
pub fn binary(repository: &Path, target: Option<&str>, profile: &str) -> Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(repository).args([
        "build",
        "--package",
        "trainyard",
        "--bin",
        "trainyard",
        "--profile",
        profile,
    ]);
    if let Some(target) = target {
        command.args(["--target", target]);
    }
    let status = command.status().context("cannot run cargo")?;
    if !status.success() {
        bail!("the build failed ({status})");
    }
    let mut path = env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository.join("target"), |it| repository.join(it));
    path.extend(target);
    // The one profile whose folder has another name.
    path.push(if profile == "dev" { "debug" } else { profile });
    path.push(if target.unwrap_or(env::consts::OS).contains("windows") { "trainyard.exe" } else { "trainyard" });
    Ok(path)
}
