//! The first thing that a newcomer runs: the real example, with scikit-learn.

use crate::support::{Machine, assert_outcome, json, sentences, status};

#[test]
fn the_demo_releases_the_example_once_and_then_finds_that_equal_is_not_better() {
    let machine = Machine::prepare(&[]);

    let first = machine.cli(&["demo", "--approve", "--json"]);

    assert_eq!(first.code, 0, "{}", first.stderr);
    let run = &first.json["run"];
    assert_outcome(run, "released");
    for step in ["check", "test_image", "profile", "smoke_test:qa", "smoke_test:prod"] {
        assert_eq!(status(run, step), "succeeded", "{step}");
    }
    is_close(&run["metrics"]["mse"], 3295.7149);
    assert_eq!(first.json["endpoint"]["status"], json!(200));
    let result = &first.json["endpoint"]["answer"]["result"];
    is_close(&result[0], 5215.1803);
    is_close(&result[1], 3727.0253);

    let second = machine.cli(&["demo", "--approve", "--json"]);

    assert_eq!(second.code, 0, "{}", second.stderr);
    let run = &second.json["run"];
    assert_outcome(run, "not_better");
    assert!(sentences(&run["because"]).contains("equal is not better"), "{}", run["because"]);
    is_close(&run["metrics"]["mse"], 3295.7149);
    is_close(&run["champion"]["metrics"]["mse"], 3295.7149);
    assert_eq!(run["champion"]["number"], json!(1));
    assert!(second.stderr.matches("3295.7").count() >= 2, "both numbers are shown: {}", second.stderr);
    assert_eq!(machine.environment("prod")["current"]["number"], json!(1));
    assert_eq!(machine.cli(&["down"]).code, 0);
}

#[track_caller]
fn is_close(found: &serde_json::Value, wanted: f64) {
    let found = found.as_f64().unwrap_or_else(|| panic!("{found} is not a number"));
    assert!((found - wanted).abs() < 0.001, "{found} instead of {wanted}");
}
