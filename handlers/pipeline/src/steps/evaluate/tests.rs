use std::collections::BTreeMap;

use super::{compare, list};
use crate::decision::{Decision, Fact, Then};
use crate::effect::Effect;
use crate::event::Event;
use crate::manifest::{Evaluate, Goal, OnWorse, Rule};
use crate::release::Release;
use crate::run::{Evaluation, Outcome, Progress};
use crate::steps::testing::{MSE_04, MSE_05, MSE_045, Scene, environment, refused, release, secs, wait};

#[test]
fn the_challenger_is_compared_with_what_serves_in_production() {
    let decision = Scene::of("evaluate").decides(Event::Requested);
    assert_eq!(decision.effects, [Effect::ReadChampion { environment: environment("prod") }]);
}

#[test]
fn the_first_model_passes() {
    let decision = Scene::begun("evaluate").decides(champion(None));

    let because = "mse 3295.7411; nothing is in production, and the first model passes";
    let first = Evaluation { champion: None, passed: true, because: vec![because.into()] };
    assert_eq!(decision, Decision::succeed().because(because).learn(Fact::Evaluated(first)));
}

#[test]
fn a_better_model_goes_on_and_says_both_numbers() {
    let decision = Scene::begun("evaluate").decides(champion(Some(MSE_05)));

    let because = "mse 3295.7411 is better than 3298.9096 of diabetes_model:6 in production (smaller is better)";
    assert_eq!((&decision.then, &decision.because[..]), (&Then::Next, &[because.to_owned()][..]));
}

#[test]
fn equal_is_not_better() {
    let decision = Scene::begun("evaluate").decides(champion(Some(MSE_04)));

    assert_eq!(decision.progress, Progress::Succeeded, "the step did its work, and nothing is wrong");
    assert_eq!(decision.then, Then::End { outcome: Outcome::NotBetter, advice: None });
    assert_eq!(
        decision.because,
        ["mse 3295.7411 equals that of diabetes_model:6 in production, and equal is not better"]
    );
}

#[test]
fn a_worse_model_ends_the_run_as_not_better() {
    let worse = Scene::begun("evaluate").with(|run| run.facts.metrics = metrics(MSE_045));

    let decision = worse.decides(champion(Some(MSE_04)));

    assert_eq!(decision.then, Then::End { outcome: Outcome::NotBetter, advice: None });
    assert_eq!(
        decision.because,
        ["mse 3296.3168 is not better than 3295.7411 of diabetes_model:6 in production (smaller is better)"]
    );
}

#[test]
fn a_worse_model_may_be_registered_for_the_record() {
    let scene = Scene::begun("evaluate").with(|run| run.manifest.evaluate.on_worse = OnWorse::Register);

    let decision = scene.decides(champion(Some(MSE_04)));

    assert_eq!(decision.then, Then::Next);
    let [Fact::Evaluated(evaluation)] = &decision.facts[..] else { panic!("{:?}", decision.facts) };
    assert!(!evaluation.passed, "register must know that it goes no further");
}

#[test]
fn a_missing_metric_fails_and_never_passes() {
    let scene = Scene::begun("evaluate").with(|run| run.facts.metrics = BTreeMap::from([("MSE".to_owned(), 1.0)]));

    for champion in [champion(None), champion(Some(MSE_05))] {
        let decision = scene.decides(champion);
        assert_eq!(decision.progress, Progress::Failed);
        assert_eq!(decision.because, ["the challenger has no metric \"mse\"; it has MSE"]);
        assert_eq!(decision.facts, [], "nothing is evaluated");
    }
}

#[test]
fn a_champion_without_the_metric_fails_and_does_not_count_as_beaten() {
    let mut old = release(6, MSE_05);
    old.model.metrics.clear();

    let decision = Scene::begun("evaluate").decides(Event::ChampionRead { champion: Some(old) });

    assert_eq!(decision.progress, Progress::Failed);
    assert_eq!(decision.because, ["the champion has no metric \"mse\"; it has none"]);
}

#[test]
fn a_metric_that_is_no_number_fails() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let scene = Scene::begun("evaluate").with(|run| run.facts.metrics = metrics(value));
        assert_eq!(scene.decides(champion(None)).progress, Progress::Failed, "{value} as the first model");
        assert_eq!(scene.decides(champion(Some(MSE_04))).progress, Progress::Failed, "{value} against a champion");
    }
}

#[test]
fn run_false_releases_without_comparing() {
    let scene = Scene::of("evaluate").with(|run| run.manifest.evaluate.run = false);

    let decision = scene.decides(Event::Requested);

    assert_eq!((decision.progress, decision.then, decision.effects), (Progress::Skipped, Then::Next, Vec::new()));
}

#[test]
fn a_project_without_environments_has_nothing_to_compare_with() {
    let scene = Scene::of("evaluate").with(|run| run.manifest.environments.clear());
    assert_eq!(scene.decides(Event::Requested).progress, Progress::Skipped);
}

#[test]
fn a_champion_that_cannot_be_looked_up_fails_and_never_passes() {
    let scene = Scene::begun("evaluate");
    assert_eq!(scene.decides(refused("the store is broken")).progress, Progress::Failed);
    assert_eq!(scene.decides(Event::DeadlinePassed).progress, Progress::Failed);
}

