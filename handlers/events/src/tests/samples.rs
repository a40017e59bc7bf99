//! Samples, and the tables that say what each reads as.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::reading::Reading;
use crate::{Limits, azure_devops, container_registry, databricks, event_grid, github, mlflow};

/// A table beside the samples.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table<Told> {
    #[expect(dead_code, reason = "for people")]
    about: String,
    pub(crate) samples: BTreeMap<String, Told>,
    /// Files that are no bodies.
    #[serde(default)]
    beside: BTreeSet<String>,
}

/// The folders of this crate that hold a sender's samples.
pub(crate) const SENDERS: [&str; 9] = [
    "azure_devops",
    "azure_ml",
    "container_registry",
    "databricks",
    "event_grid",
    "github",
    "mlflow",
    "resource_notifications",
    "storage",
];

pub(crate) const DELIVERY: &str = "0c5f2b0e-6a4e-4d8c-9a31-2f7f6d1f4b7c";

/// A folder of a sender's samples.
pub(crate) fn folder(sender: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(sender).join("fixtures")
}

#[expect(clippy::disallowed_methods, reason = "a sample is a file")]
pub(crate) fn bytes(folder: &Path, file: &str) -> Vec<u8> {
    std::fs::read(folder.join(file)).unwrap_or_else(|error| panic!("{}/{file}: {error}", folder.display()))
}

pub(crate) fn json(folder: &Path, file: &str) -> Value {
    serde_json::from_slice(&bytes(folder, file)).unwrap()
}

/// The table of a folder, in which every file of the folder is.
pub(crate) fn table<Told: for<'de> Deserialize<'de>>(folder: &Path) -> Table<Told> {
    let table: Table<Told> = serde_json::from_slice(&bytes(folder, "readings.json")).unwrap();
    let told = table.samples.keys().chain(&table.beside).cloned().collect::<BTreeSet<_>>();
    let mut there = BTreeSet::new();
    files(folder, folder, &mut there);
    there.remove("readings.json");
    assert_eq!(there, told, "the table and the files of {}", folder.display());
    table
}

fn files(top: &Path, folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(top, &path, found);
        } else {
            let name = path.strip_prefix(top).unwrap().to_str().unwrap();
            found.insert(name.replace('\\', "/"));
        }
    }
}

/// Reads a sample as its sender delivers it.
pub(crate) fn read(sender: &str, file: &str, body: &[u8]) -> Vec<Reading> {
    match sender {
        "azure_devops" => azure_devops::read(body, Limits::default()),
        "databricks" => databricks::read(body, Limits::default()),
        "github" => {
            let headers = json(&folder(sender), &file.replace(".json", ".headers.json"));
            let header = |name: &str| headers[name].as_str().unwrap().to_owned();
            github::read(&header("X-GitHub-Event"), &header("X-GitHub-Delivery"), body, Limits::GITHUB)
        }
        "mlflow" => mlflow::read(Some(DELIVERY), body, Limits::default()),
        "container_registry" if file.starts_with("webhook.") => {
            container_registry::read_webhook(body, Limits::default())
        }
        _ => event_grid::read(body, Limits::default()),
    }
}

/// Every sample of a sender reads as its table says.
pub(crate) fn read_as_told(sender: &str) {
    let folder = folder(sender);
    let table = table::<Value>(&folder);
    assert!(!table.samples.is_empty());
    for (file, told) in &table.samples {
        let readings = serde_json::to_value(read(sender, file, &bytes(&folder, file))).unwrap();
        assert_has(&format!("{sender}/{file}"), &readings, told);
    }
}

/// Everything that is told is there. `null` and nothing are the same, and so are an empty list and none.
pub(crate) fn assert_has(what: &str, found: &Value, told: &Value) {
    match (found, told) {
        (Value::Object(found), Value::Object(told)) => {
            for (name, told) in told {
                assert_has(&format!("{what}.{name}"), found.get(name).unwrap_or(&Value::Null), told);
            }
        }
        (Value::Array(found), Value::Array(told)) => {
            assert_eq!(found.len(), told.len(), "{what}: {found:#?}");
            for (index, (found, told)) in found.iter().zip(told).enumerate() {
                assert_has(&format!("{what}[{index}]"), found, told);
            }
        }
        (Value::Null, Value::Array(none)) => assert!(none.is_empty(), "{what}: nothing instead of {none:?}"),
        _ => assert_eq!(found, told, "{what}"),
    }
}

#[test]
fn a_table_can_fail() {
    let told = |found: &str, told: &str| {
        let (found, told) = (serde_json::from_str(found).unwrap(), serde_json::from_str(told).unwrap());
        std::panic::catch_unwind(|| assert_has("", &found, &told)).is_ok()
    };
    assert!(told(r#"[{"a":1,"b":2}]"#, r#"[{"a":1,"c":null,"d":[]}]"#));
    for (found, other) in
        [("[{}]", "[]"), (r#"{"a":1}"#, r#"{"a":2}"#), ("{}", r#"{"a":0}"#), ("1", "{}"), ("{}", "[]")]
    {
        assert!(!told(found, other), "{found} {other}");
    }
}
