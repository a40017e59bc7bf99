//! Events from others, by real HTTP and real queues, with what those who send them really send.

mod command_line;
mod event_grid;
mod github;
mod hostile;
mod passwords;
mod queues;
mod triggers;
mod waking;

use std::fs;
use std::path::Path;

use hmac::{Hmac, Mac as _};
use reqwest::Method;
use sha2::Sha256;

use crate::support::{Machine, Reply, Repository, Value, ask, eventually, json, send};

/// The secret that GitHub's documentation signs its example with.
const SECRET: &str = "It's a Secret to Everybody";
/// What the host is told, as in the settings of an app.
pub const SECRETS: [(&str, &str); 4] = [
    ("GITHUB_WEBHOOK_SECRET", SECRET),
    ("DATABRICKS_WEBHOOK_USER", "databricks"),
    ("DATABRICKS_WEBHOOK_PASSWORD", "open sesame"),
    ("MLFLOW_WEBHOOK_SECRET", "mlflow's own"),
];
const RESOURCES: &str =
    "/subscriptions/0f8fad5b-d9cb-469f-a165-70867728950e/resourceGroups/rg-mlops-diabetes/providers";
/// The commit that the samples are about.
const COMMIT: &str = "2f22765d04931a078909145ca628d2264c852d7d";

/// A machine whose doors are open.
fn machine() -> Machine {
    Machine::with(&SECRETS)
}

/// A sample: `github/fixtures/push.json`.
fn sample(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("handlers/events/src").join(path);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The same as text, with words replaced.
fn sample_with(path: &str, replaced: &[(&str, &str)]) -> Vec<u8> {
    let text = String::from_utf8(sample(path)).unwrap();
    let replace = |text: String, (from, to): &(&str, &str)| {
        assert!(text.contains(from), "{path} has no {from}");
        text.replace(from, to)
    };
    replaced.iter().fold(text, replace).into_bytes()
}

/// The repository of GitHub's samples.
fn github_repository() -> Value {
    json!({"repository": {"host": "github", "id": "791204417"}})
}

/// All that the samples are about, but for GitHub's repository.
fn azure() -> Value {
    json!({
        "repository": {"host": "azure_devops", "id": "95092E07-0B1C-562E-9B6D-69B0503AED24"},
        "devops_project": "94bdb2e9-8525-5139-aeae-de33f008d16b",
        "workspaces": [format!("{RESOURCES}/microsoft.machinelearningservices/workspaces/MLW-diabetes")],
        "registries": [{
            "host": "crdiabetesmlops.azurecr.io",
            "id": format!("{RESOURCES}/Microsoft.ContainerRegistry/registries/crdiabetesmlops"),
        }],
        "data": [{
            "account": format!("{RESOURCES}/Microsoft.Storage/storageAccounts/stdiabetesmlops"),
            "container": "training-data",
        }],
        "databricks_workspaces": ["7405611922083144"],
    })
}

/// Lets projects without a repository watch all that the samples are about.
pub fn watch_all(machine: &Machine) {
    watch(machine, "diabetes", &azure());
    watch(machine, "diabetes_on_github", &github_repository());
}

/// Says what a project takes events from.
#[track_caller]
fn watch(machine: &Machine, project: &str, watch: &Value) {
    let reply = ask(Method::PUT, &machine.url(&format!("/api/watch/{project}")), Some(watch)).unwrap();
    assert_eq!(reply.status, 200, "{reply:?}");
}

/// Says where the repository is: nobody has pushed it from the command line.
#[track_caller]
fn register(machine: &Machine, repository: &Repository<'_>) {
    let reply = machine.post("/api/sources", &json!({"project": "tiny", "path": repository.folder()}));
    assert_eq!(reply.status, 200, "{reply:?}");
}

/// Signs as GitHub does.
fn signed(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    let digits = mac.finalize().into_bytes();
    format!("sha256={}", digits.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// Delivers as GitHub does: signed, as JSON.
fn from_github(machine: &Machine, event: &str, delivery: &str, body: &[u8]) -> Reply {
    let signature = signed(SECRET, body);
    let headers = [
        ("Content-Type", "application/json"),
        ("X-GitHub-Event", event),
        ("X-GitHub-Delivery", delivery),
        ("X-Hub-Signature-256", &signature),
    ];
    send(Method::POST, &machine.url("/api/github"), &headers, body)
}

/// Delivers as Event Grid does.
fn from_event_grid(machine: &Machine, function: &str, kind: &str, body: &[u8]) -> Reply {
    let url = machine.url(&format!("/runtime/webhooks/eventgrid?functionName={function}"));
    let headers = [("Content-Type", "application/json; charset=utf-8"), ("aeg-event-type", kind)];
    send(Method::POST, &url, &headers, body)
}

/// All events, the newest first.
#[track_caller]
fn events(machine: &Machine) -> Vec<Value> {
    let reply = machine.get("/api/events?limit=200");
    reply.json["events"].as_array().unwrap_or_else(|| panic!("{reply:?}")).clone()
}

/// Waits until so many events are there; answers them, the newest first.
#[track_caller]
fn after(machine: &Machine, count: usize) -> Vec<Value> {
    let found = eventually(&format!("{count} events have come in"), || {
        let events = events(machine);
        (events.len() >= count).then_some(events)
    });
    assert_eq!(found.len(), count, "{found:#?}");
    found
}

/// Waits until it is known what the newest event's wish came to; answers that.
#[track_caller]
fn came_to(machine: &Machine) -> Value {
    eventually("the wish came to something", || {
        let came_to = events(machine).first()?["did"][0]["came_to"].clone();
        came_to.is_object().then_some(came_to)
    })
}

#[track_caller]
fn runs(machine: &Machine) -> Vec<Value> {
    machine.json(&["runs"])["runs"].as_array().unwrap().clone()
}
