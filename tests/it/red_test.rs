//! A change whose checks are red goes no further.

use crate::support::{Machine, Repository, Value, assert_outcome, json, sentences, status, step};

#[test]
fn a_red_test_ends_the_run_and_every_report_can_be_read() {
    let machine = Machine::new();
    let repository = Repository::without_gate(&machine);
    // The linter and the test are both red: the second runs all the same.
    repository.set("mse", -1.0);
    repository.write("training/broken.py", "def broken(:\n");
    repository.commit();

    let followed = repository.push_with(&["--follow"]);

    assert_eq!(followed.code, 1, "{}", followed.stderr);
    let run = followed.json;
    assert_outcome(&run, "failed");
    assert_eq!((status(&run, "check"), status(&run, "train")), ("failed", "not_started"));
    let because = sentences(&step(&run, "check")["because"]);
    assert!(because.contains("lint-testresults.xml: 1 finding"), "{because}");
    assert!(because.contains("unit-testresults.xml: 0 passed, 1 failed"), "{because}");
    assert!(run["advice"].is_string(), "it says what to do");

    let reports: Vec<_> = run["reports"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(reports, ["check/coverage.xml", "check/lint-testresults.xml", "check/unit-testresults.xml"]);
    let report = machine.get("/api/runs/latest/reports/check/unit-testresults.xml");
    assert_eq!(report.status, 200);
    assert!(report.body.contains(r#"<failure message="mse is negative"/>"#), "{}", report.body);
    let logs = machine.cli(&["logs", "latest", "check"]).stdout;
    assert!(logs.contains("training/broken.py:1: ") && logs.contains("1 failed"), "{logs}");

    assert_eq!((&run["model"], &run["image"]), (&Value::Null, &Value::Null), "nothing was made");
    assert_eq!(machine.json(&["environments"]), json!({"environments": []}), "nothing was deployed");
}
