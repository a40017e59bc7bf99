//! A burst of events through the host's doors: pushes with GitHub's signature, Event Grid's deliveries one by one and in
//! batches, a third of them sent twice, all shuffled, one in a hundred broken or forged. Beside it the same burst into the
//! same host with a bare handler, which answers as the contract asks and keeps nothing.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::routing::{any, get};
use hmac::{Hmac, Mac as _};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::http::Http;
use crate::memory::resident;
use crate::product::{Kill, Product, folder, free_port};
use crate::table::{Samples, Table, Wanted};

/// Deliveries in a burst.
const DELIVERIES: usize = 20_000;
/// Of these, so many say something new.
const NEW: usize = DELIVERIES * 2 / 3;
const CALLERS: usize = 16;
const ROUNDS: usize = 3;
pub const SECRET: &str = "a secret of the bench";
const WORKSPACE: &str = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/w";
/// What host and handler may take, however much comes in.
const MEMORY: f64 = 150.0;

/// The word that makes this program the bare handler.
pub const HANDLER: &str = "floor-handler";

pub fn measure(table: &mut Table) {
    let burst = Burst::new();
    let (mut ours, mut bare, mut memory) = (Samples::default(), Samples::default(), Samples::default());
    for _ in 0..ROUNDS {
        let (floor_home, port) = (folder(), free_port());
        let _handler = Kill(floor_handler(port).spawn().unwrap());
        let floor = Product::attached(floor_home.path(), port);
        bare.add(burst.send(floor.port));
        drop(floor);

        let home = folder();
        let product = Product::up(home.path());
        watch(product.port);
        ours.add(burst.send(product.port));
        memory.add(resident(product.host()) + resident(product.handler()));
        let kept = kept(&product.database());
        assert_eq!(kept, burst.names, "each event is on record once, and nothing else is");
    }
    table.add("a burst of 20,000 deliveries (floor: bare handler)", "1/s", ours, Some(bare), Wanted::Nothing);
    table.add("memory after it: host and handler", "MiB", memory, None, Wanted::Below(MEMORY));
}

/// Answers every function as the contract asks, and `/`.
pub fn handler(port: u16) {
    let answer = async || axum::Json(json!({"Outputs": {"res": {"statusCode": 202}}, "ReturnValue": null}));
    let router = axum::Router::new().route("/", get(async || "{}")).fallback(any(answer));
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        axum::serve(listener, router).await.unwrap();
    });
}

fn floor_handler(port: u16) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([HANDLER, &port.to_string()]).stdin(Stdio::null());
    command
}

/// One request.
struct Delivery {
    path: &'static str,
    headers: String,
    body: String,
    statuses: &'static [u16],
}

struct Burst {
    deliveries: Vec<Delivery>,
    /// What must be on record at the end: how its sender names each event.
    names: HashSet<String>,
}

impl Burst {
    fn new() -> Self {
        let mut names = HashSet::new();
        let mut deliveries: Vec<Delivery> = Vec::with_capacity(DELIVERIES);
        for nth in 0..NEW {
            let (delivery, name) = match nth % 100 {
                // Forged: nothing of it is kept.
                0 => (push(nth, "0".repeat(64)), None),
                1..40 => {
                    let delivery = push(nth, String::new());
                    (delivery, Some(delivery_id(nth)))
                }
                40..70 => (grid("storage_event", &blob(nth)), Some(format!("blob-{nth}"))),
                _ => (grid("azure_ml_event", &job(nth)), Some(format!("job-{nth}"))),
            };
            names.extend(name);
            deliveries.push(delivery);
        }
        let again = (NEW..DELIVERIES).map(|nth| {
            let Delivery { path, headers, body, statuses } = &deliveries[(nth * 7919) % NEW];
            Delivery { path, headers: headers.clone(), body: body.clone(), statuses }
        });
        let again: Vec<_> = again.collect();
        deliveries.extend(again);
        shuffle(&mut deliveries);
        Self { deliveries, names }
    }

    /// Sends all of it; deliveries in a second.
    fn send(&self, port: u16) -> f64 {
        let next = AtomicUsize::new(0);
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..CALLERS {
                scope.spawn(|| {
                    let mut http = Http::connect(port).unwrap();
                    while let Some(it) = self.deliveries.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let (status, answer) = http.ask_with("POST", it.path, &it.headers, &it.body).unwrap();
                        assert!(it.statuses.contains(&status), "{status} {answer} to {}", it.body);
                    }
                });
            }
        });
        DELIVERIES as f64 / begun.elapsed().as_secs_f64()
    }
}

