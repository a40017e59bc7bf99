//! `trainyard retry`

use super::{approve, cancel};
use crate::client::Client;
use crate::follow::{self, Until};
use crate::{Cx, Exit, Failure};

const EXAMPLES: &str = "\
Examples:
  trainyard retry latest
  trainyard retry diabetes_regression/7 --follow

What succeeded is kept: the run goes on at the step that failed.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    request: cancel::Request,
    /// Watch it until it ends or needs a person
    #[arg(long, short)]
    follow: bool,
}

pub(crate) fn run(args: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let client = Client::new(&cx.settings)?;
    // `latest` is the run of this moment, also when it is followed.
    let document = cancel::ask(&args.request, "retry", &client, cx)?;
    if args.follow {
        return follow::to_the_end(cx, &client, &args.request.run, Until::NeedsPerson);
    }
    approve::say(&document, cx)
}
