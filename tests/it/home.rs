//! What can be wrong with the place where all state is kept, with the port, with Python: each is said in one sentence,
//! and when it is mended the same command works.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{Machine, Output, assert_outcome, eventually};

#[test]
fn a_damaged_database_is_named_with_what_to_do_and_stays_as_it_is() {
    let machine = Machine::prepare(&[]);
    machine.up();
    machine.down();
    let file = machine.home().join("state.db");
    let good = fs::read(&file).unwrap();
    for (what, bytes) in [("text", b"this is no database".repeat(100)), ("zeros", vec![0x5a; 4096])] {
        fs::write(&file, &bytes).unwrap();

        for command in [&["up"][..], &["demo", "--approve"]] {
            let said = refused(&machine, command);
            assert!(said.contains("state.db is damaged") && said.contains("backup"), "{what}, {command:?}: {said}");
        }

        assert!(fs::read(&file).unwrap() == bytes, "{what}: the damaged file was changed");
    }
    fs::write(&file, good).unwrap();
    machine.up();
}

#[test]
fn a_folder_with_other_peoples_files_is_left_alone() {
    let machine = Machine::prepare(&[]);
    let foreign = machine.folder().join("thesis");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("thesis.tex"), "\\title{}").unwrap();
    let home = foreign.to_str().unwrap();

    for command in [&["up", "--home", home][..], &["demo", "--approve", "--home", home]] {
        let said = refused(&machine, command);
        assert!(said.contains("thesis has files in it") && said.contains("--home"), "{said}");
    }

    assert_eq!(names(&foreign), ["thesis.tex"]);
}

#[test]
fn a_home_of_a_newer_trainyard_is_not_touched() {
    let machine = Machine::prepare(&[]);
    fs::write(machine.home().join("version"), "trainyard home 2\n").unwrap();
    let before = names(&machine.home());

    for command in [&["up"][..], &["demo", "--approve"]] {
        let said = refused(&machine, command);
        assert!(said.contains("was made by a newer Trainyard (version 2, this one knows 1)"), "{said}");
    }

    assert_eq!(names(&machine.home()), before);
    fs::write(machine.home().join("version"), "trainyard home 1\n").unwrap();
    machine.up();
}

#[test]
fn a_home_that_is_a_file_or_has_one_on_its_way_is_said() {
    let machine = Machine::prepare(&[]);
    let file = machine.folder().join("notes");
    fs::write(&file, "mine").unwrap();

    for home in [file.clone(), file.join("below")] {
        for command in [&["up", "--home"][..], &["demo", "--approve", "--home"]] {
            let said = refused(&machine, &[command, &[home.to_str().unwrap()]].concat());
            assert!(said.contains("there is a file by this name, or on the way to it"), "{said}");
        }
    }

    assert_eq!(fs::read_to_string(file).unwrap(), "mine");
}

#[test]
fn a_folder_that_cannot_be_written_is_said() {
    let machine = Machine::prepare(&[]);
    let home = machine.folder().join("locked");
    fs::create_dir(&home).unwrap();
    // The administrator may write everywhere but where nothing can be written at all.
    let mounted = Mount::read_only(&home);
    fs::set_permissions(&home, fs::Permissions::from_mode(0o555)).ok();
    if mounted.is_none() && fs::write(home.join("probe"), "").is_ok() {
        fs::remove_file(home.join("probe")).unwrap();
        return skipped("a folder that cannot be written: this user may write everywhere and may not mount");
    }
    let home = home.to_str().unwrap();

    for command in [&["up", "--home", home][..], &["demo", "--approve", "--home", home]] {
        let said = refused(&machine, command);
        assert!(said.contains("cannot be written") && said.contains("right to write"), "{said}");
    }
}

#[test]
fn a_full_disk_is_said_and_with_room_the_same_command_works() {
    let machine = Machine::prepare(&[]);
    let disk = machine.folder().join("disk");
    fs::create_dir(&disk).unwrap();
    let Some(_mounted) = Mount::small(&disk, "256k") else {
        return skipped("a full disk: this user may not mount one");
    };
    let home = disk.join("home");
    let up = ["--home", home.to_str().unwrap()];
    let filler = disk.join("filler");
    fill(&filler);

    let said = refused(&machine, &[&["up"], &up[..]].concat());

    assert!(said.contains("the disk that holds") && said.contains("is full"), "{said}");
    fs::remove_file(filler).unwrap();
    Mount::grow(&disk, "64m");
    machine.begin(&up);
    machine.until_up();
    machine.down();
}

