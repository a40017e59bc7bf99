//! The checked-in files, and a staged app, against what the host wants.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use azure_functions::{HostJson, Trigger};
use zip::ZipArchive;

use crate::{archive, functions, repository, settings, stage, table::table, verify};

#[test]
fn the_files_in_the_repository_are_those_of_the_table() {
    functions::check(&repository()).unwrap();
    settings::check(&repository()).unwrap();
}

#[test]
fn a_file_that_is_missing_changed_or_too_much_is_noticed_and_mended() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join("functions").join(name).join("function.json");
    fs::create_dir_all(file("gone").parent().unwrap()).unwrap();
    fs::write(file("gone"), "{}").unwrap();
    assert!(functions::check(folder.path()).is_err());
    functions::write(folder.path()).unwrap();
    functions::check(folder.path()).unwrap();
    assert!(!file("gone").exists());

    fs::write(file("train"), "{}").unwrap();
    let error = functions::check(folder.path()).unwrap_err().to_string();
    assert!(error.contains("train") && !error.contains("evaluate"), "{error}");
}

#[test]
fn each_step_has_a_queue_of_its_own_name() {
    for function in table() {
        if let Some((binding, Trigger::ServiceBusQueue { queue, connection })) = function.trigger() {
            let name = function.name.as_ref();
            let expected = match name {
                // Not only functions send to these.
                "dead_letter" => "dead-letters",
                "devops_event" => "devops-events",
                "event_grid_queue" => "event-grid",
                name => name,
            };
            assert_eq!(queue, expected);
            assert_eq!((binding, &**connection), ("message", "SERVICEBUS"));
        }
    }
}

#[test]
fn every_setting_of_a_binding_is_in_the_example() {
    let example = fs::read_to_string(repository().join("local.settings.example.json")).unwrap();
    for function in table() {
        let json = function.to_json();
        for setting in json.split('%').skip(1).step_by(2).chain(["SERVICEBUS"]) {
            assert_eq!(example.matches(&format!("\"{setting}\":")).count(), 2, "{setting}: a value, and what it is");
        }
    }
}

#[test]
fn a_staged_app_is_what_the_host_wants() {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("app");
    let stub = std::env::current_exe().unwrap();

    stage::stage(&repository(), &app, &stub, true).unwrap();

    let host = HostJson::from_json(&fs::read_to_string(app.join("host.json")).unwrap()).unwrap();
    assert_eq!(host.custom_handler.description.default_executable_path, "trainyard");
    assert_eq!(host.custom_handler.description.arguments, ["handler"]);
    assert!(!host.custom_handler.enable_forwarding_http_request);
    let staged = Command::new(app.join("trainyard")).arg("--list").stdout(Stdio::null()).status().unwrap();
    assert!(staged.success());
    let mut expected = vec!["host.json".to_owned(), "local.settings.json".into(), "trainyard".into()];
    expected.extend(table().iter().map(|function| function.name.to_string()));
    expected.sort();
    assert_eq!(names(&app), expected);
    for function in table() {
        assert_eq!(names(&app.join(function.name.as_ref())), ["function.json"]);
    }
}

#[test]
fn staging_again_keeps_settings_and_drops_functions_that_are_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let stub = std::env::current_exe().unwrap();
    let stage = || stage::stage(&repository(), folder.path(), &stub, true);
    stage().unwrap();
    let settings = folder.path().join(stage::SETTINGS);
    fs::write(&settings, "{}").unwrap();
    fs::create_dir(folder.path().join("gone")).unwrap();
    fs::write(folder.path().join("gone/function.json"), "{}").unwrap();
    assert!(verify::verify(folder.path()).is_err());

    stage().unwrap();

    assert_eq!(fs::read_to_string(settings).unwrap(), "{}");
    assert!(!folder.path().join("gone").exists());
}

#[test]
fn a_folder_that_is_no_staged_app_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), "").unwrap();
    let stub = std::env::current_exe().unwrap();
    let error = stage::stage(&repository(), folder.path(), &stub, false).unwrap_err().to_string();
    assert!(error.contains("left alone"), "{error}");
    assert_eq!(names(folder.path()), ["thesis.tex"]);
}

#[test]
fn the_package_has_the_modes_that_azure_needs_and_no_settings() {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("app");
    stage::stage(&repository(), &app, &std::env::current_exe().unwrap(), true).unwrap();
    let (file, again) = (folder.path().join("app.zip"), folder.path().join("again.zip"));

    archive::pack(&app, &file).unwrap();

    let mut archive = ZipArchive::new(File::open(&file).unwrap()).unwrap();
    let modes: BTreeMap<_, _> = (0..archive.len())
        .map(|at| {
            let entry = archive.by_index(at).unwrap();
            (entry.name().unwrap().into_owned(), entry.unix_mode().unwrap())
        })
        .collect();
    let mut expected = BTreeMap::from([("host.json".to_owned(), 0o100_644), ("trainyard".into(), 0o100_755)]);
    for function in table() {
        expected.insert(format!("{}/", function.name), 0o040_755);
        expected.insert(format!("{}/function.json", function.name), 0o100_644);
    }
    assert_eq!(modes, expected);
    archive::pack(&app, &again).unwrap();
    assert!(fs::read(file).unwrap() == fs::read(again).unwrap(), "the same app gave another package");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
