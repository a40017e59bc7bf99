//! `trainyard doctor`

use serde_json::json;

use crate::client::Client;
use crate::views::{Check, Doctor};
use crate::{Cx, Exit, Failure, words};

const EXAMPLES: &str = "\
Examples:
  trainyard doctor
  trainyard doctor --json | jq '.checks[] | select(.ok | not)'

Exit codes: 0 all is well, 1 something is not, 4 the host cannot be reached.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let client = Client::new(&cx.settings)?;
    let (checks, exit) = match client.get::<Doctor>(&["api", "doctor"], &[]) {
        Ok(Doctor { checks }) => {
            let exit = if checks.iter().all(|check| check.ok) { Exit::Done } else { Exit::EndedOtherwise };
            (checks, exit)
        }
        // What can be seen without the host is worth seeing too.
        Err(failure) => (vec![python(cx), host(failure)], Exit::Unreachable),
    };
    if cx.console.json {
        cx.console.document(&json!({ "checks": checks }));
        return Ok(exit);
    }
    let paint = cx.console.style.paint;
    for check in &checks {
        let icon = if check.ok { paint.green("✓") } else { paint.red("✕") };
        cx.console.line(&format!("{icon} {}: {}", words::one_line(&check.name), words::one_line(&check.found)));
        if let Some(advice) = &check.advice {
            cx.console.line(&format!("    {} {}", paint.cyan("try:"), words::one_line(advice)));
        }
    }
    Ok(exit)
}

fn python(cx: &Cx<'_>) -> Check {
    let (ok, found) = match cx.machine.check_python() {
        Ok(found) => (true, found),
        Err(missing) => (false, missing),
    };
    Check { name: "python".into(), ok, found, advice: None }
}

fn host(failure: Failure) -> Check {
    Check { name: "host".into(), ok: false, found: failure.sentence, advice: failure.advice }
}
