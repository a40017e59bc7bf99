use std::collections::BTreeMap;

use super::{LENGTH_MAX, escape, markdown, number};
use crate::advance::testing::Delivery;
use crate::effect::Effect;
use crate::run::{Evaluation, Run, Trigger};
use crate::steps::testing::{MSE_04, job_failed, manifest, outputs, release, run_for};

#[test]
fn a_pull_request_reads_what_its_checks_found() {
    let text = comment(&Delivery::new(pull_request()).finished());

    assert!(text.starts_with("### Run 7 of diabetes: checked\n\nCommit aaaaaaaa on main\n"), "{text}");
    assert!(text.contains("| check | succeeded | the tests cover 48.1 % of the lines |\n"), "{text}");
    assert!(text.contains("| Covered lines | 48.1 % | at least 40 % |\n"), "{text}");
    assert!(!text.contains("Metric"), "nothing was trained: {text}");
}

#[test]
fn what_is_red_is_told_with_its_numbers_and_what_to_do() {
    let mut delivery = Delivery::new(pull_request()).until("check");
    let mut outputs = outputs(&[("tests", 14.0), ("failures", 2.0), ("lint_findings", 1.0)], &[]);
    outputs.said = vec!["unit-testresults.xml: 12 passed, 2 failed".into()];
    delivery.hears("check", job_failed("check-diabetes-7", "test exited with 1", outputs));

    let text = comment(&delivery);

    assert!(text.starts_with("### Run 7 of diabetes: failed\n"), "{text}");
    let row = r"| check | failed | test exited with 1<br>unit\-testresults\.xml\: 12 passed, 2 failed |";
    assert!(text.contains(row), "{text}");
    for row in ["| Findings of the linter | 1 | 0 |", "| Tests | 14 |  |", "| Red tests | 2 | 0 |"] {
        assert!(text.contains(row), "{text}");
    }
    assert!(text.contains("**To do:** Look with"), "{text}");
}

#[test]
fn the_challenger_s_numbers_stand_beside_the_champion_s() {
    let mut run = pull_request();
    run.facts.metrics = BTreeMap::from([("mse".into(), MSE_04), ("r2".into(), 0.357)]);
    run.facts.evaluation = Some(Evaluation { champion: Some(release(3, 3298.9)), passed: true, because: vec![] });

    let text = markdown(&run);

    assert!(text.contains(r"| Metric | Challenger | Champion diabetes\_model\:3 |"), "{text}");
    assert!(text.contains("| mse | 3295.7411 | 3298.9 |\n| r2 | 0.357 |  |\n"), "{text}");
}

#[test]
fn a_run_with_nothing_to_do_says_why() {
    let nothing = crate::manifest::Manifest { check: crate::manifest::Toggle::Off(false), ..manifest() };
    let run = run_for(Trigger::PullRequest { number: 12, base: "main".parse().unwrap() }, nothing);

    let text = comment(&Delivery::new(run));

    assert!(text.contains("diabetes: skipped") && text.contains("\nit has no steps\n"), "{text}");
}

#[test]
fn text_from_code_stays_text() {
    for (text, escaped) in [
        ("a | b\nc", r"a \| b c"),
        ("<img src=x>&amp;", r"&lt;img src=x&gt;&amp;amp;"),
        ("[x](http://a.b)", r"\[x\]\(http\:\/\/a\.b\)"),
        ("@ann #12 !3", "\\@\u{200b}ann \\#\u{200b}12 \\!\u{200b}3"),
        ("`*_~`", r"\`\*\_\~\`"),
        ("48.1 %, 3.x", r"48.1 %, 3\.x"),
        ("\u{202e}txt\u{200b}", " txt "),
        ("häßlich", "häßlich"),
    ] {
        assert_eq!(escape(text), escaped, "{text:?}");
    }
    assert_eq!(escape(&"x".repeat(400)).chars().count(), 301);
}

#[test]
fn a_comment_is_never_longer_than_the_code_hosts_take() {
    let mut run = pull_request();
    run.facts.metrics = (0..5000).map(|nth| (format!("{}{nth}", "|".repeat(100)), f64::from(nth))).collect();
    let text = markdown(&run);
    assert!(text.len() <= LENGTH_MAX + 100, "{}", text.len());
    assert!(text.ends_with("|\n\nThe rest is on the page of the run.\n"));
}

#[test]
fn numbers_are_short() {
    let short: Vec<_> = [0.0, 12.0, 48.1, 3295.741064, 0.0000123, -2.5, 1e20].map(number).into();
    assert_eq!(short, ["0", "12", "48.1", "3295.7411", "1.230e-5", "-2.5", "1.000e20"]);
}

fn pull_request() -> Run {
    run_for(Trigger::PullRequest { number: 12, base: "main".parse().unwrap() }, manifest())
}

/// What the pull request was told when its run ended.
fn comment(delivery: &Delivery) -> String {
    let comments = delivery.done.iter().filter_map(|effect| match effect {
        Effect::Comment { pull_request: 12, markdown } => Some(markdown.clone()),
        _ => None,
    });
    let comments: Vec<_> = comments.collect();
    assert_eq!(comments.len(), 1, "{comments:?}");
    comments.into_iter().next().unwrap()
}
