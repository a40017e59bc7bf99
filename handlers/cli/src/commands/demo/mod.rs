//! `trainyard demo`: an example model from its first commit to production, on this machine.
//!
//! ```text
//! Python? -> host -> example repository -> run -> gate -> production -> one real request
//!                                           |      `-- nobody to ask: says how, exit code 3; the next demo goes on
//!                                           `-- there was one before: the same again, to see that equal is not better
//! ```

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::begin;
use crate::client::Client;
use crate::follow::{self, Until};
use crate::machine::UpOptions;
use crate::progress::Progress;
use crate::views::{Run, Runs};
use crate::{Cx, Exit, Failure, words};

mod example;
mod finish;
mod gate;

const EXAMPLES: &str = "\
Examples:
  trainyard demo                asks you before production
  trainyard demo --approve      goes all the way
  trainyard demo --json         one JSON document at the end, for scripts

Needs Python 3.10 or newer and, the first time, a package index. Everything is
kept in the home folder; the host keeps running until `trainyard down`. Run
again, it shows what happens to a model that is no better than the one in
production.";

/// An answer is taken in a moment, unless the machine is very busy.
const LONGEST_ANSWER: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Approve production without asking
    #[arg(long)]
    approve: bool,
}

pub(crate) fn run(args: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let me = cx.settings.by(None)?;
    // All that can be found missing is looked for before anything is made.
    let python = cx.machine.check_python().map_err(Failure::input)?;
    let home = cx.settings.home()?;
    cx.console.tell(&words::one_line(&python));

    // The host first: it makes the home, and does not take a folder that has files in it already.
    let options = UpOptions { home: home.clone(), port: cx.settings.new_port, handler_port: None, script_root: None };
    let started = cx.machine.start_in_background(&options)?;
    cx.settings.host_is_at(started.port);
    let client = Client::new(&cx.settings)?;
    let how = if started.already { "is up already" } else { "is up" };
    cx.console.tell(&format!(
        "The host {how}: http://{} (its log: {})",
        client.address(),
        home.join("host.log").display()
    ));

    let example = example::get(&home, cx.machine)?;
    let folder = example.folder.display();
    cx.console.tell(&format!("The model repository: {folder}, at commit {}", words::commit(&example.commit)));
    client.post::<Value>(&["api", "sources"], &json!({ "project": example::PROJECT, "path": example.folder }))?;

    let id = begin(&example, &me, &client, cx)?;
    let mut progress = Progress::new();
    let mut told = follow::follow(cx, &client, &id, Until::NeedsPerson, &mut progress)?;
    let mut answered = Vec::new();
    while let Some(place) = gate_to_answer(&told.run, &answered) {
        if !gate::answer(&told.run, &place, args.approve, &me, &client, cx)? {
            if cx.console.json {
                cx.console.document(&json!({ "run": told.document, "host": client.address() }));
            }
            return Ok(Exit::Waiting);
        }
        until_taken(&told.run, &place, &client)?;
        answered.push(place);
        told = follow::follow(cx, &client, &id, Until::NeedsPerson, &mut progress)?;
    }
    finish::finish(&told, &example, &client, cx)
}

/// The run to follow: the one that is on its way still, else a new one.
fn begin(example: &example::Example, me: &str, client: &Client, cx: &mut Cx<'_>) -> Result<String, Failure> {
    let query = [("project", example::PROJECT.to_owned()), ("limit", "1".to_owned())];
    let Runs { runs } = client.get(&["api", "runs"], &query)?;
    // Whoever asks for a run may not approve it, and it is the user of this machine who approves.
    let by = if me == "demo" { "the demo" } else { "demo" };
    let mut body = json!({ "project": example::PROJECT, "by": by });
    cx.console.tell("");
    match runs.first() {
        Some(last) if last.outcome.is_none() => {
            cx.console.tell(&format!("Run {} is still on its way: the demo goes on with it.", last.number));
            return Ok(last.id.clone());
        }
        Some(_) => {
            cx.console.tell("This is not the first demo here: the same model is made again, by hand.");
            body["manual"] = json!({ "branch": example::BRANCH });
        }
        None => {
            cx.console
                .tell("A push to `main` begins a run. The first one builds its Python environments: a few minutes.");
            body["push"] = json!({ "branch": example::BRANCH, "commit": example.commit });
        }
    }
    let (begun, _) = begin::ask(client, &body)?;
    begun.id.ok_or_else(|| {
        let because = begun.because.iter().map(|reason| words::one_line(reason)).collect::<Vec<_>>().join(" ");
        Failure::input(format!("the host began no run: {because}"))
            .advice(format!("see `{}`", cx.settings.again("doctor")))
    })
}

/// The environment whose gate waits for an answer that was not given yet.
fn gate_to_answer(run: &Run, answered: &[String]) -> Option<String> {
    let place = run.needs_person()?.environment.clone()?;
    (!answered.contains(&place)).then_some(place)
}

/// Waits until a run has taken the answer to its gate: the host says yes first, and tells the run then.
fn until_taken(run: &Run, place: &str, client: &Client) -> Result<(), Failure> {
    let since = Instant::now();
    loop {
        let told = follow::read(client, &run.id)?.run;
        let asks = told.needs_person().is_some_and(|step| step.environment.as_deref() == Some(place));
        let gate = told.environments.get(place).and_then(|one| one.approval.as_ref());
        // A gate that wants more than one answer stays closed, and that is for people to see.
        let wants_more = gate.is_some_and(|gate| !gate.granted && !gate.answers.is_empty());
        if !asks || wants_more || since.elapsed() > LONGEST_ANSWER {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
}
