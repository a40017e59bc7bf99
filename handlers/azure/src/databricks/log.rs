//! A run's log, from what its task left.

use runner::ports::LogChunk;

use super::run::{Ending, Output, Run};

/// The log from a byte offset on. The service tells what a task said when it has ended, so there is a first line before
/// that and the rest after it.
pub(super) fn chunk(run: &Run, output: Option<&Output>, from: u64) -> LogChunk {
    let mut text = format!("run {} of Databricks", run.run_id);
    if let Some(page) = &run.run_page_url {
        text += &format!(": {page}");
    }
    text += "\n";
    if let Some(output) = output {
        if output.logs_truncated {
            text += "(the beginning of the log is lost: Databricks keeps its last 5 MB)\n";
        }
        for part in
            [output.logs.as_deref(), Some(output.exit()), output.error.as_deref(), output.error_trace.as_deref()]
        {
            let part = part.unwrap_or_default().trim_end();
            if !part.is_empty() {
                text += &format!("{}\n", without_colours(part));
            }
        }
        text += &match run.ending() {
            Some(Ending::Badly(why)) => format!("{why}\n"),
            Some(Ending::Canceled) => "it was canceled\n".into(),
            Some(Ending::Well) | None => "it ended well\n".into(),
        };
    }
    let start = usize::try_from(from).unwrap_or(usize::MAX).min(text.len());
    let rest = String::from_utf8_lossy(&text.as_bytes()[start..]).into_owned();
    LogChunk { text: rest, next: from.max(text.len() as u64), ended: output.is_some() }
}

/// Notebooks colour their traces for terminals.
fn without_colours(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let mut clean = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let letter = piece.find(|c: char| c.is_ascii_alphabetic()).map_or(piece.len(), |at| at + 1);
        clean += &piece[letter..];
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_told_without_colours() {
        assert_eq!(without_colours("\u{1b}[0;31mValueError\u{1b}[0m: x"), "ValueError: x");
        assert_eq!(without_colours("plain"), "plain");
    }
}
