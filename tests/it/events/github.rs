//! GitHub's web hooks.

use std::fs;

use reqwest::Method;

use super::{
    SECRET, SECRETS, came_to, events, from_github, github_repository, machine, register, runs, sample, sample_with,
    signed, watch,
};
use crate::support::{Machine, Repository, Value, assert_outcome, json, send};

const DELIVERY: &str = "46cd60ab-2ef0-59f4-9647-f245b9973d90";
const ANOTHER: &str = "46cd60ab-2ef0-59f4-9647-f245b9973d91";

#[test]
fn a_signed_push_starts_a_run_of_the_branch_that_ends_as_one_from_the_command_line_does() {
    let machine = machine();
    let repository = Repository::without_gate(&machine);
    register(&machine, &repository);
    watch(&machine, "tiny", &github_repository());
    let head = fs::read_to_string(repository.folder().join(".git/refs/heads/main")).unwrap();
    let push = sample("github/fixtures/push.json");

    let reply = from_github(&machine, "push", DELIVERY, &push);

    assert_eq!((reply.status, &reply.json["ok"]), (202, &json!(true)), "{reply:?}");
    let came = came_to(&machine);
    assert_eq!((&came["came_to"], &came["number"]), (&json!("started"), &json!(1)));
    let id = came["run"].as_str().unwrap();
    let run = machine.ended(id);
    assert_outcome(&run, "released");
    // The commit is where the branch is, and not what the event says.
    assert_eq!((&run["commit"], &run["branch"]), (&json!(head.trim()), &json!("main")));
    assert_eq!((&run["trigger"], &run["requested_by"]), (&json!("push"), &json!("priya-raman")));

    // The same again, however often, is known.
    for _ in 0..3 {
        let again = from_github(&machine, "push", DELIVERY, &push);
        assert_eq!(again.status, 202, "{again:?}");
        let received = again.json["received"].as_str().unwrap();
        assert!(received.ends_with("0 kept for a person, 1 repeated"), "{received}");
    }
    assert_eq!((events(&machine).len(), runs(&machine).len()), (1, 1));
    // The same news under another name comes to the same run, and so does a push by hand.
    from_github(&machine, "push", ANOTHER, &push);
    assert_eq!(came_to(&machine), json!({"came_to": "known", "run": id, "number": 1}));
    assert_eq!(repository.push(), id);

    repository.set("mse", 5.0);
    let by_hand = repository.release();
    assert_eq!(shape(&by_hand), shape(&run));
}

#[test]
fn what_is_not_signed_with_the_secret_is_turned_away_and_leaves_nothing() {
    let machine = machine();
    watch(&machine, "tiny", &github_repository());
    let push = sample("github/fixtures/push.json");
    let theirs: Value = serde_json::from_slice(&sample("github/fixtures/push.headers.json")).unwrap();
    let theirs = theirs["X-Hub-Signature-256"].as_str().unwrap();
    let (tampered, written_again) =
        (sample("../hostile/55-github-tampered.json"), sample("../hostile/56-github-reserialised.json"));
    let (by_another, of_another) = (signed("another secret", &push), signed(SECRET, b"another body"));
    let capitals = signed(SECRET, &push).replace("sha256=", "SHA256=");
    let cases: [(&str, &[u8], Option<&str>); 9] = [
        ("tampered with", &tampered, Some(theirs)),
        ("written again", &written_again, Some(theirs)),
        ("not signed", &push, None),
        ("an empty signature", &push, Some("")),
        ("an old signature", &push, Some("sha1=718c8fc2f74fa330e829170fc3d91ef2c69592e6")),
        ("signed with another secret", &push, Some(&by_another)),
        ("the signature of another body", &push, Some(&of_another)),
        ("another way to write it", &push, Some(&capitals)),
        ("half a signature", &push, Some(&theirs[..40])),
    ];
    for (what, body, signature) in cases {
        let mut headers =
            vec![("Content-Type", "application/json"), ("X-GitHub-Event", "push"), ("X-GitHub-Delivery", DELIVERY)];
        headers.extend(signature.map(|signature| ("X-Hub-Signature-256", signature)));
        let reply = send(Method::POST, &machine.url("/api/github"), &headers, body);
        assert_eq!(reply.status, 401, "{what}: {reply:?}");
        assert!(reply.json["error"].is_string(), "{what}: {reply:?}");
    }
    assert_eq!((events(&machine), runs(&machine)), (Vec::new(), Vec::new()));
    assert_eq!(send(Method::GET, &machine.url("/api/github"), &[], b"").status, 404, "it is no page");

    // The sample's own signature is a good one: it is the bodies that were not.
    let headers = [("X-GitHub-Event", "push"), ("X-GitHub-Delivery", DELIVERY), ("X-Hub-Signature-256", theirs)];
    assert_eq!(send(Method::POST, &machine.url("/api/github"), &headers, &push).status, 202);
}

