use std::str::FromStr;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::steps::testing::noon;

#[test]
fn a_name_s_rule_is_checked_where_it_comes_in() {
    takes::<Project>(&["diabetes", "Diabetes_2", "0-a"], &["", "-a", "_a", "a/b", "a b", "ä", &"a".repeat(41)]);
    takes::<EnvironmentName>(&["qa", "prod-eu", "1"], &["", "QA", "-", "qa_1", &"a".repeat(21)]);
    takes::<RunId>(&["r-7"], &["", "r_7", "r/7", &"a".repeat(61)]);
    takes::<JobName>(&["train-diabetes_1-7"], &["", "../etc", "a.b", "a\n"]);
    takes::<ModelName>(&["diabetes_model", "a.b"], &["", ".", "..", ".a", "a:1"]);
    takes::<CommitId>(&[&"a".repeat(40), &"0".repeat(64)], &["", "main", &"A".repeat(40), &"a".repeat(41)]);
    takes::<Branch>(&["main", "feature/a#1"], &["", "/a", "-a", "a..b", "a b", "a:b", "a\u{7f}", &"a".repeat(201)]);
}

#[test]
fn a_digest_is_of_sha_256() {
    let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(Digest::of(b"").as_str(), empty);
    takes::<Digest>(&[empty], &["", &empty[7..], &empty[..70], &empty.to_uppercase(), "md5:00"]);
    assert_eq!(Digest::of(b"").short(), "e3b0c44298fc");
}

#[test]
fn what_cannot_be_a_name_is_told_with_its_rule_and_not_at_full_length() {
    let error = "x/".repeat(1000).parse::<EnvironmentName>().unwrap_err().to_string();
    assert!(error.ends_with("1 to 20 lower-case letters, digits or `-`, the first a letter or digit"), "{error}");
    assert!(error.len() < 250, "{error}");
}

#[test]
fn a_saved_name_is_checked_again_when_it_is_read() {
    assert!(serde_json::from_str::<Project>("\"diabetes\"").is_ok());
    assert!(serde_json::from_str::<Project>("\"../diabetes\"").is_err());
}

#[test]
fn a_newer_run_sorts_before_an_older_one() {
    let older = RunId::newest(noon(), "diabetes/1");
    let newer = RunId::newest(noon() + SignedDuration::from_millis(1), "diabetes/1");
    assert!(newer < older);
}

#[test]
fn i_effect_once_the_same_cause_gives_the_same_run() {
    assert_eq!(RunId::newest(noon(), "diabetes/1"), RunId::newest(noon(), "diabetes/1"));
    assert_ne!(RunId::newest(noon(), "diabetes/1"), RunId::newest(noon(), "diabetes/2"));
}

proptest! {
    #[test]
    fn no_text_makes_a_name_panic_and_a_name_is_read_as_it_was_written(text in ".{0,80}|[a-z0-9_-]{0,50}") {
        if let Ok(name) = text.parse::<Project>() {
            prop_assert_eq!(name.to_string(), text.clone());
        }
        let _ = (text.parse::<Branch>(), text.parse::<Digest>(), text.parse::<CommitId>(), text.parse::<ModelName>());
    }

    #[test]
    fn a_run_s_id_is_one_whatever_the_clock_says(second in -377_705_023_201..253_402_207_200i64, salt in ".{0,20}") {
        let id = RunId::newest(jiff::Timestamp::from_second(second).unwrap(), &salt);
        prop_assert_eq!(id.as_str().parse::<RunId>(), Ok(id));
    }
}

fn takes<Name: FromStr>(good: &[&str], bad: &[&str]) {
    for text in good {
        assert!(text.parse::<Name>().is_ok(), "{text:?} is refused");
    }
    for text in bad {
        assert!(text.parse::<Name>().is_err(), "{text:?} is taken");
    }
}
