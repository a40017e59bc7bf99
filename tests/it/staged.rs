//! What `cargo xtask stage` lays out, with the real program in it: the Functions host finds all that it looks for there.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Method;

use crate::support::{Machine, PROGRAM, Value, ask, eventually, free_port, json};

#[test]
fn a_rehearsal_goes_through_the_staged_app() {
    let machine = Machine::prepare(&[]);
    let app = staged(machine.folder());

    machine.begin(&["--script-root", app.to_str().unwrap()]);
    machine.until_up();

    let status = machine.status();
    assert_eq!(status["scriptRoot"], app.to_str().unwrap());
    let program = fs::read_link(format!("/proc/{}/exe", machine.handler_process())).unwrap();
    assert_eq!(program, app.join("trainyard"));
    machine.rehearsed(&machine.rehearse());
}

#[test]
fn the_staged_folder_names_a_program_that_runs_and_functions_with_one_trigger_each() {
    let folder = tempfile::tempdir().unwrap();
    let app = staged(folder.path());
    xtask::verify::verify(&app).unwrap();

    let host: Value = serde_json::from_slice(&fs::read(app.join("host.json")).unwrap()).unwrap();
    let description = &host["customHandler"]["description"];
    let program = app.join(description["defaultExecutablePath"].as_str().unwrap());
    assert_eq!(fs::metadata(&program).unwrap().permissions().mode() & 0o777, 0o755);
    assert_eq!(description["arguments"], json!(["handler"]));
    assert!(!host["customHandler"]["enableForwardingHttpRequest"].as_bool().unwrap_or_default());
    let version = Command::new(&program).arg("--version").output().unwrap();
    assert!(version.status.success() && version.stdout.starts_with(b"trainyard "), "{version:?}");

    let bindings = bindings(&app);
    for step in ["check", "train", "deploy", "smoke_test", "rollback"] {
        let expected = json!({
            "type": "serviceBusTrigger", "direction": "in", "name": "message", "queueName": step,
            "connection": "SERVICEBUS", "dataType": "binary",
        });
        assert_eq!(bindings[step], [expected], "{step}");
    }
    for (name, bindings) in &bindings {
        let triggers = bindings.iter().filter(|one| one["type"].as_str().unwrap().ends_with("Trigger"));
        assert_eq!(triggers.count(), 1, "{name}: {bindings:?}");
        let is_http = bindings.iter().any(|one| one["type"] == "httpTrigger");
        let answers = bindings.iter().any(|one| one["type"] == "http" && one["direction"] == "out");
        assert_eq!(is_http, answers, "{name}: {bindings:?}");
    }
}

#[test]
fn the_staged_program_listens_where_the_host_says_and_answers_its_probe() {
    let machine = Machine::new();
    let app = staged(machine.folder());
    let port = free_port();
    let home = machine.home();
    // As the host starts it: in the app's folder, by its name, with the port as a variable.
    let start = |variable: &str| {
        let mut command = Command::new(app.join("trainyard"));
        command.arg("handler").current_dir(&app).env_clear();
        command.env("TRAINYARD_HOME", &home).env(variable, port.to_string()).spawn().unwrap()
    };

    let mut handler = start("FUNCTIONS_CUSTOMHANDLER_PORT");
    let probe =
        eventually("the probe is answered", || ask(Method::GET, &format!("http://127.0.0.1:{port}/"), None).ok());
    handler.kill().unwrap();
    handler.wait().unwrap();

    assert!((200..300).contains(&probe.status), "{probe:?}");
}

#[test]
fn the_package_holds_the_program_that_was_staged() {
    let folder = tempfile::tempdir().unwrap();
    let app = staged(folder.path());
    let package = folder.path().join("app.zip");
    xtask::archive::pack(&app, &package).unwrap();

    // Opened by another program than the one that packed it.
    let unpacked = folder.path().join("unpacked");
    let unpack = ["-m", "zipfile", "-e", package.to_str().unwrap(), unpacked.to_str().unwrap()];
    let status = Command::new("python3").args(unpack).status().unwrap();

    assert!(status.success());
    assert!(fs::read(unpacked.join("trainyard")).unwrap() == fs::read(PROGRAM).unwrap(), "another program");
    assert_eq!(bindings(&unpacked), bindings(&app));
    assert!(!unpacked.join("local.settings.json").exists());
}

/// The app with this test's program, as `cargo xtask stage --settings` lays it out.
fn staged(folder: &Path) -> PathBuf {
    let app = folder.canonicalize().unwrap().join("staged");
    xtask::stage::stage(&xtask::repository(), &app, Path::new(PROGRAM), true).unwrap();
    app
}

/// The bindings of each function in a folder, read as the host reads them.
fn bindings(app: &Path) -> BTreeMap<String, Vec<Value>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(app).unwrap().map(|entry| entry.unwrap()) {
        if let Ok(text) = fs::read(entry.path().join("function.json")) {
            let function: Value = serde_json::from_slice(&text).unwrap();
            let bindings = function["bindings"].as_array().unwrap().clone();
            found.insert(entry.file_name().into_string().unwrap(), bindings);
        }
    }
    found
}