#[test]
fn a_second_host_on_a_home_names_the_first_one() {
    let machine = Machine::new();
    let process = machine.host_process().unwrap();
    let other = crate::support::free_port().to_string();

    for command in [&["up"][..], &["up", "--port", &other]] {
        let said = refused(&machine, command);
        assert!(said.contains(&format!("is in use by process {process} since")), "{said}");
    }

    assert_eq!(machine.status()["state"], "Running");
}

#[test]
fn any_name_will_do_for_a_home() {
    let machine = Machine::prepare(&[]);
    for name in ["with blanks and 'quotes'", "größer 模型 🚂", &long_path(4)] {
        let home = machine.folder().join(name);
        let home = home.to_str().unwrap();

        machine.begin(&["--home", home]);
        machine.until_up();

        machine.rehearsed(&machine.rehearse());
        assert!(machine.host_log().contains(&format!("its state in {home}")), "{}", machine.host_log());
        machine.down();
    }

    let home = machine.folder().join(long_path(8));
    let said = refused(&machine, &["up", "--home", home.to_str().unwrap()]);
    assert!(said.contains("may have 480 bytes") && said.contains("choose a shorter one"), "{said}");
    assert!(!home.parent().unwrap().parent().unwrap().exists(), "it has left folders behind");
}

#[test]
fn a_delivery_goes_through_in_a_home_with_an_odd_name() {
    let machine = Machine::prepare(&[]);
    let home = machine.folder().join("mein größtes 'Modell' $HOME");
    fs::rename(machine.home(), &home).unwrap();
    machine.begin(&["--home", home.to_str().unwrap()]);
    machine.until_up();
    let repository = crate::support::Repository::without_gate(&machine);

    let run = repository.push();

    assert_outcome(&machine.ended(&run), "released");
    repository.ask("prod");
}

#[test]
fn a_port_that_another_program_has_is_said_and_nothing_is_left_behind() {
    let machine = Machine::prepare(&[]);
    let other = TcpListener::bind(("127.0.0.1", machine.port())).unwrap();
    let home = machine.folder().join("new");
    let home = ["--home", home.to_str().unwrap()];

    for command in [&["up"][..], &["demo", "--approve"]] {
        let output = machine.cli(&[command, &home].concat());
        assert_eq!(output.code, 4, "{output:?}");
        let said = failure(&output);
        assert!(said.contains(&format!("port {} is in use by another program", machine.port())), "{said}");
        assert!(said.contains("--port"), "{said}");
        assert!(!Path::new(home[1]).exists(), "{command:?} has left {:?}", names(Path::new(home[1])));
    }

    drop(other);
    machine.begin(&home);
    machine.until_up();
}

#[test]
fn without_a_python_the_demo_says_so_and_makes_nothing() {
    let machine = Machine::prepare(&[]);
    let home = machine.folder().join("new");
    let programs = machine.folder().join("programs");
    fs::create_dir(&programs).unwrap();
    let demo = |setting: (&str, &Path)| {
        let mut command = machine.command(&["demo", "--approve", "--home", home.to_str().unwrap()]);
        output(command.env(setting.0, setting.1))
    };

    let nowhere = demo(("TRAINYARD_PYTHON", Path::new("/nonexistent")));
    assert_eq!(nowhere.code, 2, "{nowhere:?}");
    assert!(failure(&nowhere).contains("no Python was found"), "{nowhere:?}");
    assert!(failure(&nowhere).contains("/nonexistent, as TRAINYARD_PYTHON says"), "{nowhere:?}");
    let without = demo(("PATH", &programs));
    assert_eq!(without.code, 2, "{without:?}");
    assert!(failure(&without).contains("install Python 3.10 or newer"), "{without:?}");

    let old = programs.join("python3");
    fs::write(&old, "#!/bin/sh\necho 3.8.20\n").unwrap();
    fs::set_permissions(&old, fs::Permissions::from_mode(0o755)).unwrap();
    let too_old = demo(("TRAINYARD_PYTHON", &old));
    assert_eq!(too_old.code, 2, "{too_old:?}");
    assert!(failure(&too_old).contains("is Python 3.8.20, and 3.10 or newer is needed"), "{too_old:?}");
    let on_path = demo(("PATH", &programs));
    assert!(failure(&on_path).contains("is Python 3.8.20"), "{on_path:?}");

    assert!(!home.exists(), "{:?}", names(&home));
    let doctor = output(machine.command(&["doctor"]).env("PATH", &programs));
    assert!((doctor.stdout + &doctor.stderr).contains("3.8.20"), "the doctor sees it too");
}

