//! `push` and `init`.

use std::fs;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use super::host::Host;
use super::{samples, type_in};
use crate::Exit;

#[test]
fn a_push_registers_the_folder_and_asks_for_a_run_of_its_branch() {
    let (dir, host) = (repository("version: 1\nproject: my_model\n"), host());
    let said = type_in(host.port, &["push", path(&dir), "--as", "ana"]);
    assert_eq!(said.exit, Exit::Done, "{}", said.err);
    let source = host.body_of("POST /api/sources");
    assert_eq!(source, json!({ "project": "my_model", "path": dir.path().canonicalize().unwrap() }));
    let body = host.body_of("POST /api/runs");
    assert_eq!(body, json!({ "project": "my_model", "by": "ana", "push": { "branch": "my-change" } }));
}

#[test]
fn a_pull_request_goes_to_the_first_branch_that_is_delivered() {
    let dir = repository("version: 1\nproject: my_model\ntriggers: { branches: [trunk] }\n");
    let host = host();
    let said = type_in(host.port, &["push", "--pull-request", path(&dir), "--as", "ana"]);
    assert_eq!(said.exit, Exit::Done, "{}", said.err);
    let wanted = json!({ "number": 1, "branch": "my-change", "base": "trunk" });
    assert_eq!(host.body_of("POST /api/runs")["pull_request"], wanted);
}

#[test]
fn a_pull_request_of_a_branch_into_itself_is_refused() {
    let dir = repository("version: 1\nproject: my_model\n");
    let said = type_in(1, &["push", path(&dir), "--pull-request=4", "--base", "my-change", "--as", "ana"]);
    assert_eq!(said.exit, Exit::BadInput);
    assert!(said.err.contains("changes nothing"), "{}", said.err);
}

#[test]
fn a_mistake_in_the_manifest_is_told_with_its_line() {
    let dir = repository("version: 1\nproject: my_model\ntrian: {}\n");
    let said = type_in(1, &["push", path(&dir), "--as", "ana"]);
    assert_eq!(said.exit, Exit::BadInput);
    assert!(said.err.contains("trainyard.yml:3"), "{}", said.err);
}

#[test]
fn a_folder_without_a_manifest_is_told_how_to_get_one() {
    let dir = TempDir::new().unwrap();
    let said = type_in(1, &["push", path(&dir), "--as", "ana"]);
    assert_eq!(said.exit, Exit::BadInput);
    assert!(said.err.contains("trainyard init"), "{}", said.err);
}

#[test]
fn a_push_that_changes_nothing_is_said_to_need_no_run() {
    let (dir, host) = (repository("version: 1\nproject: my_model\n"), Host::start());
    host.says("POST /api/sources", 200, json!({}));
    let skipped = json!({ "id": null, "number": null, "project": "my_model", "created": false, "outcome": "skipped",
        "because": ["only documentation changed"] });
    host.says("POST /api/runs", 200, skipped);
    let said = type_in(host.port, &["push", path(&dir), "--follow", "--as", "ana"]);
    assert_eq!(said.exit, Exit::Done);
    assert_eq!(said.out, "No run of my_model was needed (skipped).\n  only documentation changed\n");
}

#[test]
fn a_push_can_be_followed_to_its_end() {
    let (dir, host) = (repository("version: 1\nproject: my_model\n"), host());
    host.says("GET /api/runs/r8258-ab12cd34", 200, samples::training());
    host.says("GET /api/runs/r8258-ab12cd34", 200, samples::released());
    let said = type_in(host.port, &["push", path(&dir), "--follow", "--as", "ana"]);
    assert_eq!(said.exit, Exit::Done);
    assert!(said.out.contains("✓ deploy:prod"), "{}", said.out);
}

#[test]
fn the_branch_of_a_linked_worktree_is_found() {
    let dir = repository("version: 1\nproject: my_model\n");
    let linked = TempDir::new().unwrap();
    fs::write(linked.path().join(".git"), format!("gitdir: {}\n", dir.path().join(".git").display())).unwrap();
    assert_eq!(crate::repository::branch(linked.path()).unwrap(), "my-change");
}

#[test]
fn a_repository_without_a_branch_is_asked_for_one() {
    let dir = repository("version: 1\nproject: my_model\n");
    fs::write(dir.path().join(".git/HEAD"), "1a2b3c4d".repeat(5)).unwrap();
    let failure = crate::repository::branch(dir.path()).unwrap_err();
    assert!(failure.to_string().contains("--branch"), "{failure}");
}

#[test]
fn init_writes_a_manifest_and_never_over_one() {
    let dir = TempDir::new().unwrap();
    for (name, text) in [("train.py", "print(1)"), ("requirements.txt", "scikit-learn"), (".venv/pyvenv.cfg", "")] {
        let file = dir.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    fs::write(dir.path().join(".venv/train.py"), "").unwrap();
    let said = type_in(1, &["init", path(&dir)]);
    assert_eq!(said.exit, Exit::Done, "{}", said.err);
    assert!(said.out.contains("`train.command` runs `train.py`"), "{}", said.out);
    let written = fs::read_to_string(dir.path().join("trainyard.yml")).unwrap();
    pipeline::manifest::read("trainyard.yml", &written).unwrap();

    let again = type_in(1, &["init", path(&dir), "--json"]);
    assert_eq!(again.exit, Exit::BadInput);
    assert!(again.json()["error"].as_str().unwrap().contains("is there already"), "{}", again.out);
    assert_eq!(fs::read_to_string(dir.path().join("trainyard.yml")).unwrap(), written);
}

fn repository(manifest: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join(".git")).unwrap();
    fs::write(dir.path().join(".git/HEAD"), "ref: refs/heads/my-change\n").unwrap();
    fs::write(dir.path().join("trainyard.yml"), manifest).unwrap();
    dir
}

fn host() -> Host {
    let host = Host::start();
    host.says("POST /api/sources", 200, json!({}));
    let begun = json!({ "id": "r8258-ab12cd34", "number": 1, "project": "my_model", "created": true, "outcome": null,
        "because": [] });
    host.says("POST /api/runs", 200, begun);
    host
}

fn path(dir: &TempDir) -> &str {
    Path::to_str(dir.path()).unwrap()
}
