//! `trainyard watch`: a run, or what a project takes events from.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use serde_json::Value;

use super::approve;
use crate::client::Client;
use crate::follow::{self, Until};
use crate::render::watches;
use crate::views::WatchList;
use crate::{Cx, Exit, Failure};

const EXAMPLES: &str = "\
Examples of runs:
  trainyard watch latest           until it ends or needs a person (exit 3)
  trainyard watch 7 --through      through approvals to the very end
  trainyard watch latest --json    the run as it is then, one JSON document

To stop watching (Ctrl-C) does not stop the run.

Examples of events:
  trainyard watch                  what each project takes events from
  trainyard watch p watch.json     p takes them from there, and nowhere else
  trainyard watch p - <watch.json  the same from standard input
  trainyard watch p --remove       from nowhere any more

Nothing starts a run unless its project watches it. A file that says all:
  {
    \"repository\": { \"host\": \"github\", \"id\": \"791204417\" },
    \"devops_project\": \"94bdb2e9-8525-5139-aeae-de33f008d16b\",
    \"build\": \"diabetes-ci\",
    \"workspaces\": [\"/subscriptions/.../workspaces/mlw\"],
    \"models\": [\"diabetes_regression_model\"],
    \"registries\": [{ \"host\": \"cr.azurecr.io\", \"id\": \"/subscriptions/...\" }],
    \"images\": [\"scoring/diabetes\"],
    \"data\": [{ \"account\": \"/subscriptions/...\", \"container\": \"training\",
               \"prefix\": \"diabetes/\" }],
    \"databricks_workspaces\": [\"7405611922083144\"]
  }
All is optional. A repository is known by its id, whose host is `github` or
`azure_devops`, and Azure's resources by theirs: names can be made to look
alike. With `build`, a push starts nothing and a good build of that pipeline
does. `models`, `images` and `data` say what starts a release or a retraining;
trainyard.yml says whether it may (`triggers`).";

/// A watch is a page long.
const MOST: u64 = 1 << 20;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, override_usage = "trainyard watch RUN [--through]
       trainyard watch [PROJECT FILE | PROJECT --remove]")]
pub(crate) struct Args {
    /// A run: an id, a number, PROJECT/NUMBER or `latest`; or a project, with FILE or `--remove`
    #[arg(value_name = "RUN|PROJECT")]
    what: Option<String>,
    /// What the project takes events from, as JSON; `-` is standard input
    #[arg(requires = "what")]
    file: Option<PathBuf>,
    /// Let the project take events from nowhere any more
    #[arg(long, requires = "what", conflicts_with = "file")]
    remove: bool,
    /// Go on watching while the run waits for a person
    #[arg(long, requires = "what", conflicts_with_all = ["file", "remove"])]
    through: bool,
}

pub(crate) fn run(args: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let Some(what) = &args.what else { return list(cx) };
    if let Some(file) = &args.file {
        let watch = read(file)?;
        let client = Client::new(&cx.settings)?;
        let said: Value = client.put(&["api", "watch", what], &watch)?;
        return approve::say(&said, cx);
    }
    let client = Client::new(&cx.settings)?;
    if args.remove {
        let said: Value = client.delete(&["api", "watch", what])?;
        return approve::say(&said, cx);
    }
    let until = if args.through { Until::Ended } else { Until::NeedsPerson };
    follow::to_the_end(cx, &client, what, until)
}

fn list(cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let client = Client::new(&cx.settings)?;
    let document: Value = client.get(&["api", "watch"], &[])?;
    if cx.console.json {
        cx.console.document(&document);
        return Ok(Exit::Done);
    }
    let WatchList { projects } = WatchList::deserialize(&document)
        .map_err(|error| Failure::unreachable(format!("the host's watch list is not understood: {error}")))?;
    if projects.is_empty() {
        let watch = cx.settings.again("watch PROJECT FILE");
        cx.console.line(&format!("No project takes events from anywhere. `{watch}` says from where one does."));
    } else {
        let page = watches::page(&projects, &cx.console.style);
        cx.console.line(&page);
    }
    Ok(Exit::Done)
}

fn read(file: &Path) -> Result<Value, Failure> {
    let (shown, bytes) = if file == Path::new("-") {
        let mut bytes = Vec::new();
        ("standard input".to_owned(), std::io::stdin().take(MOST + 1).read_to_end(&mut bytes).map(|_| bytes))
    } else {
        let open = std::fs::File::open(file);
        let mut bytes = Vec::new();
        let read = open.and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes));
        (file.display().to_string(), read.map(|_| bytes))
    };
    let bytes = bytes.map_err(|error| Failure::input(format!("{shown} cannot be read: {error}")))?;
    if bytes.len() as u64 > MOST {
        return Err(Failure::input(format!("{shown} is far too long for a watch")));
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        Failure::input(format!("{shown} is not JSON: {error}")).advice("`trainyard watch --help` shows a whole one")
    })
}
