//! A git repository in memory, with the ids that git itself would give: blobs, trees, commits, tags. What is not in it is
//! what a code host does not know.

use std::collections::BTreeMap;

use sha1dc::Hasher;

mod zip;

pub use zip::zip;

/// What a commit has at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum File {
    Text(Vec<u8>),
    Program(Vec<u8>),
    /// Where it leads.
    Link(String),
    /// A commit of another repository.
    Submodule(String),
}

/// An entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub mode: &'static str,
    pub id: String,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    pub tree: String,
    pub parents: Vec<String>,
    /// All files, by path.
    pub files: BTreeMap<String, Entry>,
}

/// A tag: the object that it is, where it is one of its own, and what it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    pub object: Option<String>,
    pub commit: String,
}

/// A repository.
#[derive(Debug, Default)]
pub struct Repository {
    pub blobs: BTreeMap<String, Vec<u8>>,
    /// Entries of one folder, by name.
    pub trees: BTreeMap<String, BTreeMap<String, Entry>>,
    pub commits: BTreeMap<String, Commit>,
    pub branches: BTreeMap<String, String>,
    pub tags: BTreeMap<String, Tag>,
}

/// What git calls an object by.
#[must_use]
pub fn id_of(kind: &str, content: &[u8]) -> String {
    let mut hasher = Hasher::new();
    hasher.update(format!("{kind} {}\0", content.len()).as_bytes());
    hasher.update(content);
    hasher.finalize().unwrap().to_string()
}

impl Entry {
    /// `blob`, `tree` or `commit`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.mode {
            "40000" => "tree",
            "160000" => "commit",
            _ => "blob",
        }
    }
}

/// A path, and what is there before and after.
pub type Difference = (String, Option<Entry>, Option<Entry>);

impl Repository {
    /// Makes a commit of exactly these texts on top of a branch, and moves the branch to it. The same history gives the
    /// same commits.
    pub fn commit(&mut self, branch: &str, files: &[(&str, &str)]) -> String {
        self.commit_files(branch, files.iter().map(|(path, text)| (*path, File::Text(text.as_bytes().to_vec()))))
    }

