//! The logs of runs, read from where the registry keeps them.

use reqwest::header::HeaderValue;
use serde::Deserialize;

use super::registry::{Registry, order};
use crate::http::{Answer, Call, CallError, Kind, Right};
use crate::roles;
use crate::text;

/// What the storage behind the registry is spoken to in.
pub(super) const STORAGE_VERSION: &str = "2021-08-06";
/// Lines of a log that are told as a reason, and their characters.
const LINES: usize = 12;
const WORDS_MAX: usize = 1500;
/// As much of a log's end as is looked at for a reason.
const REASON_MAX: u64 = 16 << 10;

const READ: Right = Right::role("read a log of the registry's tasks", roles::TASKS);

/// A piece of a log.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub bytes: Vec<u8>,
    /// How long the log is by now, in bytes.
    pub total: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    log_link: Option<String>,
}

impl Registry {
    /// At most `most` bytes of a run's log from an offset. A log that is not there yet is empty.
    pub async fn log(&self, run: &str, from: u64, most: u64) -> Result<Piece, CallError> {
        let link = self.client.read::<Link>(order(self.tasks(&["runs", run, "listLogSasUrl"]), &READ)).await;
        let link = match link {
            Ok(link) => link.log_link,
            Err(error) if error.kind == Kind::Gone => None,
            Err(error) => return Err(error),
        };
        let Some(link) = link else { return Ok(Piece { bytes: Vec::new(), total: from }) };
        let url = self.handed_out(&link, &READ)?;
        let range = format!("bytes={from}-{}", from + most.saturating_sub(1));
        let range = HeaderValue::from_str(&range).expect("numbers are valid in a header");
        let call =
            Call::get(url, &READ).with("range", range).with("x-ms-version", HeaderValue::from_static(STORAGE_VERSION));
        match self.storage.call(call).await {
            Ok(answer) => Ok(piece(answer, from, most)),
            // Nothing is there yet, or nothing from there on.
            Err(error) if error.kind == Kind::Gone || error.status == 416 => {
                Ok(Piece { bytes: Vec::new(), total: from })
            }
            Err(error) => Err(error),
        }
    }

    /// The end of a run's log.
    pub async fn log_end(&self, run: &str, most: u64) -> Result<String, CallError> {
        let mut piece = self.log(run, 0, most).await?;
        if piece.total > most {
            piece = self.log(run, piece.total - most, most).await?;
        }
        Ok(String::from_utf8_lossy(&piece.bytes).into_owned())
    }

    /// The last words of a run, as a reason for how it ended.
    pub async fn last_words(&self, run: &str) -> Result<String, CallError> {
        Ok(last_lines(&self.log_end(run, REASON_MAX).await?))
    }
}

fn piece(answer: Answer, from: u64, most: u64) -> Piece {
    let total = answer.header("content-range").and_then(|range| range.rsplit_once('/')?.1.parse().ok());
    if let Some(total) = total {
        return Piece { bytes: answer.body, total };
    }
    // All of it came, though a part was asked for.
    let total = answer.body.len() as u64;
    let place = |at: u64| usize::try_from(at.min(total)).unwrap_or(answer.body.len());
    Piece { bytes: answer.body[place(from)..place(from + most)].to_vec(), total }
}

/// The last lines with something in them, and no signs that only a terminal understands.
pub(super) fn last_lines(log: &str) -> String {
    let clean = |line: &str| line.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned();
    let mut lines: Vec<_> = log.lines().rev().map(clean).filter(|line| !line.is_empty()).take(LINES).collect();
    lines.reverse();
    let text = lines.join("\n");
    let count = text.chars().count();
    let end: String = text.chars().skip(count.saturating_sub(WORDS_MAX)).collect();
    text::first(&end, WORDS_MAX)
}
