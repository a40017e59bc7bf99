//! Golden runs: documents that an earlier version saved are read, and their runs go on to their end.
//!
//! `TRAINYARD_WRITE_GOLDEN=1 cargo test -p trainyard-runner --test golden` saves those of this version, into the folder of
//! its number. Folders of released versions are never written again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod day;

use std::collections::BTreeMap;
use std::path::{Path as File, PathBuf};

use day::{Day, Path, project};
use pipeline::event::{Event, JobResult, Message, Verdict};
use pipeline::names::Digest;
use pipeline::run::{On, Outcome};
use runner::intake::{Start, Wish};
use runner::memory::JobPlan;
use runner::ports::{Expect, Store};
use serde_json::Value;

const SAVED: [&str; 3] = ["waits-for-training", "waits-for-approval", "released"];

#[tokio::test(start_paused = true)]
async fn saved_runs_of_every_version_go_on_to_their_end() {
    if std::env::var_os("TRAINYARD_WRITE_GOLDEN").is_some() {
        write(&folder().join(env!("CARGO_PKG_VERSION"))).await;
    }
    let versions = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut read = 0;
    for version in versions {
        for name in SAVED {
            let file = version.join(format!("{name}.json"));
            let day = restore(&file).await;
            finish(&day).await;
            let run = day.last_run();
            let outcome = run.ended.as_ref().map(|ended| ended.outcome);
            assert_eq!(outcome, Some(Outcome::Released), "{}: {:#?}", file.display(), run.journal);
            read += 1;
        }
    }
    assert!(read >= SAVED.len(), "there are no golden runs in {}", folder().display());
}

/// Saves all documents at three moments of a delivery.
async fn write(folder: &File) {
    std::fs::create_dir_all(folder).unwrap();
    let day = Day::new(Path::Happy, true);
    let runner = day.runner();
    day.machine.jobs.plan(|job| {
        let trains = job.reply_to.step.step == pipeline::event::Step::Train;
        if trains {
            JobPlan::Run
        } else {
            JobPlan::Finish(JobResult::Completed(day::outputs(job, Digest::of(b""), 0.0)))
        }
    });
    let start = Start {
        project: project(),
        wish: Wish::Push { branch: "main".parse().unwrap(), commit: None },
        by: "ann".into(),
        cause: None,
        only_if_wanted: false,
    };
    runner.start(&start).await.unwrap();
    while day.deliver_one(&runner).await {}
    save(&day, &folder.join("waits-for-training.json"));
    trained(&day).await;
    while day.deliver_one(&runner).await {}
    save(&day, &folder.join("waits-for-approval.json"));
    finish(&day).await;
    save(&day, &folder.join("released.json"));
}

fn save(day: &Day, file: &File) {
    let document = |key: &String| serde_json::from_slice::<Value>(&day.machine.store.look(key).unwrap().body).unwrap();
    let documents: BTreeMap<_, _> =
        day.machine.store.keys().into_iter().map(|key| (key.clone(), document(&key))).collect();
    std::fs::write(file, serde_json::to_string_pretty(&documents).unwrap() + "\n").unwrap();
}

/// A world that knows nothing but what was saved, and the repository.
async fn restore(file: &File) -> Day {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let documents: BTreeMap<String, Value> = serde_json::from_str(&text).unwrap();
    let day = Day::new(Path::Happy, true);
    for (key, document) in documents {
        day.machine.store.put(&key, document.to_string().into_bytes(), Expect::Absent).await.unwrap();
    }
    day
}

/// The job that the run waits for ends well.
async fn trained(day: &Day) {
    let run = day.last_run();
    let Some((key, record, wait)) = run.waiting() else { return };
    let On::Job { job } = &wait.on else { return };
    let spec = pipeline::effect::JobSpec {
        reply_to: pipeline::effect::ReplyTo { run: run.id.clone(), step: key.clone(), attempt: record.attempt },
        ..a_job(&run, job.clone())
    };
    let model = day.machine.artifacts.keep(b"model".to_vec());
    let result = JobResult::Completed(day::outputs(&spec, model, 3295.7));
    let event = Event::JobFinished { job: job.clone(), result };
    let message = Message {
        id: format!("{job}-finished"),
        run: run.id.clone(),
        step: key.clone(),
        attempt: record.attempt,
        event,
    };
    day.runner().handle(&message).await.unwrap();
}

fn a_job(run: &pipeline::run::Run, name: pipeline::names::JobName) -> pipeline::effect::JobSpec {
    let text = serde_json::json!({
        "name": name, "project": run.project, "source": Digest::of(b""), "image": null, "environments": [],
        "reply_to": {"run": run.id, "step": "train", "attempt": 1}, "commands": [], "load": null, "entry": null,
        "variables": {}, "parameters": null, "data": null, "required": [], "reports": [], "timeout_secs": 60,
    });
    serde_json::from_value(text).unwrap()
}

/// Training ends, a person approves, and all messages arrive.
async fn finish(day: &Day) {
    trained(day).await;
    let runner = day.runner();
    while day.deliver_one(&runner).await {}
    let run = day.last_run();
    if let Some((key, record, wait)) = run.waiting()
        && matches!(wait.on, On::Approval { .. })
    {
        let event = Event::ApprovalAnswered { verdict: Verdict::Approve, by: "bob".into(), reason: None };
        let message =
            Message { id: "by-bob".into(), run: run.id.clone(), step: key.clone(), attempt: record.attempt, event };
        runner.handle(&message).await.unwrap();
    }
    while day.deliver_one(&runner).await {}
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden"))
}
