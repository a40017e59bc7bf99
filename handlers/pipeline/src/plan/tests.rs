use super::plan;
use crate::manifest::{Manifest, Toggle};
use crate::run::Trigger;
use crate::steps::testing::{MSE_04, digest, environment, manifest, model, run_id};

const DELIVERY: &str = "deploy:qa smoke_test:qa approve:prod deploy:prod smoke_test:prod";

#[test]
fn a_push_or_a_person_starts_the_whole_chain() {
    let making = "check provision train evaluate register package test_image profile";
    assert_eq!(steps(&Trigger::Push, &manifest()), format!("{making} {DELIVERY}"));
    assert_eq!(steps(&Trigger::Manual, &manifest()), format!("{making} {DELIVERY}"));
}

#[test]
fn i_pr_isolation_a_pull_request_is_checked_and_nothing_else() {
    let trigger = Trigger::PullRequest { number: 12, base: "main".parse().unwrap() };
    assert_eq!(steps(&trigger, &manifest()), "check");
    assert_eq!(steps(&trigger, &Manifest { check: Toggle::Off(false), ..manifest() }), "");
}

#[test]
fn a_scoring_change_packages_the_live_model_and_trains_nothing() {
    let trigger = Trigger::ScoringChange { model: Box::new(model(6, MSE_04)) };
    let steps = steps(&trigger, &manifest());
    assert_eq!(steps, format!("check provision package test_image profile {DELIVERY}"));
}

#[test]
fn a_registered_model_is_packaged_and_delivered() {
    let trigger = Trigger::Model { model: Box::new(model(6, MSE_04)) };
    assert_eq!(steps(&trigger, &manifest()), format!("provision package test_image profile {DELIVERY}"));
}

#[test]
fn a_redeploy_makes_nothing_anew() {
    let (model, image) = (Box::new(model(3, MSE_04)), digest("image 3"));
    let trigger = Trigger::Redeploy { run: run_id(3), number: 3, model, image, profile: None };
    assert_eq!(steps(&trigger, &manifest()), DELIVERY);
}

#[test]
fn a_person_s_rollback_is_one_step() {
    let trigger = Trigger::Rollback { environment: environment("prod") };
    assert_eq!(steps(&trigger, &manifest()), "rollback:prod");
}

#[test]
fn a_rehearsal_visits_everything_whatever_is_turned_off() {
    let nothing = Manifest { check: Toggle::Off(false), train: Toggle::Off(false), ..manifest() };
    let making = "check provision train evaluate register package test_image profile";
    assert_eq!(steps(&Trigger::Rehearsal, &nothing), format!("{making} {DELIVERY}"));
}

#[test]
fn a_repository_that_trains_elsewhere_is_only_checked() {
    let elsewhere = Manifest { train: Toggle::Off(false), ..manifest() };
    assert_eq!(steps(&Trigger::Push, &elsewhere), "check");
}

#[test]
fn without_a_check_the_chain_begins_after_it() {
    let unchecked = Manifest { check: Toggle::Off(false), ..manifest() };
    assert!(steps(&Trigger::Push, &unchecked).starts_with("provision train "));
}

#[test]
fn environments_come_in_the_order_of_the_manifest_each_with_the_gate_it_asks_for() {
    let mut manifest = manifest();
    manifest.environments.reverse();
    let steps = steps(&Trigger::Push, &manifest);
    assert!(steps.ends_with("approve:prod deploy:prod smoke_test:prod deploy:qa smoke_test:qa"), "{steps}");
}

fn steps(trigger: &Trigger, manifest: &Manifest) -> String {
    let plan: Vec<_> = plan(trigger, manifest).iter().map(ToString::to_string).collect();
    plan.join(" ")
}
