//! What the program leaves: read from its folder, or from its log.

use std::collections::BTreeMap;
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::read::GzDecoder;
use pipeline::event::{JobOutputs, JobResult};
use pipeline::names::Digest;
use runner::ports::{Artifacts, Result};
use runner::reports;
use serde::Deserialize;

/// How the job ended, in the result folder.
pub(crate) const RESULT: &str = "result.json";

const BEGIN: &str = "-----BEGIN TRAINYARD RESULT-----";
const END: &str = "-----END TRAINYARD RESULT-----";
/// As much of an unpacked result as is taken from a log: what runs there may print what it likes.
const PRINTED_MAX: u64 = 64 << 20;

/// A result with its files.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    result: JobResult,
    /// Files that are reports, by their names in the result.
    reports: Vec<String>,
    lacks_metrics: bool,
    files: BTreeMap<Digest, Vec<u8>>,
}

/// `result.json`, beside the result itself.
#[derive(Debug, Deserialize)]
struct Written {
    /// Names of files that linters, tests and coverage tools have written.
    #[serde(default)]
    reports: Vec<String>,
    /// The job was to leave metrics.json and did not; they may be in MLflow.
    #[serde(default)]
    lacks_metrics: bool,
}

/// Where a file is in the result folder, by its name in the result.
fn path(name: &str) -> String {
    format!("files/{name}")
}

/// The files that belong to a `result.json`, by their paths in the result folder, with their digests. None: it is not
/// one.
pub(crate) fn wanted(result: &[u8]) -> Option<BTreeMap<String, Digest>> {
    let result: JobResult = serde_json::from_slice(result).ok()?;
    let files = outputs(&result).map(|outputs| outputs.files.clone()).unwrap_or_default();
    Some(files.into_iter().map(|(name, digest)| (path(&name), digest)).collect())
}

/// The result in a folder, whose files are given by their paths in it. None: there is none, or it is not whole.
pub(crate) fn result_from_folder(files: &BTreeMap<String, Vec<u8>>) -> Option<Found> {
    let written = files.get(RESULT)?;
    let result: JobResult = serde_json::from_slice(written).ok()?;
    let Written { reports, lacks_metrics } = serde_json::from_slice(written).ok()?;
    let wanted = wanted(written)?.into_iter();
    let held = wanted.map(|(path, digest)| Some((digest, files.get(&path)?.clone()))).collect::<Option<_>>()?;
    Some(Found { result, reports, lacks_metrics, files: held })
}

/// The result at the end of a log, of a program that was asked to print it. None: the log has none, or not yet.
pub(crate) fn result_from_log(log: &str) -> Option<Found> {
    let (_, rest) = log.rsplit_once(BEGIN)?;
    let (text, _) = rest.split_once(END)?;
    // Whoever carries a log may put a time before each line, also before the end; what we printed is the last word of each.
    let (text, _) = text.rsplit_once('\n')?;
    let words = text.lines().filter_map(|line| line.split_whitespace().next_back());
    let packed = BASE64.decode(words.collect::<String>()).ok()?;
    let mut archive = tar::Archive::new(GzDecoder::new(packed.as_slice()).take(PRINTED_MAX));
    let mut files = BTreeMap::new();
    for entry in archive.entries().ok()? {
        let mut entry = entry.ok()?;
        let path = entry.path().ok()?.to_str()?.to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).ok()?;
        files.insert(path, bytes);
    }
    result_from_folder(&files)
}

fn outputs(result: &JobResult) -> Option<&JobOutputs> {
    match result {
        JobResult::Completed(outputs) | JobResult::Failed { outputs, .. } => Some(outputs),
        JobResult::Canceled => None,
    }
}

impl Found {
    /// Whether metrics are to be looked for in MLflow.
    pub fn lacks_metrics(&self) -> bool {
        self.lacks_metrics
    }

    /// Puts the files where the run looks for them, reads the reports, and answers how the job ended. `logged`: metrics
    /// that were found elsewhere; one in metrics.json wins.
    ///
    /// # Errors
    ///
    /// The artifacts do not take them. What a file is not is told as a failed job.
    pub async fn keep(self, logged: BTreeMap<String, f64>, artifacts: &dyn Artifacts) -> Result<JobResult> {
        let Self { mut result, reports, lacks_metrics, files } = self;
        for (digest, bytes) in &files {
            if Digest::of(bytes) != *digest {
                let reason = format!("the job's files cannot be kept: {} is not what was written", digest.short());
                return Ok(JobResult::Failed { reason, outputs: JobOutputs::default() });
            }
        }
        let nothing_is_logged = logged.is_empty();
        let mut metrics = logged;
        let mut said = Vec::new();
        if let JobResult::Completed(outputs) | JobResult::Failed { outputs, .. } = &mut result {
            for name in &reports {
                let text = outputs.files.get(name).and_then(|digest| std::str::from_utf8(files.get(digest)?).ok());
                if let Some(report) = text.and_then(reports::read) {
                    reports::tell(name, &report, &mut said, &mut metrics);
                }
            }
            metrics.append(&mut outputs.metrics);
            outputs.metrics = metrics;
            outputs.said.append(&mut said);
        }
        for bytes in files.into_values() {
            artifacts.put(bytes).await?;
        }
        Ok(match result {
            JobResult::Completed(outputs) if lacks_metrics && nothing_is_logged => JobResult::Failed {
                reason: "metrics.json is missing: the command must write it into the folder that TRAINYARD_OUTPUTS \
                         names, or log its metrics to MLflow"
                    .into(),
                outputs,
            },
            result => result,
        })
    }
}
