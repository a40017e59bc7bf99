//! What git calls things by: the digest of what they are. So no host and nobody on the way can give us something else
//! than the commit holds, or less.

use std::collections::BTreeMap;

use sha1dc::Hasher;

use super::Entry;

/// The mode of a folder.
pub(super) const FOLDER: u32 = 0o040_000;

/// The id of a content in a repository; None: somebody made it to look like another one.
pub(super) fn blob_id(content: &[u8]) -> Option<String> {
    id_of("blob", content)
}

/// The id of a tree that has these entries and no others below it. Folders are among them, too: one may be empty.
pub(super) fn tree_id(entries: &[Entry]) -> Option<String> {
    let mut folders: BTreeMap<&str, Vec<(&str, &Entry)>> = BTreeMap::from([("", Vec::new())]);
    for entry in entries {
        let (folder, name) = entry.path.rsplit_once('/').unwrap_or(("", &entry.path));
        folders.entry(folder).or_default().push((name, entry));
        if entry.mode == FOLDER {
            folders.entry(&entry.path).or_default();
        }
    }
    let mut ids: BTreeMap<&str, String> = BTreeMap::new();
    // What is below a folder sorts after it.
    while let Some((folder, mut entries)) = folders.pop_last() {
        // Git sorts a folder as if its name ended in a slash.
        entries.sort_by_cached_key(|(name, entry)| match entry.mode {
            FOLDER => format!("{name}/"),
            _ => (*name).to_owned(),
        });
        let mut content = Vec::new();
        for (name, entry) in entries {
            let id = if entry.mode == FOLDER { ids.get(entry.path.as_str())? } else { &entry.id };
            content.extend_from_slice(format!("{:o} {name}\0", entry.mode).as_bytes());
            for at in (0..id.len()).step_by(2) {
                content.push(u8::from_str_radix(id.get(at..at + 2)?, 16).ok()?);
            }
        }
        ids.insert(folder, id_of("tree", &content)?);
    }
    ids.remove("")
}

fn id_of(kind: &str, content: &[u8]) -> Option<String> {
    let mut hasher = Hasher::new();
    hasher.update(format!("{kind} {}\0", content.len()).as_bytes());
    hasher.update(content);
    hasher.finalize().ok().map(|digest| digest.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `git hash-object` and `git write-tree` say.
    #[test]
    fn things_have_the_ids_that_git_gives_them() {
        let hello = "ce013625030ba8dba906f756967f9e9ca394464a";
        assert_eq!(blob_id(b"").unwrap(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert_eq!(blob_id(b"hello\n").unwrap(), hello);
        let entry = |path: &str, mode: &str, id: &str| Entry::new(path.into(), mode, id.into(), None);
        let entries = [
            entry("a", "40000", "0"),
            entry("a.txt", "100644", hello),
            entry("a/b.txt", "100644", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
            entry("a0", "100644", hello),
        ];
        assert_eq!(tree_id(&entries).unwrap(), "66d3d6355982d757233a38fe85d03c4d4d9a2afc");
        assert_ne!(tree_id(&entries[..3]), tree_id(&entries), "less is something else");
        assert_eq!(tree_id(&entries[1..]), tree_id(&entries[1..]));
        assert_eq!(tree_id(&[]).unwrap(), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
        assert_eq!(tree_id(&[entry("a", "100644", "no id")]), None);
    }
}
