//! Nothing is lost: whatever is killed, whenever, every run ends as it would have, and nothing is there twice.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use rustix::process::Signal;

use crate::support::{
    Machine, Repository, TINY, Value, assert_outcome, eventually, mentioning, sentences, signal, step,
};

#[test]
fn a_handler_that_is_killed_in_the_middle_of_its_work_is_started_again_and_the_run_goes_on() {
    let machine = Machine::new();
    let training = Training::new(&machine);
    let run = training.repository.push();
    training.starts(1);
    let first = machine.handler_process();
    signal(first, Signal::KILL);
    let second = eventually("there is another", || Some(machine.handler_process()).filter(|&other| other != first));

    // Stopped, it takes the news that the job has ended and never answers.
    signal(second, Signal::STOP);
    training.finish();
    thread::sleep(Duration::from_millis(500));
    signal(second, Signal::KILL);

    machine.at_gate(&run, "prod");
    machine.approve(&run, "prod");
    assert_delivered_once(&machine, &run);
    assert_eq!(training.starts(1).len(), 1, "the job was not touched");
}

#[test]
fn a_handler_that_dies_three_times_ends_the_host_with_a_sentence_and_the_next_up_goes_on() {
    let machine = Machine::new();
    let training = Training::new(&machine);
    let run = training.repository.push();
    training.starts(1);

    let mut last = 0;
    for _ in 0..3 {
        last = eventually("there is another", || {
            let status = machine.ask("/admin/host/status")?;
            let process = u32::try_from(status["handler"]["pid"].as_u64()?).ok()?;
            (process != last).then_some(process)
        });
        signal(last, Signal::KILL);
    }
    assert_eq!(machine.wait(), 4, "{}", machine.host_log());

    let said = machine.host_log();
    let said = said.split("error: ").last().unwrap();
    assert!(said.contains("handler") && said.contains("signal"), "{said}");
    assert_eq!(machine.left(), BTreeSet::new(), "a host that gives up leaves nothing running");
    training.finish();
    machine.up();
    machine.at_gate(&run, "prod");
    machine.approve(&run, "prod");
    assert_delivered_once(&machine, &run);
}

#[test]
fn a_host_that_is_killed_finds_its_jobs_and_deployments_where_it_left_them() {
    let machine = Machine::new();
    let training = Training::new(&machine);
    let run = training.repository.push();
    let job = training.starts(1);

    machine.kill();
    assert!(is_alive(job[0]), "the job has ended with the host");
    machine.up();
    training.finish();
    machine.at_gate(&run, "prod");
    let server = machine.server("qa");
    machine.kill();
    assert!(is_alive(server), "the deployment has ended with the host");
    machine.up();

    assert_eq!(machine.server("qa"), server);
    training.repository.ask("qa");
    machine.approve(&run, "prod");
    assert_delivered_once(&machine, &run);
    assert_eq!(training.starts(1), job, "the job was begun once");
    assert_eq!(machine.server("qa"), server, "the deployment is still the same process");
}

#[test]
fn a_job_whose_command_or_supervisor_is_killed_is_begun_again_and_counts_once() {
    let machine = Machine::new();
    let training = Training::new(&machine);
    let run = training.repository.push();

    signal(training.starts(1)[0], Signal::KILL);
    let second = training.starts(2)[1];
    let supervisor = fs::read_to_string(training.job().join("pid")).unwrap();
    signal(supervisor.trim().parse().unwrap(), Signal::KILL);
    training.starts(3);
    assert!(!is_alive(second), "the command of the killed supervisor goes on");
    training.finish();

    machine.at_gate(&run, "prod");
    machine.approve(&run, "prod");
    assert_delivered_once(&machine, &run);
    assert_eq!(training.starts(3).len(), 3);
}

#[test]
fn a_deployment_that_is_killed_comes_back_by_itself_and_after_the_host() {
    let machine = Machine::new();
    let repository = Repository::without_gate(&machine);
    let run = repository.push();
    assert_outcome(&machine.ended(&run), "released");
    let before = machine.server("prod");

    signal(before, Signal::KILL);
    machine.answers_again(&repository, "prod");
    let second = machine.server("prod");
    assert_ne!(second, before);
    machine.kill();
    signal(second, Signal::KILL);
    eventually("it has ended", || (!is_alive(second)).then_some(()));
    machine.up();
    machine.answers_again(&repository, "prod");

    assert_ne!(machine.server("prod"), second);
    assert_eq!(machine.environment("prod")["current"]["run"], run.as_str());
    assert_delivered_once(&machine, &run);
}

