use super::{may_answer, objection};
use crate::decision::{Fact, Then};
use crate::event::{Event, Verdict};
use crate::manifest::{Approval, Need};
use crate::run::{Gate, On, Outcome, Progress, Run, Trigger};
use crate::steps::testing::{Scene, approved_by, digest, environment, manifest, noon, rejected_by, run_for, secs};

#[test]
fn a_gate_is_opened_for_exactly_this_model_image_and_settings() {
    let scene = Scene::of("approve:prod");

    let decision = scene.decides(Event::Requested);

    let gate = Gate {
        opened_at: noon(),
        model: digest("model 7"),
        image: digest("image 7"),
        config: scene.run.manifest.config_digest(&environment("prod")),
        answers: Vec::new(),
        granted: false,
    };
    assert_eq!(decision.facts, [Fact::Gate { environment: environment("prod"), gate }]);
    assert_eq!(decision.because, ["waits for one approval for prod"]);
}

#[test]
fn people_have_two_days_and_are_not_polled() {
    let scene = gate(Approval::default());
    assert_eq!(scene.wait().on, On::Approval { environment: environment("prod") });
    assert_eq!((secs(scene.wait().deadline), scene.wait().poll_at), (48 * 3600, None));
}

#[test]
fn one_approval_lets_the_release_pass() {
    let decision = gate(Approval::default()).decides(approved_by("berta"));

    assert_eq!((&decision.progress, &decision.then), (&Progress::Succeeded, &Then::Next));
    assert_eq!(decision.because, ["berta approved it for prod"]);
    let [Fact::Gate { gate, .. }] = &decision.facts[..] else { panic!("{:?}", decision.facts) };
    assert!(gate.granted);
}

#[test]
fn who_asked_for_the_run_may_not_approve_it() {
    let scene = gate(Approval::default());
    assert_eq!(scene.hears(approved_by("anna")), None);
    assert!(answer(&scene, "anna").unwrap_err().starts_with("anna asked for run 7 and may not approve it"));
}

#[test]
fn who_asked_for_the_run_may_approve_it_where_the_manifest_says_so() {
    let scene = gate(Approval { requester_may_approve: true, ..Approval::default() });
    assert_eq!(scene.decides(approved_by("anna")).progress, Progress::Succeeded);
}

#[test]
fn who_asked_for_the_run_may_reject_it() {
    assert_eq!(gate(Approval::default()).decides(rejected_by("anna")).progress, Progress::Canceled);
}

#[test]
fn only_an_approver_may_answer_where_approvers_are_named() {
    let scene = gate(Approval { approvers: names(&["berta", "carl"]), ..Approval::default() });
    assert_eq!(scene.hears(approved_by("mallory")), None);
    assert_eq!(scene.hears(rejected_by("mallory")), None);
    assert_eq!(
        answer(&scene, "mallory").unwrap_err(),
        "mallory is not an approver for prod; approvers are berta, carl"
    );
    assert_eq!(scene.decides(approved_by("carl")).progress, Progress::Succeeded);
}

#[test]
fn an_answer_needs_a_name() {
    assert_eq!(gate(Approval::default()).hears(approved_by(" ")), None);
}

#[test]
fn all_approvers_may_be_needed() {
    let scene = gate(Approval { approvers: names(&["berta", "carl"]), need: Need::All, ..Approval::default() });

    let first = scene.decides(approved_by("carl"));
    assert_eq!(first.then, Then::Stay);
    assert_eq!(first.because, ["carl approved it for prod", "1 approvals so far, more are needed"]);

    assert_eq!(scene.after(approved_by("carl")).decides(approved_by("berta")).progress, Progress::Succeeded);
}

#[test]
fn a_number_of_approvals_may_be_needed() {
    let scene = gate(Approval { need: Need::Count(2), ..Approval::default() }).after(approved_by("berta"));
    assert!(matches!(scene.progress, Progress::Waiting(_)));
    assert_eq!(scene.decides(approved_by("carl")).progress, Progress::Succeeded);
}

#[test]
fn a_person_counts_once() {
    let scene = gate(Approval { need: Need::Count(2), ..Approval::default() }).after(approved_by("berta"));
    assert_eq!(scene.hears(approved_by("berta")), None);
    assert_eq!(scene.hears(rejected_by("berta")), None);
    assert_eq!(answer(&scene, "berta").unwrap_err(), "berta has answered already");
}

