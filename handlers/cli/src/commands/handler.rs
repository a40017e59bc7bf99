//! `trainyard handler`

use crate::{Cx, Exit, Failure};

const EXAMPLES: &str = "\
The Functions host, in Azure or on this machine, starts this command and says by
FUNCTIONS_CUSTOMHANDLER_PORT where it is to listen. By hand, for a debugger:
  FUNCTIONS_CUSTOMHANDLER_PORT=9000 trainyard handler
  trainyard up --handler-port 9000";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    cx.machine.handler(&cx.settings.home()?)
}
