//! `trainyard down`

use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::Client;
use crate::{Cx, Exit, Failure};

const EXAMPLES: &str = "\
Examples:
  trainyard down               stop the host of ~/.trainyard
  trainyard down --home ./yard  that of another home
  trainyard down --port 7080

Deployments and jobs on this machine stop with it and are started again when
the host is up again; nothing of them is lost.";
/// Requests and messages under way, deployments and jobs all have their time to end.
const LONGEST: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

/// How the host is. One that is stopping already may not answer.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    process_id: Option<u32>,
}

pub(crate) fn run(_: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let client = Client::new(&cx.settings)?;
    let address = client.address();
    let status: Status = client.get(&["admin", "host", "status"], &[]).unwrap_or_default();
    client.post::<Value>(&["admin", "host", "stop"], &json!({}))?;
    let gone = match status.process_id {
        // Only when the process is gone can the next one have the home.
        Some(process) => cx.machine.wait_for_end(process, LONGEST),
        None => until_nobody_answers(&client),
    };
    if !gone {
        return Err(Failure::unreachable(format!("the host at {address} was asked to stop and has not yet"))
            .advice("wait a little and look again, or end its process"));
    }
    if cx.console.json {
        cx.console.document(&json!({ "stopped": address }));
    } else {
        let again = cx.settings.again("up");
        cx.console.line(&format!(
            "The host at {address} is stopped, and with it what it had deployed. `{again}` goes on where it was."
        ));
    }
    Ok(Exit::Done)
}

fn until_nobody_answers(client: &Client) -> bool {
    let since = Instant::now();
    while client.is_there() {
        if since.elapsed() > LONGEST {
            return false;
        }
        thread::sleep(Duration::from_millis(100));
    }
    true
}
