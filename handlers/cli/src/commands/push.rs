//! `trainyard push`

use std::path::PathBuf;

use serde_json::{Value, json};

use super::begin::begin;
use crate::client::Client;
use crate::repository;
use crate::{Cx, Exit, Failure};

const EXAMPLES: &str = "\
Examples:
  trainyard push . --follow
  trainyard push . --branch release --commit 1a2b…
  trainyard push . --branch my-change --pull-request --base main

Only what is committed is delivered: of the branch that is checked out, if
none is named. A pull request is checked; nothing is trained or deployed.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The root of the repository
    dir: PathBuf,
    /// Which branch [default: the one that is checked out]
    #[arg(long, value_name = "BRANCH")]
    branch: Option<String>,
    /// Which of its commits, in full [default: the newest]
    #[arg(long, value_name = "COMMIT", conflicts_with = "pull_request")]
    commit: Option<String>,
    /// As a pull request, by its number if it has one
    #[arg(long, value_name = "NUMBER", num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    pull_request: Option<u64>,
    /// Where the pull request wants to go [default: the first branch that trainyard.yml delivers]
    #[arg(long, value_name = "BRANCH", requires = "pull_request")]
    base: Option<String>,
    /// Watch the run until it ends or needs a person
    #[arg(long, short)]
    follow: bool,
    /// Who pushes [default: the user of this machine]
    #[arg(long = "as", value_name = "NAME")]
    by: Option<String>,
}

pub(crate) fn run(args: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let by = cx.settings.by(args.by.as_deref())?;
    let folder = repository::folder(&args.dir)?;
    let manifest = repository::manifest(&folder)?;
    let project = manifest.project.as_str();
    let branch = match &args.branch {
        Some(branch) => branch.clone(),
        None => repository::branch(&folder)?,
    };
    let mut body = json!({ "project": project, "by": by });
    match args.pull_request {
        Some(number) => {
            let usual = manifest.triggers.branches.first().map_or("main", |branch| branch.as_str());
            let base = args.base.as_deref().unwrap_or(usual);
            if base == branch {
                return Err(Failure::input(format!("a pull request of {branch} into {base} changes nothing"))
                    .advice("name the branch with the change with `--branch`"));
            }
            body["pull_request"] = json!({ "number": number, "branch": branch, "base": base });
        }
        None => {
            body["push"] = json!({ "branch": branch });
            if let Some(commit) = &args.commit {
                body["push"]["commit"] = json!(commit);
            }
        }
    }
    let client = Client::new(&cx.settings)?;
    client.post::<Value>(&["api", "sources"], &json!({ "project": project, "path": folder }))?;
    begin(cx, &client, &body, args.follow)
}
