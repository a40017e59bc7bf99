//! `trainyard reject`

use super::approve::{Answer, answer};
use crate::{Cx, Exit, Failure};

const EXAMPLES: &str = "\
Examples:
  trainyard reject latest prod --reason \"wait for the new data\"
  trainyard reject diabetes_regression/7 prod --as ana";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    answer: Answer,
}

pub(crate) fn run(args: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    answer(&args.answer, "reject", cx)
}
