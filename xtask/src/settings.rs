//! `local.settings.example.json`, written from the table.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use serde_json::json;

use crate::setting_table::{Setting, all};

/// What the example has for those who run on one machine, where that is not the default.
const EXAMPLES: [(&str, &str); 3] = [
    ("FUNCTIONS_WORKER_RUNTIME", "custom"),
    ("AzureWebJobsStorage", "UseDevelopmentStorage=true"),
    (
        "SERVICEBUS",
        "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;\
         UseDevelopmentEmulator=true;",
    ),
];

/// The file.
pub const FILE: &str = "local.settings.example.json";

/// Writes the file.
pub fn write(repository: &Path) -> Result<()> {
    let path = repository.join(FILE);
    fs::write(&path, example()).with_context(|| format!("cannot write {}", path.display()))
}

/// Fails if the file is not what [`write()`] would write.
pub fn check(repository: &Path) -> Result<()> {
    if fs::read_to_string(repository.join(FILE)).ok() != Some(example()) {
        bail!("{FILE} is not what the table says; `cargo xtask settings` writes it");
    }
    Ok(())
}

/// The text of `local.settings.example.json`.
fn example() -> String {
    let line = |name: &str, text: &str| format!("    {}: {}", json!(name), json!(text));
    let value = |setting: &Setting| {
        let given = EXAMPLES.iter().find(|(name, _)| *name == setting.name);
        given.map_or(setting.default, |(_, value)| value)
    };
    // What the host sets itself is not for people to set.
    let shown: Vec<Setting> = all().filter(|setting| !setting.name.starts_with("TRAINYARD_LINK")).collect();
    let values: Vec<String> = shown.iter().map(|setting| line(setting.name, value(setting))).collect();
    let file = "Copied to local.settings.json beside host.json it is for the functions, under `func start` and \
                `trainyard up` (there: in `app` of its home), which make environment of it. In Azure the same names are \
                app settings. A name that begins with TRAINYARD_ and is not here is an error.";
    let abouts = shown.iter().map(|setting| line(setting.name, setting.about));
    let abouts: Vec<String> = std::iter::once(line("This file", file)).chain(abouts).collect();
    format!(
        "{{\n  \"IsEncrypted\": false,\n  \"Values\": {{\n{}\n  }},\n  \"About\": {{\n{}\n  }}\n}}\n",
        values.join(",\n"),
        abouts.join(",\n")
    )
}