#[test]
fn a_host_that_is_stopped_takes_everything_with_it_and_brings_it_back() {
    let machine = Machine::new();
    let training = Training::new(&machine);
    training.finish();
    let released = training.repository.release();
    training.hold();
    training.repository.set("mse", 9.0);
    let run = training.repository.deliver();
    let first = training.starts(2)[1];

    let down = machine.cli(&["down"]);

    assert_eq!(down.code, 0, "{down:?}");
    assert!(down.stdout.contains("is stopped"), "{down:?}");
    assert_eq!(machine.wait(), 0, "{}", machine.host_log());
    assert_eq!(machine.left(), BTreeSet::new());
    let nobody = machine.cli(&["down"]);
    assert_eq!(nobody.code, 4, "{nobody:?}");
    machine.up();
    assert!(!is_alive(first));
    assert_eq!(training.starts(3).len(), 3, "the job is begun again");
    machine.answers_again(&training.repository, "prod");
    assert_eq!(machine.environment("prod")["current"]["run"], released["id"]);
    // Stopping is no failure of the job: it may be stopped as often as anybody likes.
    for start in 4..=6 {
        machine.down();
        machine.up();
        training.starts(start);
    }
    training.finish();
    machine.at_gate(&run, "prod");
    machine.approve(&run, "prod");
    assert_outcome(&machine.ended(&run), "released");
    assert_eq!(training.repository.ask("prod")["mse"], 9.0);
}

#[test]
fn ctrl_c_ends_everything_cleanly_also_in_the_middle_of_a_delivery() {
    for interrupt in [Signal::INT, Signal::TERM] {
        let machine = Machine::new();
        let training = Training::new(&machine);
        let run = training.repository.push();
        training.starts(1);

        // As a terminal does it: to the whole group of the host.
        let host = machine.host_process().unwrap();
        rustix::process::kill_process_group(rustix::process::Pid::from_raw(host.cast_signed()).unwrap(), interrupt)
            .unwrap();

        assert_eq!(machine.wait(), 0, "{}", machine.host_log());
        assert_eq!(machine.left(), BTreeSet::new(), "{interrupt:?}");
        let said = machine.host_log();
        assert!(said.contains("Stopping") && said.contains("Trainyard is down."), "{said}");
        assert!(!said.contains("ERROR") && !said.contains("error: "), "{said}");
        training.finish();
        machine.up();
        machine.at_gate(&run, "prod");
    }
}

#[test]
fn everything_is_killed_at_once_and_again_and_the_run_ends_as_it_would_have() {
    // Printed, and fixed: a failure can be had again.
    let mut chance = Chance(0x5eed_0007);
    let machine = Machine::new();
    let repository = Repository::new(&machine);
    let run = repository.push();
    let mut is_approved = false;

    for kill in 1..=6 {
        let pause = chance.below(2500);
        println!("kill {kill} after {pause} ms");
        thread::sleep(Duration::from_millis(pause));
        machine.kill_everything();
        machine.up();
        let status = machine.get(&format!("/api/runs/{run}")).json;
        if status["waiting_for"] == "approval for prod" && !is_approved {
            machine.approve(&run, "prod");
            is_approved = true;
        }
    }
    if !is_approved {
        machine.at_gate(&run, "prod");
        machine.approve(&run, "prod");
    }

    assert_delivered_once(&machine, &run);
    machine.answers_again(&repository, "qa");
    machine.answers_again(&repository, "prod");
}

