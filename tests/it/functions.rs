//! The functions are what the Functions host takes them for: found by their folders, asked by their names, and they
//! answer as it wants to be answered, whatever it sends.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::Method;

use crate::events::{SECRETS, watch_all};
use crate::support::{
    Framing, Handler, Machine, Proxy, Repository, Value, ask, assert_outcome, eventually, invoke, json,
};

/// The functions that take in what others send, and start what it asks for.
const DOORS: [&str; 9] = [
    "azure_ml_event",
    "databricks_event",
    "devops_event",
    "event_grid_queue",
    "github_event",
    "mlflow_event",
    "registry_event",
    "start",
    "storage_event",
];

#[test]
fn every_folder_of_a_function_is_a_function_that_the_handler_has_and_there_is_no_other() {
    let machine = Machine::new();
    let port = machine.handler_port();
    let probe = ask(Method::GET, &format!("http://127.0.0.1:{port}/"), None).unwrap();
    assert!((200..300).contains(&probe.status), "{probe:?}");

    for name in folders() {
        let (status, answer) = invoke(port, &name, "{}", Framing::Length);
        assert_ne!(status, 404, "{name}: {answer}");
        assert!(answer.is_object(), "{name}: {status} {answer}");
    }
    for name in ["trainn", "Train", "functions/train", "jobs"] {
        let (status, answer) = invoke(port, name, "{}", Framing::Length);
        assert_eq!(status, 404, "{name}: {answer}");
    }
    let listed = machine.get("/admin/functions").json;
    let mut listed: Vec<_> = listed.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    listed.sort_unstable();
    assert_eq!(listed, folders());
}

#[test]
fn whatever_the_host_sends_to_whichever_function_is_answered_with_an_object_by_a_handler_that_lives_on() {
    // With open doors, and everything that the samples are about watched.
    let machine = Machine::with(&SECRETS);
    watch_all(&machine);
    let (port, process) = (machine.handler_port(), machine.handler_process());
    let mut asked = 0;
    let functions = folders();
    for door in DOORS {
        assert!(functions.iter().any(|function| function == door), "{door} is no function: {functions:?}");
    }

    for (sample, body) in samples() {
        for function in &functions {
            for framing in [Framing::Length, Framing::Chunked] {
                let (status, answer) = invoke(port, function, &body, framing);
                assert!(answer.is_object(), "{sample} to {function}, {framing:?}: {status} {answer}");
                assert!((200..300).contains(&status) || status >= 400, "{sample} to {function}: {status}");
                asked += 1;
            }
        }
    }

    assert!(asked > 1000, "{asked} calls: are the samples and the doors still there?");
    assert_eq!(machine.handler_process(), process, "the handler was started again");
    // What is asked for within a moment is asked for together, so a run would come only now.
    eventually("every wish came to something", || {
        let events = machine.get("/api/events?limit=200").json["events"].as_array().unwrap().clone();
        let waits = |did: &Value| did["did"] == "asked" && did["came_to"].is_null();
        let is_open = |event: &Value| event["did"].as_array().unwrap().iter().any(waits);
        (!events.is_empty() && !events.iter().any(is_open)).then_some(())
    });
    assert_eq!(machine.get("/api/runs").json["runs"], json!([]), "a sample started a run");
}

#[test]
fn a_message_that_fails_ten_times_is_kept_and_its_run_goes_on_once_it_is_sent_again() {
    let machine = Machine::prepare(&[]);
    let is_broken = Arc::new(AtomicBool::new(true));
    let broken = Arc::clone(&is_broken);
    let proxy = Proxy::start(move |function| (function == "evaluate" && broken.load(Ordering::SeqCst)).then_some(500));
    machine.begin(&["--handler-port", &proxy.port().to_string()]);
    let _handler = Handler::start(&machine, proxy.behind());
    machine.until_up();
    let repository = Repository::without_gate(&machine);
    let run = repository.push();

    let letter = eventually("the message is given up", || letters(&machine).pop());

    assert_eq!(letter["queue"], "evaluate");
    assert_eq!(letter["run"], run.as_str());
    assert_eq!(letter["reason"], "MaxDeliveryCountExceeded");
    let counts: Vec<u64> = proxy.seen("evaluate").iter().map(delivery_count).collect();
    assert_eq!(counts, (1..=10).collect::<Vec<_>>());
    let shown = machine.cli(&["dead-letters"]);
    assert!(shown.stdout.contains("evaluate"), "{shown:?}");
    is_broken.store(false, Ordering::SeqCst);
    machine.json(&["dead-letters", "redrive", letter["id"].as_str().unwrap()]);
    let ended = machine.ended(&run);
    assert_outcome(&ended, "released");
    assert!(letters(&machine).is_empty());
}

#[test]
fn steps_follow_each_other_by_messages_of_which_each_is_delivered_once() {
    let machine = Machine::prepare(&[]);
    let proxy = Proxy::start(|_| None);
    machine.begin(&["--handler-port", &proxy.port().to_string()]);
    let _handler = Handler::start(&machine, proxy.behind());
    machine.until_up();
    let run = Repository::without_gate(&machine).push();
    let ended = machine.ended(&run);
    assert_outcome(&ended, "released");

    for step in ended["steps"].as_array().unwrap() {
        let name = step["step"].as_str().unwrap();
        let messages = proxy.seen(name);
        assert!(!messages.is_empty() || step["status"] == "skipped", "no message came to {name}: {step}");
        for message in &messages {
            assert_eq!(delivery_count(message), 1, "{name}: {message:#}");
        }
        let mut ids: Vec<_> = messages.iter().map(|message| message["Metadata"]["MessageId"].to_string()).collect();
        ids.sort();
        let count = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), count, "a message came twice to {name}: {ids:?}");
    }
}

/// The names of the functions, as the host finds them.
fn folders() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("functions");
    let folders = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut names: Vec<_> = folders
        .filter(|entry| entry.path().join("function.json").is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The bodies of requests that the host has been seen to send.
fn samples() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("handlers/azure_functions/fixtures");
    let mut samples: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap()))
        .filter(|(name, _)| !name.starts_with("response-"))
        .collect();
    samples.sort();
    samples
}

fn letters(machine: &Machine) -> Vec<Value> {
    machine.json(&["dead-letters"])["dead_letters"].as_array().unwrap().clone()
}

/// The host writes metadata as JSON in a text.
fn delivery_count(message: &Value) -> u64 {
    let count = &message["Metadata"]["DeliveryCount"];
    let text = count.as_str().map_or_else(|| count.to_string(), str::to_owned);
    text.parse().unwrap_or_else(|_| panic!("no delivery count: {message:#}"))
}