#[test]
fn l_no_event_lost_a_poll_asks_again() {
    let scene = Scene::begun("evaluate").in_secs(60);

    let decision = scene.decides(Event::PollDue);

    assert_eq!(decision.effects, [Effect::ReadChampion { environment: environment("prod") }]);
    assert_eq!(wait(&decision.progress).poll_at.map(secs), Some(120));
    assert_eq!(wait(&decision.progress).deadline, scene.wait().deadline);
}

#[test]
fn news_that_comes_early_late_or_twice_changes_nothing() {
    assert_eq!(Scene::of("evaluate").hears(champion(None)), None);
    assert_eq!(Scene::begun("evaluate").hears(Event::Requested), None);
    let done = Scene::begun("evaluate").after(champion(Some(MSE_05)));
    for late in [champion(None), champion(Some(MSE_04)), Event::PollDue, Event::DeadlinePassed, Event::Requested] {
        assert_eq!(done.hears(late), None);
    }
}

/// What production has, what is new, whether it passes: the diabetes model with other alphas.
#[test]
fn the_decision_vectors_hold() {
    let vectors = [(None, MSE_04, true), (Some(MSE_05), MSE_04, true), (Some(MSE_04), MSE_04, false)];
    for (old, new, passes) in vectors.into_iter().chain([(Some(MSE_04), MSE_045, false)]) {
        assert_eq!(passes_by(rule(Goal::Minimize), old, new), passes, "{old:?} in production, {new} new");
    }
}

#[test]
fn larger_is_better_where_the_rule_says_so() {
    let r2 = |old, new| passes_by(rule(Goal::Maximize), Some(old), new);
    assert!(r2(0.3566, 0.3573));
    assert!(!r2(0.3573, 0.3573));
    assert!(!r2(0.3573, 0.3566));
}

#[test]
fn an_improvement_may_have_to_be_of_some_size() {
    let by = |min_improvement| passes_by(Rule { min_improvement, ..rule(Goal::Minimize) }, Some(10.0), 8.0);
    assert!(by(0.0));
    assert!(by(2.0), "exactly as much as is asked for is enough");
    assert!(!by(2.1));
}

#[test]
fn an_improvement_that_is_too_small_is_said_to_be_one() {
    let rule = Rule { min_improvement: 5.0, ..rule(Goal::Minimize) };
    let evaluation = compare(&rules(vec![rule]), &metrics(MSE_04), Some(&release(6, MSE_05))).unwrap();
    let because =
        "mse 3295.7411 is better than 3298.9096 of diabetes_model:6 in production, but by less than the 5 asked for";
    assert_eq!(evaluation.because, [because]);
}

#[test]
fn a_bound_holds_whatever_the_champion_does() {
    let at_most = |bound, old| passes_by(Rule { bound: Some(bound), ..rule(Goal::Minimize) }, old, 3000.0);
    assert!(at_most(3000.0, None), "the bound itself is allowed");
    assert!(!at_most(2999.0, None), "the first model too");
    assert!(!at_most(2999.0, Some(4000.0)), "a better one too");
    let at_least = |bound| passes_by(Rule { bound: Some(bound), ..rule(Goal::Maximize) }, None, 0.8);
    assert!(at_least(0.8) && !at_least(0.81));
}

#[test]
fn all_rules_must_hold() {
    let other = Rule { metric: "mae".into(), ..rule(Goal::Minimize) };
    let mut champion = release(6, MSE_05);
    champion.model.metrics.insert("mae".into(), 45.0);
    let challenger = |mae| BTreeMap::from([("mse".to_owned(), MSE_04), ("mae".to_owned(), mae)]);
    let both = rules(vec![rule(Goal::Minimize), other]);

    assert!(compare(&both, &challenger(44.0), Some(&champion)).unwrap().passed);
    let worse = compare(&both, &challenger(46.0), Some(&champion)).unwrap();
    assert_eq!((worse.passed, worse.because.len()), (false, 2), "each rule has its sentence");
}

#[test]
fn zero_equals_zero_in_words_too() {
    let evaluation = compare(&rules(vec![rule(Goal::Minimize)]), &metrics(0.0), Some(&release(6, 0.0))).unwrap();
    assert_eq!(
        evaluation.because,
        ["mse 0.0000 equals that of diabetes_model:6 in production, and equal is not better"]
    );
}

#[test]
fn words_are_listed_as_people_do() {
    assert_eq!([list(&[]), list(&["a"]), list(&["a", "b", "c"])], ["none", "a", "a, b and c"]);
}

fn champion(mse: Option<f64>) -> Event {
    Event::ChampionRead { champion: mse.map(|mse| release(6, mse)) }
}

fn passes_by(rule: Rule, old: Option<f64>, new: f64) -> bool {
    let champion: Option<Release> = old.map(|mse| release(6, mse));
    compare(&rules(vec![rule]), &metrics(new), champion.as_ref()).unwrap().passed
}

fn rules(rules: Vec<Rule>) -> Evaluate {
    Evaluate { rules, ..Evaluate::default() }
}

fn rule(goal: Goal) -> Rule {
    Rule { metric: "mse".into(), goal, min_improvement: 0.0, bound: None }
}

fn metrics(mse: f64) -> BTreeMap<String, f64> {
    BTreeMap::from([("mse".to_owned(), mse)])
}
