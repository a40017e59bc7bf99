//! A change of nothing but the scoring code needs no training.

use crate::support::{Machine, Repository, json};

#[test]
fn a_change_of_the_scoring_code_packages_the_live_model_anew() {
    let machine = Machine::new();
    let repository = Repository::without_gate(&machine);
    let first = repository.release();

    repository.replace("scoring/score.py", "VERSION = 1", "VERSION = 2");
    let second = repository.release();

    assert_eq!(second["trigger"], "scoring change");
    let steps: Vec<_> = second["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(steps[..4], ["check", "provision", "package", "test_image"]);
    assert!(!machine.home().join("jobs/train-tiny-2").exists(), "nothing was trained");
    assert_eq!(second["model"], first["model"]);
    assert_ne!(second["image"], first["image"]);
    assert_eq!(repository.ask("prod"), json!({"result": [1.0, 2.0], "mse": 10.0, "script": 2}));
}
