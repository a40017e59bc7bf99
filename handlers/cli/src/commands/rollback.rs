//! `trainyard rollback`

use serde_json::json;

use super::begin::begin;
use crate::client::Client;
use crate::{Cx, Exit, Failure};

const EXAMPLES: &str = "\
Examples:
  trainyard rollback diabetes_regression prod
  trainyard rollback diabetes_regression prod --follow --as ana";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Whose release
    project: String,
    /// Where, such as `prod`
    environment: String,
    /// Watch it until it ends
    #[arg(long, short)]
    follow: bool,
    /// Who does it [default: the user of this machine]
    #[arg(long = "as", value_name = "NAME")]
    by: Option<String>,
}

pub(crate) fn run(args: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let by = cx.settings.by(args.by.as_deref())?;
    let client = Client::new(&cx.settings)?;
    let body = json!({ "project": args.project, "by": by, "rollback": { "environment": args.environment } });
    begin(cx, &client, &body, args.follow)
}
