//! What the tasks of the repository do, for the tests of the whole product too.

use std::path::{Path, PathBuf};

pub mod archive;
pub mod functions;
#[path = "../../handlers/settings/table.rs"]
pub mod setting_table;
pub mod settings;
pub mod stage;
#[path = "../../handlers/functions/table.rs"]
pub mod table;
#[cfg(test)]
mod tests;
pub mod verify;

/// The folder of this repository.
#[must_use]
pub fn repository() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_owned()
}
