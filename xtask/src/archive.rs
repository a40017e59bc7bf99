//! Packs a staged app for deployment. Unix modes must be in the package: Azure mounts or unpacks it as it is.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use azure_functions::HostJson;
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

/// Packs what the host needs and nothing else: `host.json`, the program, and the functions' folders.
///
/// The same app gives the same bytes: entries are in order and carry no time.
pub fn pack(app: &Path, file: &Path) -> Result<()> {
    let writing = || format!("cannot write {}", file.display());
    let output = File::create(file).with_context(writing)?;
    let mut archive = ZipWriter::new(BufWriter::new(output));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default());
    let mut add = |path: &Path, mode: u32| -> Result<()> {
        archive.start_file(name(app, path), options.unix_permissions(mode)).with_context(writing)?;
        let mut input = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        io::copy(&mut input, &mut archive).with_context(writing)?;
        Ok(())
    };
    let host_json = app.join("host.json");
    let host = HostJson::from_json(&fs::read_to_string(&host_json).context("cannot read host.json")?)?;
    add(&host_json, 0o644)?;
    add(&app.join(&host.custom_handler.description.default_executable_path), 0o755)?;
    for folder in functions(app)? {
        archive.add_directory(name(app, &folder), options.unix_permissions(0o755)).with_context(writing)?;
        let path = folder.join("function.json");
        archive.start_file(name(app, &path), options.unix_permissions(0o644)).with_context(writing)?;
        io::copy(&mut File::open(&path)?, &mut archive).with_context(writing)?;
    }
    let output = archive.finish().with_context(writing)?;
    output.into_inner().map_err(|error| error.into_error()).with_context(writing)?.sync_all().with_context(writing)
}

fn functions(app: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(app).with_context(|| format!("cannot read {}", app.display()))? {
        let folder = entry?.path();
        if folder.join("function.json").is_file() {
            folders.push(folder);
        }
    }
    folders.sort();
    Ok(folders)
}

/// The name within the package, with slashes on every system.
fn name(app: &Path, path: &Path) -> String {
    let path = path.strip_prefix(app).unwrap_or(path);
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}
