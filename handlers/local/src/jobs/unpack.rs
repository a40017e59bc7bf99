//! Unpacking a snapshot. Nothing in it may reach out of its folder.

use std::io::{self, Read};
use std::path::Path;

use runner::snapshot::depth;
use tar::{Archive, EntryType};

/// Unpacks a tar into an empty folder. Entries and links that lead out of it are refused.
pub(crate) fn tar(archive: impl Read, folder: &Path) -> io::Result<()> {
    let mut archive = Archive::new(archive);
    archive.set_preserve_mtime(false);
    archive.set_overwrite(false);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let refuse = |why: &str| {
            let text = format!("the snapshot's entry {} {why}", path.display());
            Err(io::Error::new(io::ErrorKind::InvalidData, text))
        };
        if depth(Path::new(""), &path).is_none() {
            return refuse("leads out of its folder");
        }
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Directory => {}
            EntryType::Symlink => {
                let target = entry.link_name()?.unwrap_or_default();
                let from = path.parent().unwrap_or(Path::new(""));
                if depth(from, &target).is_none() {
                    return refuse("is a link that leads out of its folder");
                }
            }
            EntryType::XGlobalHeader => continue,
            _ => return refuse("is neither file, folder nor link"),
        }
        if !entry.unpack_in(folder)? {
            return refuse("leads out of its folder");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpack_one(name: &str, kind: EntryType, target: &str) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_mode(0o644);
        // Written by hand: the crate refuses to make such archives.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_cksum();
        let mut archive = header.as_bytes().to_vec();
        archive.extend([0; 1024]);
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("inside");
        std::fs::create_dir(&inside).unwrap();
        let done = tar(&archive[..], &inside);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        done
    }

    #[test]
    fn nothing_in_a_snapshot_reaches_out_of_its_folder() {
        unpack_one("data/a.csv", EntryType::Regular, "").unwrap();
        unpack_one("data/b.csv", EntryType::Symlink, "../a.csv").unwrap();
        for (name, kind, target) in [
            ("../a", EntryType::Regular, ""),
            ("/tmp/a", EntryType::Regular, ""),
            ("a/../../b", EntryType::Regular, ""),
            ("a", EntryType::Symlink, "/etc/passwd"),
            ("data/a", EntryType::Symlink, "../../outside"),
            ("a", EntryType::Link, "b"),
            ("a", EntryType::Fifo, ""),
        ] {
            let error = unpack_one(name, kind, target).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{name}: {error}");
        }
    }
}
