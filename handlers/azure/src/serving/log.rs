//! Pieces of logs that a service only gives as a whole.

use runner::ports::LogChunk;

/// So much of a log is given at a time, in bytes.
const CHUNK: usize = 64 << 10;

/// The piece from a byte offset, up to its last whole line unless there is none. An offset beyond the end gives nothing
/// until there is more: the log of a container that began anew is shorter than before.
pub(crate) fn chunk(log: &str, from: u64) -> LogChunk {
    let start = usize::try_from(from).unwrap_or(usize::MAX);
    if start >= log.len() {
        return LogChunk { text: String::new(), next: from, ended: false };
    }
    let start = log.ceil_char_boundary(start);
    let end = log.floor_char_boundary(start.saturating_add(CHUNK).min(log.len()));
    let piece = &log[start..end];
    let text = piece.rfind('\n').map_or(piece, |at| &piece[..=at]);
    LogChunk { text: text.to_owned(), next: (start + text.len()) as u64, ended: false }
}
