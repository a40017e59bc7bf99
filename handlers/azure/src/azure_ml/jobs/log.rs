//! The log of a job: what its commands say while they run, and the launcher's copy of it afterwards. Both are the same
//! bytes, for the launcher prints what it keeps.

use pipeline::names::JobName;
use runner::ports::{LogChunk, Result};

use super::super::AzureMl;
use super::super::job::Job;
use super::super::mlflow::LOG_PART as CHUNK;
use crate::launcher;

impl AzureMl {
    pub(super) async fn log(&self, name: &JobName, job: &Job, from: u64) -> Result<LogChunk> {
        let ended = job.has_ended();
        if let Some(place) = job.place().filter(|_| ended)
            && let Some(log) = self.workspace.read(&place.below(launcher::LOG)).await?
        {
            let rest = usize::try_from(from).ok().and_then(|from| log.get(from..)).unwrap_or_default();
            return Ok(chunk(rest, from, ended));
        }
        let address = match self.workspace.details(job.experiment(), name.as_str()).await? {
            Some(details) => details.log()?,
            None => None,
        };
        match address {
            Some(address) => Ok(chunk(&self.workspace.log_part(address, from).await?, from, ended)),
            None => Ok(LogChunk { text: String::new(), next: from, ended }),
        }
    }
}

/// The first part of what is there, in whole lines where possible.
fn chunk(rest: &[u8], from: u64, ended: bool) -> LogChunk {
    let is_last = rest.len() <= CHUNK;
    let mut bytes = &rest[..rest.len().min(CHUNK)];
    if !(is_last && ended) {
        match bytes.iter().rposition(|&byte| byte == b'\n') {
            Some(end) => bytes = &bytes[..=end],
            None if is_last => bytes = &[],
            // One endless line: cut between characters.
            None => {
                while bytes.len() > 1 && std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none()) {
                    bytes = &bytes[..bytes.len() - 1];
                }
            }
        }
    }
    LogChunk {
        next: from + bytes.len() as u64,
        text: String::from_utf8_lossy(bytes).into_owned(),
        ended: ended && is_last,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read_in_whole_lines_until_it_ends() {
        let first = chunk(b"one\ntwo\nthr", 0, false);
        assert_eq!((first.text.as_str(), first.next, first.ended), ("one\ntwo\n", 8, false));
        let rest = chunk(b"thr", 8, true);
        assert_eq!((rest.text.as_str(), rest.next, rest.ended), ("thr", 11, true));
        let endless = "ü".repeat(CHUNK);
        let cut = chunk(endless.as_bytes(), 0, true);
        assert_eq!((cut.text.len(), cut.ended), (CHUNK, false));
    }
}
