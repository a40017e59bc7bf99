//! Lays out what the Functions host wants: it finds functions only in folders directly beside `host.json`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use azure_functions::HostJson;

use crate::table::table;
use crate::verify;

/// What core tools read on a developer's machine. It is not for the package.
pub const SETTINGS: &str = "local.settings.json";

const EXAMPLE: &str = "local.settings.example.json";

/// Lays out the app, or brings a folder that has one up to date.
pub fn stage(repository: &Path, out: &Path, binary: &Path, with_settings: bool) -> Result<()> {
    if !binary.is_file() {
        bail!("there is no program {}", binary.display());
    }
    let host_json = read(&repository.join("host.json"))?;
    let host = HostJson::from_json(&host_json)?;
    clear(out)?;
    write(&out.join("host.json"), &host_json)?;
    let executable = out.join(&host.custom_handler.description.default_executable_path);
    // Away first: a program that runs cannot be written to, and a copy into a link would follow it.
    if executable.exists() {
        fs::remove_file(&executable).with_context(|| format!("cannot replace {}", executable.display()))?;
    }
    fs::copy(binary, &executable).with_context(|| format!("cannot copy {}", binary.display()))?;
    set_mode(&executable, 0o755)?;
    for function in table() {
        let folder = out.join(function.name.as_ref());
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        set_mode(&folder, 0o755)?;
        write(&folder.join("function.json"), &function.to_json())?;
    }
    let settings = out.join(SETTINGS);
    if with_settings && !settings.exists() {
        write(&settings, &read(&repository.join(EXAMPLE))?)?;
    }
    verify::verify(out)
}

/// Makes the folder, or takes the functions of an earlier time out of it. What else is in there stays.
fn clear(out: &Path) -> Result<()> {
    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let entries: Vec<_> = fs::read_dir(out)?.collect::<Result<_, _>>()?;
    if !entries.is_empty() && !out.join("host.json").is_file() {
        bail!("{} has files and no host.json: it is no staged app, and is left alone", out.display());
    }
    if out.join("Cargo.toml").exists() {
        bail!("{} is a Rust package: stage into another folder", out.display());
    }
    for entry in entries {
        let file = entry.path().join("function.json");
        if file.is_file() {
            fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
            // A folder with something else in it stays; the host takes it for no function.
            let _ = fs::remove_dir(entry.path());
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    set_mode(path, 0o644)
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .with_context(|| format!("cannot set the mode of {}", path.display()))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> Result<()> {
    Ok(())
}
