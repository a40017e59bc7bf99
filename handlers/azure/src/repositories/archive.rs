//! Contents out of a zip, by what they are and not by where they pretend to belong.
//!
//! An archive is only the quick way to many contents. Hosts leave files out of it (`export-ignore`) and change others
//! (`export-subst`), so a content counts when its id is one that the commit's tree names; all else is passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read as _};

use zip::ZipArchive;

use super::object::blob_id;

/// What an archive holds of what is wanted, by id.
pub(super) type Found = BTreeMap<String, Vec<u8>>;

/// Why an archive is of no use.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Spoiled {
    /// It cannot be read; another one may be better.
    Unreadable(String),
    /// More comes out of it than is taken.
    TooLarge,
}

/// Takes what is wanted out of a zip. No more than `most` bytes come out of it, whatever it says of itself.
pub(super) fn contents(zip: &[u8], wanted: &BTreeSet<String>, most: usize) -> Result<Found, Spoiled> {
    let unreadable = |error: &dyn std::error::Error| Spoiled::Unreadable(error.to_string());
    let mut archive = ZipArchive::new(Cursor::new(zip)).map_err(|error| unreadable(&error))?;
    let (mut found, mut left) = (Found::new(), most);
    for nth in 0..archive.len() {
        let file = archive.by_index(nth).map_err(|error| unreadable(&error))?;
        if file.is_dir() {
            continue;
        }
        let mut content = Vec::new();
        file.take(left as u64 + 1).read_to_end(&mut content).map_err(|error| unreadable(&error))?;
        left = left.checked_sub(content.len()).ok_or(Spoiled::TooLarge)?;
        if let Some(id) = blob_id(&content).filter(|id| wanted.contains(id)) {
            found.insert(id, content);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    #[test]
    fn a_content_is_taken_for_what_it_is_wherever_it_pretends_to_be() {
        let zip = zip(&[("../../etc/passwd", b"hello\n"), ("/b", b"other"), ("c", b"")]);
        let wanted = [b"hello\n".as_slice(), b"absent"].map(|content| blob_id(content).unwrap()).into();

        let found = contents(&zip, &wanted, 100).unwrap();

        assert_eq!(found.into_values().collect::<Vec<_>>(), [b"hello\n"]);
    }

    #[test]
    fn a_small_archive_of_much_is_not_unpacked() {
        let zip = zip(&[("zeros", &[0; 8 << 20])]);
        assert!(zip.len() < 100_000, "{}", zip.len());
        assert_eq!(contents(&zip, &BTreeSet::new(), 1 << 20), Err(Spoiled::TooLarge));
        assert_eq!(contents(&zip, &BTreeSet::new(), 8 << 20), Ok(Found::new()));
    }

    #[test]
    fn an_archive_that_says_less_of_itself_than_comes_out_of_it_is_found_out() {
        let mut zip = zip(&[("zeros", &[0; 8 << 20])]);
        // The length unpacked, of the entry and of the directory at the end.
        let length = (8_u32 << 20).to_le_bytes();
        while let Some(at) = zip.windows(4).position(|bytes| bytes == length) {
            zip[at..at + 4].copy_from_slice(&7_u32.to_le_bytes());
        }
        assert!(contents(&zip, &BTreeSet::new(), 1 << 20).is_err());
    }

    #[test]
    fn what_is_no_archive_may_be_one_the_next_time() {
        let mut cut = zip(&[("a", b"hello\n")]);
        cut.truncate(40);
        for bytes in [&cut[..], b"", b"<html>Sign in</html>"] {
            let spoiled = contents(bytes, &BTreeSet::new(), 100).unwrap_err();
            assert!(matches!(spoiled, Spoiled::Unreadable(_)), "{spoiled:?}");
        }
    }

    fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in entries {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }
}
