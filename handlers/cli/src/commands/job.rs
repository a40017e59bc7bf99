//! `trainyard job`: what stands between the host and the commands of one job.

use std::path::PathBuf;

use crate::{Cx, Exit, Failure};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The job's folder
    folder: PathBuf,
}

pub(crate) fn run(args: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    cx.machine.job(&args.folder)
}
