//! `trainyard logs`

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::RUN_HELP;
use crate::client::Client;
use crate::views::{Log, Run};
use crate::{Cx, Exit, Failure, follow, words};

const EXAMPLES: &str = "\
Examples:
  trainyard logs latest                of all jobs of the run
  trainyard logs latest train          of one step
  trainyard logs 7 train --follow      until the step ends";
const EVERY: Duration = Duration::from_millis(250);

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[arg(help = RUN_HELP)]
    run: String,
    /// Only of this step, such as `train`
    step: Option<String>,
    /// Go on until there is nothing more to come
    #[arg(long, short)]
    follow: bool,
}

pub(crate) fn run(args: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let client = Client::new(&cx.settings)?;
    let mut told = follow::read(&client, &args.run)?.run;
    let id = told.id.clone();
    let mut reader = Reader { client: &client, run: id.clone(), parts: BTreeMap::new(), last: None };
    loop {
        let steps = steps(args, &told);
        let mut ended = true;
        for step in &steps {
            ended &= reader.read(step, args.step.is_some(), cx)?;
        }
        // A run that waits for a person says nothing for days.
        let silent = told.outcome.is_some() || told.needs_person().is_some();
        let nothing_more = if args.step.is_some() { ended || silent } else { silent };
        if !args.follow || nothing_more {
            break;
        }
        thread::sleep(EVERY);
        told = follow::read(&client, &id)?.run;
    }
    if cx.console.json {
        let said = |(step, part): (&String, &Part)| json!({ "step": step, "text": part.text, "ended": part.ended });
        let logs: Vec<_> = reader.parts.iter().filter(|(_, part)| part.next > 0).map(said).collect();
        cx.console.document(&json!({ "run": id, "logs": logs }));
    } else if reader.parts.values().all(|part| part.next == 0) {
        cx.console.aside("No job of this run has said anything yet.");
    }
    Ok(Exit::Done)
}

fn steps(args: &Args, run: &Run) -> Vec<String> {
    match &args.step {
        Some(step) => vec![step.clone()],
        None => run.steps.iter().filter(|step| step.has_begun()).map(|step| step.key()).collect(),
    }
}

struct Reader<'a> {
    client: &'a Client,
    run: String,
    parts: BTreeMap<String, Part>,
    last: Option<String>,
}

#[derive(Default)]
struct Part {
    next: u64,
    ended: bool,
    text: String,
}

impl Reader<'_> {
    /// Reads what is new of a step's log; answers whether nothing more can come.
    fn read(&mut self, step: &str, must_be: bool, cx: &mut Cx<'_>) -> Result<bool, Failure> {
        let part = self.parts.entry(step.to_owned()).or_default();
        while !part.ended {
            let query = [("step", step.to_owned()), ("from", part.next.to_string())];
            let log: Log = match self.client.get(&["api", "runs", &self.run, "logs"], &query) {
                Ok(log) => log,
                // Most steps have no job, and so no log; one that has just begun may have one soon.
                Err(failure) if !must_be && failure.exit == Exit::BadInput => return Ok(true),
                Err(failure) => return Err(failure),
            };
            if cx.console.json {
                part.text.push_str(&log.text);
            } else if !log.text.is_empty() {
                if !must_be && self.last.as_deref() != Some(step) {
                    let head = cx.console.style.paint.bold(&format!("── {step}"));
                    cx.console.line(&head);
                    self.last = Some(step.to_owned());
                }
                cx.console.text(&words::plain(&log.text));
                if log.ended && !log.text.ends_with('\n') {
                    cx.console.line("");
                }
            }
            let stood = log.next <= part.next;
            part.next = log.next.max(part.next);
            part.ended = log.ended && stood;
            if stood {
                return Ok(log.ended);
            }
        }
        Ok(true)
    }
}
