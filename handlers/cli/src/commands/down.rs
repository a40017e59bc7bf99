//! `trainyard down`

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Client;
use crate::{Cx, Exit, Failure};

const EXAMPLES: &str = "\
Examples:
  trainyard down               stop the host on port 7071
  trainyard down --port 7080

What is on its way waits until the host is up again.";
const LONGEST: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let client = Client::new(&cx.settings)?;
    let address = client.address();
    client.post::<Value>(&["admin", "host", "stop"], &json!({}))?;
    // Gone is when nobody answers any more: only then can the next one have the port.
    let since = Instant::now();
    while client.is_there() {
        if since.elapsed() > LONGEST {
            return Err(Failure::unreachable(format!("the host at {address} was asked to stop and still answers"))
                .advice("end its process"));
        }
        thread::sleep(Duration::from_millis(100));
    }
    if cx.console.json {
        cx.console.document(&json!({ "stopped": address }));
    } else {
        let again = cx.settings.again("up");
        cx.console.line(&format!("The host at {address} is stopped. `{again}` goes on where it was."));
    }
    Ok(Exit::Done)
}
