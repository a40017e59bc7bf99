//! A good model goes all the way: the whole chain, and what people and scripts are told of it.

use std::collections::BTreeSet;

use crate::support::{Machine, Repository, Value, assert_outcome, json, sentences, status, step};

#[test]
fn a_good_model_goes_through_qa_and_an_approval_to_production() {
    let machine = Machine::new();
    let repository = Repository::new(&machine);
    let smoke = "  smoke:";
    let profile = "  profile: { payload: scoring/smoke.json, seconds: 1, concurrency: 2 }\n  smoke:";
    repository.replace("trainyard.yml", smoke, profile);
    let commit = repository.commit();

    let run = repository.push();
    let waiting = machine.at_gate(&run, "prod");

    // QA serves, PROD does not yet, and who asked for the run may not wave it through.
    assert_eq!(repository.ask("qa"), json!({"result": [1.0, 2.0], "mse": 10.0, "script": 1}));
    assert_eq!(machine.environment("prod"), Value::Null);
    assert_eq!((status(&waiting, "approve:prod"), status(&waiting, "deploy:prod")), ("waiting", "not_started"));
    let why = machine.cli(&["why", "latest"]);
    assert!(why.stdout.contains("It is at approve:prod and waits for approval for prod"), "{}", why.stdout);
    assert!(why.stdout.contains("Next: `trainyard approve 1 prod` or `trainyard reject 1 prod`"), "{}", why.stdout);
    assert_eq!(machine.cli(&["watch", "latest"]).code, 3, "a run that waits for a person");
    let refused = machine.cli(&["approve", "latest", "prod", "--as", "anna"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains("anna asked for run 1 and may not approve it"), "{}", refused.stderr);

    let approved = machine.cli(&["approve", "latest", "prod", "--as", "berta", "--reason", "looks right"]);
    assert_eq!((approved.code, approved.stdout.as_str()), (0, "berta approved run 1 for prod\n"));
    // Who is told that it is approved does not find it asking any more.
    let watched = machine.cli(&["watch", &run, "--json"]);
    assert_eq!(watched.code, 0, "{}", watched.stderr);
    let run = watched.json;

    assert_outcome(&run, "released");
    has_the_documented_shape(&run);
    assert_eq!((&run["commit"], &run["branch"]), (&json!(commit), &json!("main")));
    assert_eq!((&run["number"], &run["trigger"], &run["requested_by"]), (&json!(1), &json!("push"), &json!("anna")));
    assert_eq!(run["metrics"], json!({"mse": 10.0}));
    assert_eq!((&run["model"]["name"], &run["model"]["version"]), (&json!("tiny_model"), &json!(1)));
    assert_eq!((&run["champion"], &run["advice"]), (&Value::Null, &Value::Null));
    assert!(run["profile"]["latency_ms_p95"].as_f64().unwrap() > 0.0, "{}", run["profile"]);
    let places = ["qa", "prod"].map(|name| &run["environments"][name]);
    assert!(
        places.iter().all(|place| place["release"]["image"] == run["image"]["digest"]),
        "the same image: {places:?}"
    );
    let answer = &run["environments"]["prod"]["approval"]["answers"][0];
    assert_eq!((&answer["by"], &answer["reason"]), (&json!("berta"), &json!("looks right")));
    assert_eq!(status(&run, "test_image"), "skipped");
    assert!(sentences(&step(&run, "test_image")["because"]).contains("scoring.tests"), "skipped, and it says why");

    // The endpoint that the run names is one that anybody can call.
    let endpoint = run["environments"]["prod"]["endpoint"].as_str().unwrap();
    let path = endpoint.strip_prefix(&machine.url("")).unwrap();
    let answer = machine.post(path, &json!({"data": [3, 4]}));
    assert_eq!((answer.status, &answer.json["result"]), (200, &json!([3.0, 4.0])));

    is_listed(&machine, &run);
    is_told_to_people(&machine);
}

/// What scripts may rely on: `show --json`.
fn has_the_documented_shape(run: &Value) {
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let missing = |value: &Value, documented: &[&str]| {
        let keys = keys(value);
        documented.iter().filter(|key| !keys.contains(**key)).map(|key| (*key).to_owned()).collect::<Vec<_>>()
    };
    let documented = [
        "id",
        "number",
        "project",
        "commit",
        "branch",
        "trigger",
        "outcome",
        "waiting_for",
        "steps",
        "metrics",
        "champion",
        "model",
        "image",
        "environments",
        "journal",
        "because",
        "advice",
        "reports",
    ];
    assert_eq!(missing(run, &documented), [""; 0]);
    for step in run["steps"].as_array().unwrap() {
        let documented = ["step", "environment", "status", "attempt", "started_at", "ended_at", "because"];
        assert_eq!(missing(step, &documented), [""; 0], "{step}");
        assert_eq!((&step["attempt"], step["ended_at"].is_string()), (&json!(1), true), "{step}");
    }
    let steps = run["steps"].as_array().unwrap().iter();
    let steps: Vec<_> = steps.map(|step| step["step"].as_str().unwrap()).collect();
    let chain = "check provision train evaluate register package test_image profile \
                 deploy smoke_test approve deploy smoke_test";
    assert_eq!(steps.join(" "), chain);
    assert_eq!(missing(&run["model"], &["name", "version", "digest"]), [""; 0]);
    assert!(run["image"]["digest"].as_str().unwrap().starts_with("sha256:"));
    for (name, place) in run["environments"].as_object().unwrap() {
        assert_eq!(missing(place, &["endpoint", "release"]), [""; 0], "{name}");
    }
    for entry in run["journal"].as_array().unwrap() {
        assert_eq!(missing(entry, &["at", "step", "event", "because", "effects", "by"]), [""; 0], "{entry}");
    }
}

fn is_listed(machine: &Machine, run: &Value) {
    let runs = machine.json(&["runs"])["runs"].clone();
    assert_eq!((runs.as_array().unwrap().len(), &runs[0]["id"]), (1, &run["id"]));
    assert_eq!(runs[0]["outcome"], "released");
    for name in ["qa", "prod"] {
        let place = machine.environment(name);
        assert_eq!((&place["project"], &place["proven"]), (&json!("tiny"), &json!(true)), "{place:#}");
        assert_eq!((&place["current"]["image"], &place["current"]["number"]), (&run["image"]["digest"], &json!(1)));
        assert_eq!((&place["holder"], &place["queue"]), (&Value::Null, &json!([])), "nobody holds it any more");
    }
}

fn is_told_to_people(machine: &Machine) {
    assert_eq!(machine.cli(&["watch", "latest"]).code, 0);
    let page = machine.cli(&["show", "1"]).stdout;
    for word in ["released", "tiny_model:1", "smoke_test:prod", "mse", "/endpoints/tiny/prod/score"] {
        assert!(page.contains(word), "{word} is missing:\n{page}");
    }
    let why = machine.cli(&["why", "tiny/1"]).stdout;
    assert!(why.starts_with("Run 1 of tiny was started by anna (push of commit "), "{why}");
    assert!(why.contains("It was released."), "{why}");
    let logs = machine.cli(&["logs", "latest", "train"]);
    assert!(logs.stdout.contains("training on 2 rows"), "{logs:?}");
    let list = machine.cli(&["runs"]).stdout + &machine.cli(&["environments"]).stdout;
    assert!(list.contains("released") && list.contains("tiny_model:1"), "{list}");
}