/// The run is released, and what it made is there once.
#[track_caller]
fn assert_delivered_once(machine: &Machine, run: &str) {
    let ended = machine.ended(run);
    assert_outcome(&ended, "released");
    for step in ended["steps"].as_array().unwrap() {
        assert_eq!(step["attempt"], 1, "{step:#}");
        assert!(["succeeded", "skipped"].contains(&step["status"].as_str().unwrap()), "{step:#}");
    }
    // Each of these steps has one job, and no other step has one.
    let with_job = ["check", "provision", "train", "test_image", "profile"];
    let at_work = |name: &&&str| step(&ended, name)["status"] == "succeeded";
    let expected = with_job.iter().filter(at_work).count();
    let jobs = names(machine.home().join("jobs"));
    assert!(jobs.len() <= expected && jobs.iter().any(|job| job.contains("train")), "{jobs:?}");

    let runs = machine.get("/api/runs").json;
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1, "{runs:#}");
    assert_eq!(ended["model"]["version"], 1, "{:#}", ended["model"]);
    let versions: Vec<_> = keys(machine, "models/").into_iter().filter(|key| key.contains("/versions/")).collect();
    assert_eq!(versions.len(), 1, "{versions:?}");
    let index = fs::read(machine.home().join("images/index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    assert_eq!(index["manifests"].as_array().unwrap().len(), 1, "{index:#}");

    let mut servers = BTreeSet::new();
    for environment in ["qa", "prod"] {
        let state = machine.deployed(environment);
        assert_eq!(state["deployments"].as_object().unwrap().len(), 1, "{state:#}");
        assert_eq!(state["retiring"].as_array().unwrap().len(), 0, "{state:#}");
        servers.insert(machine.server(environment));
    }
    let groups: BTreeSet<_> = machine.left().into_iter().filter(|&one| is_a_server(one)).map(group).collect();
    assert_eq!(groups, servers, "servers that nobody knows, or too few");
    let letters = machine.json(&["dead-letters"]);
    assert_eq!(letters["dead_letters"].as_array().unwrap().len(), 0, "{letters:#}");
    let said = sentences(&machine.json(&["why", run])["sentences"]);
    assert!(!said.contains("given up"), "{said}");
}

/// A model repository whose training says which process it is and lasts until the test lets it end.
struct Training<'a> {
    repository: Repository<'a>,
    folder: PathBuf,
    home: PathBuf,
}

impl<'a> Training<'a> {
    fn new(machine: &'a Machine) -> Self {
        let repository = Repository::new(machine);
        let folder = machine.folder().join("training");
        fs::create_dir(&folder).unwrap();
        let (hold, starts) = (folder.join("hold"), folder.join("starts"));
        let wait = format!(
            "with open({starts:?}, \"a\") as starts:\n    starts.write(f\"{{os.getpid()}}\\n\")\n\
             while Path({hold:?}).exists():\n    time.sleep(0.05)\n\nparameters = "
        );
        repository.replace("training/train.py", "parameters = ", &wait);
        repository.commit();
        let training = Self { repository, folder, home: machine.home() };
        training.hold();
        training
    }

    fn hold(&self) {
        fs::write(self.folder.join("hold"), "").unwrap();
    }

    fn finish(&self) {
        fs::remove_file(self.folder.join("hold")).unwrap();
    }

    /// The processes of the training so far, waiting until there are this many.
    #[track_caller]
    fn starts(&self, count: usize) -> Vec<u32> {
        eventually("the training has begun", || {
            let starts = fs::read_to_string(self.folder.join("starts")).ok()?;
            let starts: Vec<u32> = starts.lines().map(|line| line.parse().unwrap()).collect();
            (starts.len() >= count).then_some(starts)
        })
    }

    /// The folder of the newest training job.
    fn job(&self) -> PathBuf {
        let jobs = self.home.join("jobs");
        let job = names(jobs.clone()).into_iter().rfind(|name| name.contains("train")).unwrap();
        jobs.join(job)
    }
}

impl Machine {
    /// What an address of the host says, if anybody answers.
    fn ask(&self, path: &str) -> Option<Value> {
        Some(crate::support::ask(reqwest::Method::GET, &self.url(path), None).ok()?.json)
    }

    /// What is on record as deployed.
    fn deployed(&self, environment: &str) -> Value {
        let file = self.home().join("deployments").join(format!("{TINY}.{environment}.json"));
        serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
    }

    /// The process that serves, waiting until one does.
    #[track_caller]
    fn server(&self, environment: &str) -> u32 {
        eventually("a process serves", || {
            let state = self.deployed(environment);
            let current = state["current"].as_str()?;
            let process = state["deployments"][current]["process"]["mark"]["pid"].as_u64()?;
            let process = u32::try_from(process).unwrap();
            is_alive(process).then_some(process)
        })
    }

    /// Waits until an endpoint answers.
    #[track_caller]
    fn answers_again(&self, repository: &Repository<'_>, environment: &str) {
        let path = format!("/endpoints/{TINY}/{environment}");
        eventually("the deployment is healthy", || {
            let described = self.ask(&path)?;
            (described["serving"][0]["health"] == "healthy").then_some(())
        });
        eventually("the endpoint answers", || {
            let body = serde_json::json!({"data": [1, 2]});
            (self.post(&format!("{path}/score"), &body).status == 200).then_some(())
        });
        repository.ask(environment);
    }

    /// Processes of this machine that live.
    fn left(&self) -> BTreeSet<u32> {
        mentioning(self.folder()).into_iter().filter(|&process| is_alive(process)).collect()
    }

    /// As when the power fails: nobody has time for anything.
    fn kill_everything(&self) {
        self.kill();
        eventually("nothing is left", || {
            let left = self.left();
            left.iter().for_each(|&process| signal(process, Signal::KILL));
            left.is_empty().then_some(())
        });
    }
}

/// Whether a process is there and is more than its parent's memory of it.
fn is_alive(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| !['Z', 'X'].contains(&state))
}

fn is_a_server(process: u32) -> bool {
    let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).contains("azmlinfsrv")
}

fn group(process: u32) -> u32 {
    let process = rustix::process::Pid::from_raw(process.cast_signed());
    rustix::process::getpgid(process).map_or(0, |group| group.as_raw_nonzero().get().cast_unsigned())
}

fn names(folder: PathBuf) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Keys of documents in the store of a host, which may be running.
fn keys(machine: &Machine, prefix: &str) -> Vec<String> {
    let file = machine.home().join("state.db");
    let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut query = database.prepare("SELECT key FROM documents WHERE key >= ?1 AND key < ?1 || 'zzzz'").unwrap();
    query.query_map([prefix], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Numbers that look random and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
