//! Durations, times, digests, and text from elsewhere.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::words;

#[test]
fn a_duration_reads_as_a_person_says_it() {
    let said = |millis| words::duration(SignedDuration::from_millis(millis));
    assert_eq!(said(0), "0.0 s");
    assert_eq!(said(440), "0.4 s");
    assert_eq!(said(9_940), "9.9 s");
    assert_eq!(said(9_950), "10 s");
    assert_eq!(said(59_600), "1 min");
    assert_eq!(said(64_000), "1 min 4 s");
    assert_eq!(said(3_600_000), "1 h");
    assert_eq!(said(7_500_000), "2 h 5 min");
    assert_eq!(said(266_400_000), "3 d 2 h");
}

#[test]
fn a_clock_that_went_back_makes_no_negative_duration() {
    let (earlier, later) = (at("2025-03-04T12:00:00Z"), at("2025-03-04T12:00:09Z"));
    assert_eq!(words::between(later, earlier), "0.0 s");
    assert_eq!(words::ago(later, earlier), "just now");
}

#[test]
fn a_moment_is_as_short_as_it_can_be() {
    let now = at("2025-03-04T12:00:00Z");
    let said = |text| words::moment(at(text), now, &TimeZone::UTC);
    assert_eq!(said("2025-03-04T08:05:09Z"), "08:05:09");
    assert_eq!(said("2025-02-01T08:05:09Z"), "1 Feb 08:05");
    assert_eq!(said("2024-12-31T23:05:09Z"), "2024-12-31 23:05");
    let east = TimeZone::fixed(jiff::tz::offset(2));
    assert_eq!(words::moment(at("2025-03-04T08:05:09Z"), now, &east), "10:05:09");
}

#[test]
fn a_measured_number_keeps_the_digits_that_matter() {
    assert_eq!(words::number(3295.71488), "3295.7149");
    assert_eq!(words::number(14.0), "14");
    assert_eq!(words::number(0.875), "0.875");
    assert_eq!(words::number(0.00001), "1.000e-5");
    assert_eq!(words::number(0.0), "0");
    assert_eq!(words::number(f64::NAN), "NaN");
}

#[test]
fn a_digest_is_shortened_to_twelve_digits() {
    assert_eq!(words::digest("sha256:00112233445566778899aabb"), "001122334455");
    assert_eq!(words::digest("short"), "short");
}

#[test]
fn text_of_a_job_cannot_steer_the_terminal() {
    assert_eq!(words::plain("\x1b[32mgreen\x1b[0m \x1b]0;title\x07text\x08"), "green text");
    assert_eq!(words::plain("10 %\r20 %\r\ndone\n"), "10 %\n20 %\ndone\n");
    assert_eq!(words::plain("\x1b"), "");
    assert_eq!(words::one_line("two\nlines\there"), "two lines here");
}

#[test]
fn a_command_that_is_proposed_can_be_pasted() {
    assert_eq!(crate::settings::shell_word("/home/ana/model"), "/home/ana/model");
    assert_eq!(crate::settings::shell_word("/home/ana's/my model"), r"'/home/ana'\''s/my model'");
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