fn push(nth: usize, forged: String) -> Delivery {
    let body = json!({
        "ref": format!("refs/heads/topic-{}", nth % 20),
        "before": format!("{nth:040x}"),
        "after": format!("{:040x}", nth + 1),
        "repository": {"id": 7, "full_name": "contoso/diabetes", "default_branch": "main"},
        "pusher": {"name": "ada"}, "sender": {"login": "ada", "id": 1},
        "created": false, "deleted": false, "forced": false, "commits": [], "head_commit": null,
    })
    .to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let signed: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let (signature, statuses): (_, &[u16]) = if forged.is_empty() { (signed, &[202]) } else { (forged, &[401, 202]) };
    let headers = format!(
        "X-GitHub-Event: push\r\nX-GitHub-Delivery: {}\r\nX-Hub-Signature-256: sha256={signature}\r\n",
        delivery_id(nth)
    );
    Delivery { path: "/api/github", headers, body, statuses }
}

fn delivery_id(nth: usize) -> String {
    format!("{nth:08x}-59f4-4647-8245-b9973d900000")
}

fn grid(function: &'static str, event: &Value) -> Delivery {
    let path = match function {
        "storage_event" => "/runtime/webhooks/eventgrid?functionName=storage_event",
        _ => "/runtime/webhooks/eventgrid?functionName=azure_ml_event",
    };
    let body = json!([event]).to_string();
    Delivery { path, headers: "aeg-event-type: Notification\r\n".into(), body, statuses: &[200, 202] }
}

fn blob(nth: usize) -> Value {
    json!({
        "topic": "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/a",
        "subject": format!("/blobServices/default/containers/other/blobs/file-{nth}.csv"),
        "eventType": "Microsoft.Storage.BlobCreated", "eventTime": "2026-03-17T06:00:26.4248221Z",
        "id": format!("blob-{nth}"), "dataVersion": "", "metadataVersion": "1",
        // Every thirtieth is broken: kept for a person.
        "data": if nth.is_multiple_of(30) { json!("none") } else {
            json!({"api": "PutBlob", "contentLength": 7, "blobType": "BlockBlob", "sequencer": format!("{nth:032x}"),
                "url": format!("https://a.blob.core.windows.net/other/file-{nth}.csv")})
        },
    })
}

fn job(nth: usize) -> Value {
    json!({
        "topic": WORKSPACE, "subject": format!("experiments/e/runs/run-{nth}"),
        "eventType": "Microsoft.MachineLearningServices.RunCompleted", "eventTime": "2026-03-17T09:38:41.9584103Z",
        "id": format!("job-{nth}"), "dataVersion": "", "metadataVersion": "1",
        "data": {"experimentId": "e", "experimentName": "e", "runId": format!("run-{nth}"), "runType": "azureml.StepRun"},
    })
}

/// The same order each time, and none that anybody would send in.
fn shuffle<T>(items: &mut [T]) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for last in (1..items.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        items.swap(last, (state % (last as u64 + 1)) as usize);
    }
}

fn watch(port: u16) {
    let account = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/a";
    let watch = json!({
        "repository": {"host": "github", "id": "7"}, "workspaces": [WORKSPACE],
        "data": [{"account": account, "container": "training", "prefix": ""}],
    });
    let mut http = Http::connect(port).unwrap();
    let (status, answer) = http.ask("PUT", "/api/watch/diabetes", &watch.to_string()).unwrap();
    assert_eq!(status, 200, "{answer}");
}

/// How the senders name the events that are on record; each must be there once.
fn kept(database: &Path) -> HashSet<String> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    let mut events =
        connection.prepare("SELECT body FROM documents WHERE key >= 'events/' AND key < 'events0'").unwrap();
    let bodies = events.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    let mut names = HashSet::new();
    for body in bodies {
        let event: Value = serde_json::from_slice(&body.unwrap()).unwrap();
        let envelope = event.pointer("/reading/envelope").or_else(|| event.pointer("/reading/notice/envelope"));
        let name = envelope.and_then(|it| it["id"].as_str()).unwrap_or_else(|| panic!("{event}")).to_owned();
        assert!(names.insert(name), "twice: {event}");
    }
    names
}
