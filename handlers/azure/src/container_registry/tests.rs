//! What is not seen from outside.

use super::log::last_lines;
use super::task_runs::task_run_name;

#[test]
fn the_name_of_a_task_run_is_short_plain_and_always_the_same() {
    let name = task_run_name("build", "package-diabetes_regression-1");
    assert_eq!(name, task_run_name("build", "package-diabetes_regression-1"));
    assert!(name.starts_with("build-package-diabetes-regression-") && name.len() <= 50, "{name}");
    assert_ne!(name, task_run_name("job", "package-diabetes_regression-1"));
    for odd in ["a", "____", &"x".repeat(100)] {
        let name = task_run_name("job", odd);
        assert!((5..=50).contains(&name.len()), "{name}");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{name}");
    }
}

#[test]
fn the_last_words_of_a_log_are_few_and_without_signs() {
    let log = "a\n\n\u{1b}[31mred\u{1b}[0m \r\n".to_owned() + &"x".repeat(5000) + "\nlast\n";
    let words = last_lines(&log);
    assert!(words.ends_with("\nlast") && words.chars().count() <= 1500, "{words}");
    assert_eq!(last_lines("\n \n"), "");
    assert_eq!(last_lines("one\ntwo"), "one\ntwo");
}
