//! `trainyard schema`

use crate::{Cx, Exit, Failure};

const EXAMPLES: &str = "\
Examples:
  trainyard schema > trainyard.schema.json
  # then, as the first line of trainyard.yml, for editors:
  # yaml-language-server: $schema=./trainyard.schema.json";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    cx.console.document(&pipeline::manifest::json_schema());
    Ok(Exit::Done)
}
