//! A pull request is checked, by the settings of where it wants to go.

use crate::support::{Machine, Repository, Value, assert_outcome, json, sentences, status, step};

#[test]
fn a_pull_request_is_checked_by_the_settings_of_its_base_branch() {
    let machine = Machine::new();
    let repository = Repository::new(&machine);
    // It would rather not be checked, and be released by itself.
    repository.branch("sly");
    repository.replace("trainyard.yml", "lint: \"python checks/lint.py\"", "lint: null");
    repository.replace("trainyard.yml", "approval: { timeout_hours: 48 }", "");
    repository.set("mse", 1.0);
    let commit = repository.commit();

    let checked = repository.push_with(&["--pull-request=12", "--base", "main", "--follow"]);

    assert_eq!(checked.code, 0, "{}", checked.stderr);
    let run = checked.json;
    assert_outcome(&run, "checked");
    assert_eq!((&run["trigger"], &run["branch"]), (&json!("pull request 12"), &json!("sly")));
    assert_eq!(run["commit"], json!(commit), "its own code is what is checked");
    let steps: Vec<_> = run["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["check"]);
    let because = sentences(&step(&run, "check")["because"]);
    assert!(because.contains("lint-testresults.xml: 0 findings"), "the linter ran: {because}");
    assert_eq!((&run["model"], &run["image"]), (&Value::Null, &Value::Null));
    assert_eq!(machine.json(&["environments"]), json!({"environments": []}));

    // A red one is red.
    repository.set("mse", -1.0);
    repository.commit();
    let red = repository.push_with(&["--pull-request=12", "--base", "main", "--follow"]);
    assert_eq!(red.code, 1, "{}", red.stderr);
    assert_outcome(&red.json, "failed");
    assert_eq!(status(&red.json, "check"), "failed");
}