#[test]
fn one_rejection_closes_the_gate_whatever_the_others_said() {
    let scene = gate(Approval { need: Need::Count(2), ..Approval::default() }).after(approved_by("berta"));

    let decision = scene.decides(rejected_by("carl"));

    assert_eq!(decision.because, ["carl rejected it for prod: not on a Friday"]);
    assert_eq!(decision.then, Then::End { outcome: Outcome::Rejected, advice: None });
}

#[test]
fn a_gate_that_nobody_answers_expires_and_does_not_fail() {
    let decision = gate(Approval::default()).in_secs(48 * 3600).decides(Event::DeadlinePassed);

    assert_eq!(decision.progress, Progress::Canceled);
    assert!(matches!(decision.then, Then::End { outcome: Outcome::Expired, .. }));
    assert_eq!(decision.because, ["nobody answered for prod within 2 days"]);
}

#[test]
fn i_no_expired_an_answer_after_the_deadline_comes_too_late_even_before_the_sweep() {
    let scene = gate(Approval::default());
    assert_eq!(scene.clone().in_secs(48 * 3600).hears(approved_by("berta")), None);
    assert!(scene.in_secs(48 * 3600 - 1).hears(approved_by("berta")).is_some());
}

#[test]
fn an_answer_after_the_end_changes_nothing_and_says_why() {
    for end in [approved_by("berta"), rejected_by("berta"), Event::DeadlinePassed] {
        let closed = gate(Approval::default()).after(end);
        for late in [approved_by("carl"), rejected_by("carl"), Event::DeadlinePassed, Event::Requested] {
            assert_eq!(closed.hears(late), None);
        }
        assert_eq!(answer(&closed, "carl").unwrap_err(), "the approval of run 7 for prod is closed: answered");
    }
}

#[test]
fn an_answer_to_a_gate_that_is_not_open_says_why() {
    let not_yet = Scene::of("approve:prod");
    assert_eq!(answer(&not_yet, "berta").unwrap_err(), "run 7 has not asked for approval for prod yet");
    let qa = may_answer(&not_yet.run, &environment("qa"), "berta", Verdict::Approve, not_yet.now);
    assert_eq!(qa.unwrap_err(), "run 7 needs no approval for qa");
}

#[test]
fn i_approve_bound_a_granted_gate_lets_exactly_that_release_pass() {
    assert_eq!(objection_after(|_| ()), None);
    let other = Some("what was approved for prod is not what would be deployed".to_owned());
    assert_eq!(objection_after(|run| run.facts.image = Some(digest("another image"))), other);
    assert_eq!(objection_after(|run| run.facts.model.as_mut().unwrap().digest = digest("another model")), other);
    assert_eq!(objection_after(|run| run.manifest.scoring.entry = "other.py".into()), other);
    assert_eq!(objection_after(|run| run.manifest.environments[1].1.rollback = Some(false)), other);
}

#[test]
fn a_gate_that_is_not_granted_lets_nothing_pass() {
    let none = Some("prod needs an approval, and there is none".to_owned());
    let open = gate(Approval { need: Need::Count(2), ..Approval::default() }).after(approved_by("berta"));
    for scene in [Scene::of("approve:prod"), open.clone(), open.after(rejected_by("carl"))] {
        assert_eq!(objection(&scene.run, &environment("prod"), noon()), none);
    }
}

#[test]
fn an_environment_without_a_gate_needs_no_approval() {
    assert_eq!(objection(&Scene::of("deploy:qa").run, &environment("qa"), noon()), None);
}

#[test]
fn without_a_model_and_an_image_there_is_nothing_to_approve() {
    let scene = Scene::of("approve:prod").with(|run| run.facts.image = None);
    assert_eq!(scene.decides(Event::Requested).progress, Progress::Failed);
}

#[test]
fn a_rehearsal_asks_people_too() {
    let scene = Scene { run: run_for(Trigger::Rehearsal, manifest()), ..Scene::of("approve:prod") };
    let decision = scene.after(Event::Requested).decides(approved_by("berta"));
    assert_eq!(decision.progress, Progress::Succeeded);
}

/// The gate of production, asked for and open.
fn gate(approval: Approval) -> Scene {
    Scene::of("approve:prod")
        .with(|run| run.manifest.environments[1].1.approval = Some(approval))
        .after(Event::Requested)
}

fn answer(scene: &Scene, by: &str) -> Result<(), String> {
    may_answer(&scene.run, &environment("prod"), by, Verdict::Approve, scene.now)
}

fn objection_after(change: impl FnOnce(&mut Run)) -> Option<String> {
    let approved = gate(Approval::default()).after(approved_by("berta")).with(change);
    objection(&approved.run, &environment("prod"), noon())
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
