use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{Home, HomeError};

#[test]
fn a_new_folder_becomes_a_home_with_all_its_rooms() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/home");
    let home = Home::open(&path).unwrap();

    for room in ["artifacts", "jobs", "images", "deployments", "python", "app"] {
        assert!(path.join(room).is_dir(), "{room}");
    }
    assert!(home.layout().state().is_file());
    drop(home);
    Home::open(&path).unwrap();
}

#[test]
fn a_second_process_in_one_home_is_told_who_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::open(dir.path()).unwrap();

    let second = Home::open(dir.path()).unwrap_err();

    let HomeError::InUse { holder, .. } = &second else { panic!("{second}") };
    assert_eq!(holder.pid, Some(std::process::id()));
    assert!(holder.since.is_some());
    let said = second.to_string();
    assert!(said.contains(&format!("process {} since 2", std::process::id())), "{said}");
    assert_eq!(Home::peek(dir.path()).unwrap().holder.as_ref(), Some(holder));
    drop(home);
    assert_eq!(Home::peek(dir.path()).unwrap().holder, None);
    Home::open(dir.path()).unwrap();
}

#[test]
fn a_home_is_held_until_its_last_part_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::open(dir.path()).unwrap();
    let store = home.store();
    drop(home);
    assert!(matches!(Home::open(dir.path()), Err(HomeError::InUse { .. })));
    drop(store);
    Home::open(dir.path()).unwrap();
}

#[test]
fn a_folder_with_other_files_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.doc"), b"years of work").unwrap();

    let error = Home::open(dir.path()).unwrap_err();

    assert!(matches!(error, HomeError::Foreign(_)), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    assert!(matches!(Home::peek(dir.path()), Err(HomeError::Foreign(_))));
}

#[test]
fn what_a_crash_left_of_a_new_home_is_taken_up() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("lock"), b"").unwrap();
    fs::write(dir.path().join("lock.version"), b"train").unwrap();
    Home::open(dir.path()).unwrap();
}

#[test]
fn a_home_of_a_newer_program_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(Home::open(dir.path()).unwrap());
    fs::write(dir.path().join("version"), b"trainyard home 7\n").unwrap();

    let error = Home::open(dir.path()).unwrap_err();

    assert!(matches!(error, HomeError::Newer { found: 7, .. }), "{error}");
}

#[test]
fn a_database_of_a_newer_program_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let state = Home::open(dir.path()).unwrap().layout().state();
    let connection = rusqlite::Connection::open(state).unwrap();
    connection.pragma_update(None, "user_version", 9).unwrap();
    drop(connection);

    let error = Home::open(dir.path()).unwrap_err();

    assert!(matches!(error, HomeError::Newer { found: 9, .. }), "{error}");
}

#[test]
fn a_damaged_database_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let state = Home::open(dir.path()).unwrap().layout().state();
    let whole = fs::read(&state).unwrap();
    let mut holed = whole.clone();
    holed[4096..].fill(0xa5);
    for damaged in [b"not a database, but long enough to be looked at".repeat(50), holed] {
        fs::write(&state, damaged).unwrap();
        let error = Home::open(dir.path()).unwrap_err();
        let HomeError::Corrupt { path, .. } = &error else { panic!("{error}") };
        assert_eq!(*path, state);
    }
    fs::write(&state, whole).unwrap();
    Home::open(dir.path()).unwrap();
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let state = Home::open(dir.path()).unwrap().layout().state();
    fs::remove_file(&state).unwrap();
    let connection = rusqlite::Connection::open(&state).unwrap();
    connection.execute_batch("CREATE TABLE theirs (a)").unwrap();
    drop(connection);

    let error = Home::open(dir.path()).unwrap_err();

    assert!(matches!(error, HomeError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("none of them ours"), "{error}");
}

#[test]
fn a_file_is_no_home_and_neither_is_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"").unwrap();
    assert!(matches!(Home::open(&file), Err(HomeError::Failed { .. })));
    assert!(matches!(Home::open(file.join("below")), Err(HomeError::Failed { .. })));
    let absent = Home::peek(dir.path().join("absent"));
    assert!(matches!(absent, Err(HomeError::Absent(_))));
}

#[test]
fn a_read_only_folder_is_said_to_be_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("locked");
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(path.join("probe"), b"").is_ok() {
        eprintln!("skipped: this user may write to read-only folders (root does); run the test as another user");
        return;
    }

    let error = Home::open(&path).unwrap_err();

    assert!(matches!(error, HomeError::ReadOnly { .. }), "{error}");
}
