//! Finding an interpreter.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::PythonError;
use super::pin::PythonPin;

/// Asks an interpreter about itself. The version comes first, so that even one that fails at the rest tells it.
const PROBE: &str = "import sys
print('%d.%d.%d' % tuple(sys.version_info[:3]))
import importlib.util, sysconfig
print(sys.implementation.cache_tag)
print(sysconfig.get_platform())
print(all(importlib.util.find_spec(module) for module in ('venv', 'ensurepip')))
print(sys.executable)";

/// Looked for on PATH, in this order.
const NAMES: [&str; 7] = ["python3", "python", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];

/// The oldest that is taken.
const OLDEST: [u32; 2] = [3, 10];

/// A Python that can make environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// The executable itself, behind whatever shim was on PATH.
    pub path: PathBuf,
    /// Such as `3.12.4`.
    pub version: String,
    /// Implementation and platform, such as `cpython-312 linux-x86_64`.
    pub platform: String,
}

/// The first interpreter that will do: the one of the setting and no other, or else one on PATH.
pub(super) async fn find(setting: Option<&Path>, pin: Option<&PythonPin>) -> Result<Interpreter, PythonError> {
    let candidates: Vec<PathBuf> = match setting {
        Some(path) => vec![path.to_owned()],
        None => NAMES.iter().map(PathBuf::from).collect(),
    };
    let looked_for = match setting {
        Some(path) => format!("{}, as TRAINYARD_PYTHON says", path.display()),
        None => format!("{} on PATH", NAMES.join(", ")),
    };
    let mut why_not = PythonError::NotFound { looked_for };
    for candidate in candidates {
        match probe(&candidate, pin).await {
            Some(Ok(interpreter)) => return Ok(interpreter),
            Some(Err(error)) if nearness(&error) > nearness(&why_not) => why_not = error,
            _ => {}
        }
    }
    Err(why_not)
}

/// Of several reasons the one nearest to success is told.
fn nearness(error: &PythonError) -> u8 {
    match error {
        PythonError::NotFound { .. } => 0,
        PythonError::TooOld { .. } => 1,
        PythonError::WrongVersion { .. } => 2,
        _ => 3,
    }
}

/// None: there is no such thing, or it is no Python.
async fn probe(candidate: &Path, pin: Option<&PythonPin>) -> Option<Result<Interpreter, PythonError>> {
    let output = tokio::process::Command::new(candidate)
        .args(["-I", "-c", PROBE])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .ok()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let mut lines = said.lines();
    let version = lines.next()?.to_owned();
    let numbers: Vec<u32> = version.split('.').map_while(|n| n.parse().ok()).collect();
    if numbers.len() != 3 {
        return None;
    }
    if numbers[..2] < OLDEST[..] {
        let path = candidate.to_owned();
        return Some(Err(PythonError::TooOld { found: version, path }));
    }
    let (tag, system, has_venv) = (lines.next()?, lines.next()?, lines.next()?);
    let path = PathBuf::from(lines.next()?);
    if let Some(pin) = pin.filter(|pin| !pin.fits(&numbers)) {
        return Some(Err(PythonError::WrongVersion { wanted: pin.to_string(), found: version, path }));
    }
    if has_venv != "True" {
        return Some(Err(PythonError::NoVenv { path }));
    }
    let platform = format!("{tag} {system}");
    Some(Ok(Interpreter { path, version, platform }))
}