#[test]
fn without_a_package_index_the_demo_says_so_and_goes_on_once_there_is_one() {
    let machine = Machine::prepare(&[]);
    // Python environments of its own: the shared ones have all packages already.
    let home = machine.folder().join("new");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = machine.command(&["demo", "--approve", "--home", home.to_str().unwrap()]);
    command
        .env("PIP_INDEX_URL", format!("http://{nobody}/simple"))
        .env("PIP_RETRIES", "1")
        .env("PIP_NO_CACHE_DIR", "1");
    command.env_remove("PIP_FIND_LINKS").env_remove("PIP_EXTRA_INDEX_URL").env("PIP_CONFIG_FILE", "/dev/null");

    let without = output(&mut command);

    assert_eq!(without.code, 4, "the package index cannot be reached: {without:?}");
    let said = format!("the packages cannot be reached: http://{nobody}/simple: Failed to establish a new connection");
    assert!((without.stdout.clone() + &without.stderr).contains(&said), "{without:?}");
    assert_eq!(machine.cli(&["down"]).code, 0);
    // With an index everything goes on by itself; that takes minutes, and here only its beginning is of interest.
    fs::remove_dir_all(home.join("python")).unwrap();
    std::os::unix::fs::symlink(machine.home().join("python"), home.join("python")).unwrap();
    let with = machine.cli(&["demo", "--approve", "--home", home.to_str().unwrap()]);
    assert_eq!(with.code, 0, "{with:?}");
    assert!(with.stdout.contains("released") || with.stderr.contains("released"), "{with:?}");
    assert_eq!(machine.cli(&["down"]).code, 0);
}

/// Runs a command that must not work; answers its one sentence.
#[track_caller]
fn refused(machine: &Machine, arguments: &[&str]) -> String {
    let output = machine.cli(arguments);
    assert_eq!(output.code, 2, "{arguments:?}: {output:?}");
    failure(&output)
}

/// The failure that a command told, which is all that it told after its progress.
#[track_caller]
fn failure(output: &Output) -> String {
    assert_eq!(output.stderr.matches("error: ").count(), 1, "one failure is one sentence: {output:?}");
    assert!(!output.stderr.contains("panicked"), "{output:?}");
    let (_, said) = output.stderr.split_once("error: ").unwrap();
    said.to_owned()
}

fn output(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    Output { code: output.status.code().unwrap_or(-1), json: Default::default(), stdout, stderr }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Longer than a socket's name or a `#!` line may be.
fn long_path(folders: u32) -> String {
    let folders: Vec<String> = (0..folders).map(|number| format!("{number}-{}", "long".repeat(20))).collect();
    folders.join("/")
}

/// Writes until there is no room.
fn fill(file: &Path) {
    use std::io::Write as _;
    let mut file = fs::File::create(file).unwrap();
    while file.write_all(&[1; 512]).is_ok() {}
}

fn skipped(what: &str) {
    println!("skipped: {what}");
}

/// A small file system of its own, where the test may mount one.
struct Mount(PathBuf);

impl Mount {
    fn small(at: &Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        Self::try_mount(&["-t", "tmpfs", "-o", &options, "trainyard-it"], at)
    }

    fn read_only(at: &Path) -> Option<Self> {
        Self::try_mount(&["-t", "tmpfs", "-o", "ro,size=64k", "trainyard-it"], at)
    }

    fn grow(at: &Path, size: &str) {
        let options = format!("remount,size={size}");
        assert!(run("mount", &["-o", &options], at), "the disk cannot be made larger");
    }

    fn try_mount(arguments: &[&str], at: &Path) -> Option<Self> {
        run("mount", arguments, at).then(|| Self(at.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        eventually("the disk is let go", || run("umount", &[], &self.0).then_some(()));
    }
}

fn run(program: &str, arguments: &[&str], last: &Path) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).arg(last).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