    /// Makes a commit of anything.
    pub fn commit_files<'a>(&mut self, branch: &str, files: impl IntoIterator<Item = (&'a str, File)>) -> String {
        let parents: Vec<_> = self.branches.get(branch).cloned().into_iter().collect();
        let commit = self.write(files, parents);
        let who = "A U Thor <author@contoso.example> 1767225600 +0000";
        let parents: String = commit.parents.iter().map(|parent| format!("parent {parent}\n")).collect();
        let text = format!("tree {}\n{parents}author {who}\ncommitter {who}\n\nA change\n", commit.tree);
        let id = id_of("commit", text.as_bytes());
        self.commits.insert(id.clone(), commit);
        self.branches.insert(branch.to_owned(), id.clone());
        id
    }

    /// A commit of these texts under a name that a test likes, on no branch.
    pub fn name(&mut self, id: &str, files: &[(&str, &str)]) {
        let files = files.iter().map(|(path, text)| (*path, File::Text(text.as_bytes().to_vec())));
        let commit = self.write(files, Vec::new());
        self.commits.insert(id.to_owned(), commit);
    }

    /// Sets a tag that is only a name.
    pub fn tag(&mut self, name: &str, commit: &str) {
        self.tags.insert(name.to_owned(), Tag { object: None, commit: commit.to_owned() });
    }

    /// Sets a tag with an object of its own; answers that.
    pub fn annotate(&mut self, name: &str, commit: &str) -> String {
        let text = format!("object {commit}\ntype commit\ntag {name}\n\nA release\n");
        let object = id_of("tag", text.as_bytes());
        self.tags.insert(name.to_owned(), Tag { object: Some(object.clone()), commit: commit.to_owned() });
        object
    }

    /// Drops a commit, as a forced push does.
    pub fn forget(&mut self, commit: &str) {
        self.commits.remove(commit);
    }

    /// The entries of a tree, by path: one folder's, or all below it.
    #[must_use]
    pub fn list(&self, tree: &str, is_whole: bool) -> Option<Vec<(String, Entry)>> {
        let mut listed = Vec::new();
        for (name, entry) in self.trees.get(tree)? {
            listed.push((name.clone(), entry.clone()));
            if is_whole && entry.mode == "40000" {
                let below = self.list(&entry.id, true)?.into_iter();
                listed.extend(below.map(|(path, entry)| (format!("{name}/{path}"), entry)));
            }
        }
        Some(listed)
    }

    /// The entry at a path of a commit; the folder at none.
    #[must_use]
    pub fn at(&self, commit: &str, path: &str) -> Option<Entry> {
        let root = Entry { mode: "40000", id: self.commits.get(commit)?.tree.clone() };
        path.split('/').filter(|name| !name.is_empty()).try_fold(root, |folder, name| {
            let entries = self.trees.get(&folder.id)?;
            entries.get(name).cloned()
        })
    }

    /// Paths that differ, with what is there before and after.
    #[must_use]
    pub fn difference(&self, from: &str, to: &str) -> Option<Vec<Difference>> {
        let (old, new) = (&self.commits.get(from)?.files, &self.commits.get(to)?.files);
        let mut paths: Vec<_> = old.keys().chain(new.keys()).filter(|path| old.get(*path) != new.get(*path)).collect();
        paths.sort();
        paths.dedup();
        let both = |path: &String| (path.clone(), old.get(path).cloned(), new.get(path).cloned());
        Some(paths.into_iter().map(both).collect())
    }

    /// A commit's files with their contents, as an archive has them: a link is a small file, a submodule is nothing.
    #[must_use]
    pub fn contents(&self, tree: &str) -> Option<Vec<(String, Vec<u8>)>> {
        let files = self.list(tree, true)?.into_iter().filter(|(_, entry)| entry.kind() == "blob");
        Some(files.map(|(path, entry)| (path, self.blobs[&entry.id].clone())).collect())
    }

    fn write<'a>(&mut self, files: impl IntoIterator<Item = (&'a str, File)>, parents: Vec<String>) -> Commit {
        let mut entries = BTreeMap::new();
        for (path, file) in files {
            let (mode, content) = match file {
                File::Text(content) => ("100644", content),
                File::Program(content) => ("100755", content),
                File::Link(target) => ("120000", target.into_bytes()),
                File::Submodule(id) => {
                    entries.insert(path.to_owned(), Entry { mode: "160000", id });
                    continue;
                }
            };
            let id = id_of("blob", &content);
            self.blobs.insert(id.clone(), content);
            entries.insert(path.to_owned(), Entry { mode, id });
        }
        let tree = self.write_tree(&entries);
        Commit { tree, parents, files: entries }
    }

    fn write_tree(&mut self, files: &BTreeMap<String, Entry>) -> String {
        let mut folders: BTreeMap<String, BTreeMap<String, Entry>> = BTreeMap::new();
        let mut entries = BTreeMap::new();
        for (path, entry) in files {
            match path.split_once('/') {
                Some((folder, rest)) => {
                    folders.entry(folder.to_owned()).or_default().insert(rest.to_owned(), entry.clone());
                }
                None => drop(entries.insert(path.clone(), entry.clone())),
            }
        }
        for (name, files) in folders {
            let id = self.write_tree(&files);
            entries.insert(name, Entry { mode: "40000", id });
        }
        // Git sorts a folder as if its name ended in a slash.
        let mut sorted: Vec<_> = entries.iter().collect();
        sorted.sort_by_key(|(name, entry)| if entry.mode == "40000" { format!("{name}/") } else { (*name).clone() });
        let mut content = Vec::new();
        for (name, entry) in sorted {
            content.extend_from_slice(format!("{} {name}\0", entry.mode).as_bytes());
            content.extend((0..40).step_by(2).map(|at| u8::from_str_radix(&entry.id[at..at + 2], 16).unwrap()));
        }
        let id = id_of("tree", &content);
        self.trees.insert(id.clone(), entries);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `git write-tree` and `git hash-object` say of the same files.
    #[test]
    fn objects_have_the_ids_that_git_gives_them() {
        let mut repository = Repository::default();
        let files = [("a.txt", "hello\n"), ("a/b.txt", ""), ("a0", "hello\n")];
        let commit = repository.commit("main", &files);
        let tree = &repository.commits[&commit].tree;
        assert_eq!(id_of("tree", b""), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
        assert_eq!(tree, "66d3d6355982d757233a38fe85d03c4d4d9a2afc");
        let paths: Vec<_> = repository.list(tree, true).unwrap().into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["a", "a/b.txt", "a.txt", "a0"]);
    }
}
