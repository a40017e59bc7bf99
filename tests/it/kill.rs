//! Nothing is lost: whatever is killed, whenever, every run ends as it would have, and nothing is there twice.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use self::once::{assert_delivered_once, is_alive};
use self::training::Training;
use crate::support::{Machine, Repository, assert_outcome, eventually, signal};

mod once;
mod training;

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
    // What the killed one has started may answer for a moment still.
    let second = eventually("another serves", || Some(machine.server("prod")).filter(|&other| other != before));
    machine.answers_again(&repository, "prod");
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
        kill_process_group(Pid::from_raw(host.cast_signed()).unwrap(), interrupt).unwrap();

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
fn a_terminal_that_is_closed_ends_everything_and_who_asks_twice_does_not_wait() {
    let machine = Machine::new();
    let training = Training::new(&machine);
    // A command that does not listen: it is given five seconds, which nobody wants to wait for.
    training.repository.replace(
        "training/train.py",
        "import json",
        "import json, signal\nsignal.signal(15, signal.SIG_IGN)",
    );
    let run = training.repository.deliver();
    training.starts(1);
    let host = machine.host_process().unwrap();

    signal(host, Signal::HUP);
    eventually("it stops", || machine.host_log().contains("Stopping").then_some(()));
    signal(host, Signal::INT);
    assert_eq!(machine.wait(), 0, "{}", machine.host_log());

    training.finish();
    machine.up();
    machine.at_gate(&run, "prod");
    machine.approve(&run, "prod");
    assert_delivered_once(&machine, &run);
}

#[test]
fn everything_is_killed_at_once_and_again_and_the_run_ends_as_it_would_have() {
    // The same each time, so that a failure can be had again; others by a setting.
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x5eed_0007);
    let mut chance = Chance(seed);
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
