use super::limits;
use crate::decision::{Decision, Fact};
use crate::effect::Effect;
use crate::event::Event;
use crate::release::{Limits, Profile};
use crate::run::Progress;
use crate::steps::testing::{Scene, completed, digest, right_outputs};

const JOB: &str = "profile-diabetes-7";

#[test]
fn the_image_is_put_under_load() {
    let decision = Scene::of("profile").decides(Event::Requested);

    let [Effect::SubmitJob(job)] = &decision.effects[..] else { panic!("{:?}", decision.effects) };
    assert_eq!(job.image, Some(digest("image 7")));
    assert_eq!(job.load.as_ref().unwrap().payload, "scoring/smoke.json");
    assert_eq!(job.entry.as_deref(), Some("scoring/score.py"));
}

#[test]
fn what_is_measured_becomes_tags_of_the_model() {
    let decision = Scene::begun("profile").decides(completed(JOB, right_outputs("profile")));

    assert_eq!(decision.progress, Progress::Succeeded);
    assert_eq!(decision.because, ["p50 1.5 ms, p95 3.2 ms, 900 requests/s, 0.90 cores, 150 MiB at most"]);
    assert_eq!(decision.facts, [Fact::Profiled(measured(0.9, 150.0))]);
    let [Effect::TagModel { name, version, tags }] = &decision.effects[..] else { panic!("{:?}", decision.effects) };
    assert_eq!((name.as_str(), *version), ("diabetes_model", 7));
    assert_eq!(tags["requestedCpu"], "1.5");
    assert_eq!(tags["requestedMemoryInGb"], "0.25");
}

#[test]
fn a_measurement_that_is_no_number_counts_as_none() {
    let mut outputs = right_outputs("profile");
    outputs.metrics.insert("memory_mib".into(), f64::NAN);

    let decision = Scene::begun("profile").decides(completed(JOB, outputs));

    assert_eq!(decision.facts, [Fact::Profiled(measured(0.9, 0.0))], "a saved run can hold no NaN");
}

#[test]
fn a_repository_without_a_load_test_skips_it() {
    let scene = Scene::of("profile").with(|run| run.manifest.scoring.profile = None);
    assert_eq!(scene.decides(Event::Requested), Decision::skip("trainyard.yml names no `scoring.profile`"));
}

#[test]
fn without_an_image_there_is_nothing_to_measure() {
    let scene = Scene::of("profile").with(|run| run.facts.image = None);
    assert_eq!(scene.decides(Event::Requested).because, ["there is no image to measure"]);
}

#[test]
fn a_deployment_may_use_half_more_than_was_measured() {
    assert_eq!(limits(Some(&measured(0.9, 150.0))), Limits { cpu_cores: 1.5, memory_mib: 256 });
    assert_eq!(limits(Some(&measured(2.0, 400.0))), Limits { cpu_cores: 3.0, memory_mib: 768 });
}

#[test]
fn a_deployment_may_always_use_a_little() {
    assert_eq!(limits(Some(&measured(0.0, 0.0))), Limits { cpu_cores: 0.25, memory_mib: 256 });
}

#[test]
fn where_nothing_was_measured_a_deployment_gets_one_core_and_one_gib() {
    assert_eq!(limits(None), Limits { cpu_cores: 1.0, memory_mib: 1024 });
}

fn measured(cpu_cores: f64, memory_mib: f64) -> Profile {
    Profile { latency_ms_p50: 1.5, latency_ms_p95: 3.25, requests_per_second: 900.0, cpu_cores, memory_mib }
}