#[test]
fn a_door_without_a_secret_lets_nobody_in() {
    let empty: Vec<_> = SECRETS.iter().map(|(name, _)| (*name, "")).collect();
    let machine = Machine::with(&empty);
    let push = sample("github/fixtures/push.json");
    for secret in ["", SECRET] {
        let signature = signed(secret, &push);
        let headers = [("X-GitHub-Event", "push"), ("X-Hub-Signature-256", &*signature)];
        assert_eq!(send(Method::POST, &machine.url("/api/github"), &headers, &push).status, 401);
    }
    for door in ["/api/databricks", "/api/mlflow"] {
        let headers = [("Authorization", "Basic Og=="), ("Content-Type", "application/json")];
        assert_eq!(send(Method::POST, &machine.url(door), &headers, b"{}").status, 401, "{door}");
    }
    assert_eq!(events(&machine), Vec::<Value>::new());
}

#[test]
fn a_secret_and_the_one_before_it_are_good_while_it_is_replaced() {
    let machine =
        Machine::with(&[("GITHUB_WEBHOOK_SECRET", "the new one"), ("GITHUB_WEBHOOK_SECRET_PREVIOUS", SECRET)]);
    let ping = sample("github/fixtures/ping.json");
    for (secret, status) in [("the new one", 202), (SECRET, 202), ("neither", 401)] {
        let signature = signed(secret, &ping);
        let headers = [("X-GitHub-Event", "ping"), ("X-Hub-Signature-256", &*signature)];
        assert_eq!(send(Method::POST, &machine.url("/api/github"), &headers, &ping).status, status, "{secret}");
    }
}

#[test]
fn a_form_is_read_and_a_compressed_body_is_not() {
    let machine = machine();
    watch(&machine, "tiny", &github_repository());
    let zipped = sample("../hostile/22-gzip-bomb.json.gz");
    let signature = signed(SECRET, &zipped);
    let headers = [
        ("Content-Type", "application/json"),
        ("Content-Encoding", "gzip"),
        ("X-GitHub-Event", "push"),
        ("X-Hub-Signature-256", &signature),
    ];
    for door in ["github", "databricks", "mlflow"] {
        let reply = send(Method::POST, &machine.url(&format!("/api/{door}")), &headers, &zipped);
        assert_eq!(reply.status, 415, "{door}: {reply:?}");
    }
    assert_eq!(events(&machine), Vec::<Value>::new());

    let form = sample("../hostile/54-github-form-encoded.txt");
    let signature = signed(SECRET, &form);
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("X-GitHub-Event", "push"),
        ("X-GitHub-Delivery", DELIVERY),
        ("X-Hub-Signature-256", &signature),
    ];
    let reply = send(Method::POST, &machine.url("/api/github"), &headers, &form);
    assert_eq!(reply.status, 202, "{reply:?}");
    let [event] = events(&machine).try_into().unwrap();
    assert_eq!((&event["verified"], &event["door"]), (&json!("signature"), &json!("github_event")));
    assert_eq!(event["reading"]["fact"]["type"], "pushed", "{event:#}");
    assert_eq!(event["reading"]["remarks"][0]["code"], "github.form", "{event:#}");
}

#[test]
fn a_pull_request_is_only_checked_and_one_from_a_fork_not_even_that() {
    let machine = machine();
    let repository = Repository::new(&machine);
    register(&machine, &repository);
    watch(&machine, "tiny", &github_repository());
    repository.branch("sly");
    // It would rather be released by itself.
    repository.replace("trainyard.yml", "approval: { timeout_hours: 48 }", "");
    let commit = repository.commit();

    let fork = sample("github/fixtures/pull_request.opened.fork.json");
    assert_eq!(from_github(&machine, "pull_request", ANOTHER, &fork).status, 202);
    let why = events(&machine)[0]["did"][0].clone();
    assert!(why["why"].as_str().unwrap().contains("from a fork"), "{why}");

    let opened = sample_with("github/fixtures/pull_request.opened.json", &[("feature/drift-features", "sly")]);
    assert_eq!(from_github(&machine, "pull_request", DELIVERY, &opened).status, 202);

    let run = machine.ended(came_to(&machine)["run"].as_str().unwrap());
    assert_outcome(&run, "checked");
    assert_eq!((&run["trigger"], &run["branch"]), (&json!("pull request 17"), &json!("sly")));
    assert_eq!(run["commit"], json!(commit));
    let steps: Vec<_> = run["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["check"]);
    assert_eq!(machine.json(&["environments"]), json!({"environments": []}));
    assert_eq!(runs(&machine).len(), 1);
}

/// What became of a run, without what is its own.
fn shape(run: &Value) -> Vec<Value> {
    let steps = run["steps"].as_array().unwrap().iter();
    let mut shape: Vec<_> = steps.map(|step| json!([step["step"], step["environment"], step["status"]])).collect();
    shape.push(json!([run["outcome"], run["trigger"], run["branch"]]));
    shape
}
