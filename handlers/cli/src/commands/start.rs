//! `trainyard start`

use serde_json::{Value, json};

use super::begin::begin;
use crate::client::Client;
use crate::{Cx, Exit, Failure};

const EXAMPLES: &str = "\
Examples:
  trainyard start my_project                       the newest commit, all steps
  trainyard start my_project --commit 1a2b…        that commit (in full)
  trainyard start my_project --model my_model:3    release a registered model
  trainyard start my_project --image sha256:5e6f…  release an image
  trainyard start my_project --reuse 7             what run 7 made, once more
  trainyard start my_project --rehearse            visit all steps, do nothing";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Whose run
    project: String,
    /// Of this commit, in full
    #[arg(long, value_name = "COMMIT", group = "what")]
    commit: Option<String>,
    /// Of the newest commit of this branch
    #[arg(long, value_name = "BRANCH", conflicts_with_all = ["model", "image", "reuse", "rehearse"])]
    branch: Option<String>,
    /// Of this registered model
    #[arg(long, value_name = "NAME:VERSION", group = "what", value_parser = model)]
    model: Option<(String, u64)>,
    /// Of this image
    #[arg(long, value_name = "DIGEST", group = "what")]
    image: Option<String>,
    /// Of what this run made, without training
    #[arg(long, value_name = "RUN", group = "what")]
    reuse: Option<String>,
    /// Of nothing: every step is visited and does nothing
    #[arg(long, group = "what")]
    rehearse: bool,
    /// Watch it until it ends or needs a person
    #[arg(long, short)]
    follow: bool,
    /// Who starts it [default: the user of this machine]
    #[arg(long = "as", value_name = "NAME")]
    by: Option<String>,
}

fn model(text: &str) -> Result<(String, u64), String> {
    let parts = text.rsplit_once(':').filter(|(name, _)| !name.is_empty());
    let parts = parts.and_then(|(name, version)| Some((name.to_owned(), version.parse().ok()?)));
    parts.ok_or_else(|| "a model is NAME:VERSION, the version a number, such as `my_model:3`".to_owned())
}

pub(crate) fn run(args: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let by = cx.settings.by(args.by.as_deref())?;
    let (key, what) = what(args);
    let mut body = json!({ "project": args.project, "by": by });
    body[key] = what;
    let client = Client::new(&cx.settings)?;
    begin(cx, &client, &body, args.follow)
}

fn what(args: &Args) -> (&'static str, Value) {
    if let Some((name, version)) = &args.model {
        return ("model", json!({ "name": name, "version": version }));
    }
    if let Some(digest) = &args.image {
        return ("image", json!({ "digest": digest }));
    }
    if let Some(run) = &args.reuse {
        return ("redeploy", json!({ "run": run }));
    }
    if args.rehearse {
        return ("rehearsal", json!({}));
    }
    let mut manual = json!({});
    if let Some(commit) = &args.commit {
        manual["commit"] = json!(commit);
    }
    if let Some(branch) = &args.branch {
        manual["branch"] = json!(branch);
    }
    ("manual", manual)
}
