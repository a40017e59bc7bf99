//! A job's log: what its commands print goes straight into the file, and so does what is said about them.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use runner::ports::LogChunk;

/// As much of a log as is read at a time.
const CHUNK: u64 = 256 * 1024;
/// As much of one line as is told to people.
const LONGEST_LINE: usize = 400;

/// A file that is only ever appended to.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Opens it, or begins it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let path = path.to_owned();
        Ok(Self { path, file })
    }

    /// Adds a line of ours. A log that cannot be written to is no reason to stop the work.
    pub fn say(&self, line: &str) {
        let _ = (&self.file).write_all(format!("trainyard: {line}\n").as_bytes());
    }

    /// For a child process to write to.
    pub fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.file.metadata().map_or(0, |metadata| metadata.len())
    }

    /// What was added since, at most the last megabyte.
    pub(crate) fn since(&self, from: u64) -> String {
        let from = from.max(self.len().saturating_sub(1 << 20));
        let mut bytes = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(from))?;
            file.read_to_end(&mut bytes)
        });
        match read {
            Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(_) => String::new(),
        }
    }

    /// The last line with something in it that was added since, without colours and not too long.
    pub(crate) fn last_line_since(&self, from: u64) -> Option<String> {
        let said = plain(&self.since(from));
        let line = said.lines().rev().map(str::trim).find(|l| !l.is_empty())?;
        Some(line.chars().take(LONGEST_LINE).collect())
    }
}

/// A piece of a log from a byte offset, whole lines where possible. `ended`: nothing more will be written.
pub(super) fn read_chunk(path: &Path, from: u64, ended: bool) -> io::Result<LogChunk> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(mut file) => {
            file.seek(SeekFrom::Start(from))?;
            file.take(CHUNK).read_to_end(&mut bytes)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let is_last = (bytes.len() as u64) < CHUNK;
    if !(is_last && ended)
        && let Some(end) = bytes.iter().rposition(|&byte| byte == b'\n')
    {
        bytes.truncate(end + 1);
    } else if !is_last {
        // One endless line: cut between characters.
        while bytes.len() > 1 && std::str::from_utf8(&bytes).is_err_and(|e| e.error_len().is_none()) {
            bytes.pop();
        }
    } else if !ended {
        bytes.clear();
    }
    Ok(LogChunk {
        next: from + bytes.len() as u64,
        text: String::from_utf8_lossy(&bytes).into_owned(),
        ended: ended && is_last,
    })
}

/// Without escape sequences of terminals, and of a line that overwrites itself only the end.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => {
                if chars.next() == Some('[') {
                    chars.find(|c| ('@'..='~').contains(c));
                }
            }
            '\r' => out.push('\n'),
            c if c.is_control() && c != '\n' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read_in_whole_lines_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.txt");
        let none = read_chunk(&path, 0, false).unwrap();
        assert_eq!(none, LogChunk::default());

        std::fs::write(&path, "one\ntwo\nthr").unwrap();
        let first = read_chunk(&path, 0, false).unwrap();
        assert_eq!((first.text.as_str(), first.next), ("one\ntwo\n", 8));
        let rest = read_chunk(&path, first.next, true).unwrap();
        assert_eq!((rest.text.as_str(), rest.next), ("thr", 11));
        assert!(rest.ended);
    }

    #[test]
    fn the_last_line_is_told_without_colours() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::open(&folder.path().join("log.txt")).unwrap();
        log.say("before");
        let from = log.len();
        log.handle().unwrap().write_all(b"10%\r100%\n\x1b[31mFAILED\x1b[0m test_a\n\n").unwrap();
        assert_eq!(log.last_line_since(from).unwrap(), "FAILED test_a");
        assert_eq!(log.last_line_since(log.len()), None);
    }
}
