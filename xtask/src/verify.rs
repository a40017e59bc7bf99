//! Looks at a staged app with the host's eyes.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use azure_functions::{HostJson, read_functions};

use crate::table::table;

/// Files beside a `function.json` that the host would take for a script of another language.
const SCRIPTS: [&str; 4] = ["run.", "index.js", "__init__.py", "main.py"];

/// Fails if the host would not find the program or a function, or would find something else.
pub fn verify(app: &Path) -> Result<()> {
    let host = fs::read_to_string(app.join("host.json")).context("the app has no host.json")?;
    let host = HostJson::from_json(&host)?;
    ensure!(host.version == "2.0", "host.json has the version {}, not 2.0", host.version);
    let description = &host.custom_handler.description;
    for argument in &description.arguments {
        ensure!(!argument.contains(' '), "the host would split the argument `{argument}`");
    }
    let program = app.join(&description.default_executable_path);
    ensure!(is_executable(&program), "{} is not there, or cannot be run", program.display());

    let mut expected = table();
    expected.sort_by(|a, b| a.name.cmp(&b.name));
    let found = read_functions(app)?;
    ensure!(found == expected, "the host would not find the functions of the table, but {found:?}");
    for pair in found.windows(2) {
        let (one, other) = (pair[0].name.as_ref(), pair[1].name.as_ref());
        ensure!(!one.eq_ignore_ascii_case(other), "the host cannot tell `{one}` from `{other}`");
    }
    for function in &found {
        for entry in fs::read_dir(app.join(function.name.as_ref()))? {
            let name = entry?.file_name().to_string_lossy().to_lowercase();
            let is_script = SCRIPTS.iter().any(|script| name.starts_with(script));
            let is_script = is_script || name.ends_with(".csx") || name.ends_with(".dll");
            ensure!(!is_script, "the host would take {}/{name} for a script", function.name);
        }
    }
    Ok(())
}

#[cfg(unix)]
fn is_executable(program: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(program).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 == 0o111)
}

#[cfg(not(unix))]
fn is_executable(program: &Path) -> bool {
    program.is_file()
}
