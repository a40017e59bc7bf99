//! What can be typed.

use clap::{CommandFactory as _, Parser as _};

use super::type_in;
use crate::Exit;
use crate::args::Cli;

#[test]
fn the_arguments_make_sense() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_has_a_sentence_and_an_example() {
    for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = command.get_name();
        assert!(command.get_about().is_some(), "{name} does not say what it does");
        let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(examples.contains(&format!("trainyard {name}")), "{name} has no example");
    }
}

#[test]
fn examples_fit_into_a_narrow_terminal() {
    let root = Cli::command();
    let commands = root.get_subcommands().chain([&root]);
    let examples: Vec<String> = commands.filter_map(|one| one.get_after_help().map(ToString::to_string)).collect();
    let too_long: Vec<&str> =
        examples.iter().flat_map(|text| text.lines()).filter(|line| line.chars().count() > 80).collect();
    assert!(too_long.is_empty(), "{too_long:#?}");
}

#[test]
fn the_first_page_says_where_to_begin_and_what_exit_codes_mean() {
    let help = Cli::command().render_help().to_string();
    for wanted in ["trainyard demo", "trainyard init", "4  the host cannot be reached", "TRAINYARD_HOME", "7071"] {
        assert!(help.contains(wanted), "{wanted} is missing:\n{help}");
    }
    assert!(!help.contains("  job "), "the job command is for the host alone:\n{help}");
}

#[test]
fn every_command_that_is_promised_is_there() {
    let lines: [&[&str]; 34] = [
        &["demo", "--approve", "--port", "7080"],
        &["up", "--port", "7080", "--handler-port", "9000", "--script-root", "app"],
        &["down"],
        &["init", "."],
        &["push", ".", "--branch", "b", "--pull-request", "--base", "main", "--follow"],
        &["runs", "--project", "p", "--limit", "3"],
        &["show", "latest"],
        &["watch", "p/7"],
        &["watch", "p/7", "--through"],
        &["watch"],
        &["watch", "p", "watch.json"],
        &["watch", "p", "-"],
        &["watch", "p", "--remove"],
        &["events", "--limit", "3"],
        &["events", "show", "r1", "--json"],
        &["why", "7"],
        &["logs", "7", "train", "--follow"],
        &["start", "p"],
        &["start", "p", "--commit", "c"],
        &["start", "p", "--model", "m:3"],
        &["start", "p", "--image", "sha256:0"],
        &["start", "p", "--reuse", "7"],
        &["start", "p", "--rehearse"],
        &["approve", "7", "prod", "--as", "ana", "--reason", "fine"],
        &["reject", "7", "prod"],
        &["cancel", "7", "--as", "ana", "--reason", "wrong"],
        &["retry", "7"],
        &["rollback", "p", "prod"],
        &["environments", "--json"],
        &["dead-letters"],
        &["dead-letters", "redrive", "d1"],
        &["doctor", "--color", "never"],
        &["schema"],
        &["job", "/tmp/j1"],
    ];
    for line in lines {
        let words = ["trainyard"].into_iter().chain(line.iter().copied());
        assert!(Cli::try_parse_from(words).is_ok(), "{line:?}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let lines: [&[&str]; 11] = [
        &[],
        &["watch", "--remove"],
        &["watch", "--through"],
        &["watch", "p", "watch.json", "--remove"],
        &["watch", "p", "watch.json", "--through"],
        &["events", "--limit", "0"],
        &["start", "p", "--commit", "c", "--model", "m:3"],
        &["start", "p", "--model", "m"],
        &["push", ".", "--base", "main"],
        &["runs", "--limit", "0"],
        &["up", "--port", "0"],
    ];
    for line in lines {
        let words = ["trainyard"].into_iter().chain(line.iter().copied());
        assert!(Cli::try_parse_from(words).is_err(), "{line:?}");
    }
}

#[test]
fn the_schema_is_one_json_document() {
    let said = type_in(1, &["schema"]);
    assert_eq!((said.exit, said.json()["title"].as_str()), (Exit::Done, Some("trainyard.yml")));
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(type_in(1, &["completions", shell]).out.contains("dead-letters"), "{shell}");
    }
}
