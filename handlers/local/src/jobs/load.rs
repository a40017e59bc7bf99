//! A load test as a job: measures the image's content instead of running commands.

use pipeline::effect::JobSpec;
use pipeline::event::JobOutputs;
use pipeline::manifest::Load;

use super::command::Place;
use super::folder::JobFolder;
use super::log::Log;
use super::outputs;

/// Measures. `Err` says in a sentence why it could not.
pub(super) async fn run(
    folder: &JobFolder,
    spec: &JobSpec,
    load: &Load,
    place: &Place,
    log: &Log,
) -> Result<JobOutputs, String> {
    let entry = spec.entry.as_deref().ok_or("a load test needs a scoring script (`scoring.entry`)")?;
    let bin = place.bin.as_deref().ok_or("a load test needs an environment (`scoring.environment`)")?;
    let payload = outputs::inside(&folder.source(), &load.payload)
        .and_then(|path| std::fs::read(path).ok())
        .ok_or_else(|| format!("the payload {:?} of trainyard.yml is not in the repository", load.payload))?;
    log.say(&format!("load test: {} s with {} at a time", load.seconds, load.concurrency));
    crate::deployments::load::run(&place.folder, bin, entry, load, payload, &folder.log()).await
}
