//! What an older run made is deployed again, without training.

use crate::support::{Machine, Repository, assert_outcome, json};

#[test]
fn an_older_release_is_deployed_again_without_training() {
    let machine = Machine::new();
    let repository = Repository::without_gate(&machine);
    let first = repository.release();
    repository.set("mse", 9.0);
    repository.release();
    assert_eq!(repository.ask("prod")["mse"], 9.0);

    let again = machine.cli(&["start", "tiny", "--reuse", "1", "--follow", "--as", "anna", "--json"]);

    assert_eq!(again.code, 0, "{}", again.stderr);
    let run = again.json;
    assert_outcome(&run, "released");
    assert_eq!(run["trigger"], "redeploy of run 1");
    assert_eq!((&run["image"], &run["model"]), (&first["image"], &first["model"]));
    let steps: Vec<_> = run["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["deploy", "smoke_test", "deploy", "smoke_test"]);
    assert!(!machine.home().join("jobs/train-tiny-3").exists(), "nothing was trained");
    assert_eq!(machine.environment("prod")["current"]["number"], json!(3));
    assert_eq!(repository.ask("prod")["mse"], 10.0);
}
