//! What [`Source`] promises.

use pipeline::names::{Branch, CommitId, Digest, Project};

use crate::ports::{Artifacts, CommitStatus, PortError, Revision, Source, StatusState};

use super::fresh;

/// Makes a commit of these paths and contents.
pub type Commit<'a> = &'a (dyn Fn(&[(&str, &str)]) -> CommitId + Send + Sync);

/// A project whose repository the promises may add commits to.
#[expect(missing_debug_implementations, reason = "it lends a function")]
pub struct Example<'a> {
    /// The backend.
    pub source: &'a dyn Source,
    /// Where it keeps snapshots.
    pub artifacts: &'a dyn Artifacts,
    /// A project that it knows.
    pub project: Project,
    /// A branch of that project, which `commit` moves.
    pub branch: Branch,
    /// Makes a commit of exactly these files, on top of what there is.
    pub commit: Commit<'a>,
}

/// All promises of sources, one after the other.
pub async fn all(example: &Example<'_>) {
    a_branch_means_its_newest_commit(example).await;
    what_the_repository_does_not_have_is_an_error_that_names_it(example).await;
    a_file_is_read_as_it_was_in_its_commit(example).await;
    a_commit_always_has_the_same_snapshot(example).await;
    changed_paths_are_those_that_differ(example).await;
    a_status_may_be_told_twice(example).await;
}

/// A commit that was replaced stays what it was.
pub async fn a_branch_means_its_newest_commit(example: &Example<'_>) {
    let Example { source, project, branch, commit, .. } = example;
    let first = commit(&[("a.txt", &fresh("first"))]);
    let branch = Revision::Branch(branch.clone());
    assert_eq!(source.resolve(project, &branch).await.unwrap(), first);

    let second = commit(&[("a.txt", &fresh("second"))]);

    assert_ne!(first, second);
    assert_eq!(source.resolve(project, &branch).await.unwrap(), second);
    let named = Revision::Commit(first.clone());
    assert_eq!(source.resolve(project, &named).await.unwrap(), first);
}

/// Trying again does not help, and people need to know what is missing.
pub async fn what_the_repository_does_not_have_is_an_error_that_names_it(example: &Example<'_>) {
    let Example { source, project, .. } = example;
    let branch: Branch = fresh("no-such-branch").parse().unwrap();
    let absent: CommitId = Digest::of(fresh("absent").as_bytes()).hex()[..40].parse().unwrap();

    let no_branch = source.resolve(project, &Revision::Branch(branch.clone())).await.unwrap_err();
    let no_commit = source.resolve(project, &Revision::Commit(absent.clone())).await.unwrap_err();
    let no_snapshot = source.snapshot(project, &absent).await.unwrap_err();

    for (error, name) in [(no_branch, branch.as_str()), (no_commit, absent.as_str()), (no_snapshot, absent.as_str())] {
        assert!(matches!(error, PortError::Permanent { .. }), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

/// Later commits do not matter, and what is not there is no error.
pub async fn a_file_is_read_as_it_was_in_its_commit(example: &Example<'_>) {
    let Example { source, project, commit, .. } = example;
    let before = commit(&[("data/a.csv", "1"), ("b.txt", "2")]);
    let after = commit(&[("data/a.csv", "3")]);

    let read = async |commit, path| source.read(project, commit, path).await.unwrap();

    assert_eq!(read(&before, "data/a.csv").await.as_deref(), Some(&b"1"[..]));
    assert_eq!(read(&after, "data/a.csv").await.as_deref(), Some(&b"3"[..]));
    for absent in ["b.txt", "data", "data/b.csv", "data/a.csv/c"] {
        assert_eq!(read(&after, absent).await, None, "{absent}");
    }
}

/// The digest says what is in it, and it can be got.
pub async fn a_commit_always_has_the_same_snapshot(example: &Example<'_>) {
    let Example { source, artifacts, project, commit, .. } = example;
    let one = commit(&[("training/train.py", "print(1)"), ("data/a.csv", &fresh("1"))]);
    let first = source.snapshot(project, &one).await.unwrap();
    let other = commit(&[("training/train.py", "print(2)")]);

    assert_eq!(source.snapshot(project, &one).await.unwrap(), first);
    assert_ne!(source.snapshot(project, &other).await.unwrap(), first);
    let tar = artifacts.get(&first).await.unwrap();
    assert!(tar.windows(8).any(|bytes| bytes == b"print(1)"), "the snapshot holds the files");
}

/// Added, changed and removed ones, sorted; all of them when there is nothing to compare with.
pub async fn changed_paths_are_those_that_differ(example: &Example<'_>) {
    let Example { source, project, commit, .. } = example;
    let from = commit(&[("a.txt", "1"), ("b/c.txt", "2"), ("b/d.txt", "3")]);
    let to = commit(&[("a.txt", "1"), ("b/c.txt", "20"), ("e.txt", "4")]);
    let forgotten: CommitId = Digest::of(fresh("forgotten").as_bytes()).hex()[..40].parse().unwrap();

    let changed = async |from, to| source.changed(project, from, to).await.unwrap();

    assert_eq!(changed(Some(&from), &to).await, ["b/c.txt", "b/d.txt", "e.txt"]);
    assert_eq!(changed(Some(&to), &to).await, Vec::<String>::new());
    for nothing in [None, Some(&forgotten)] {
        assert_eq!(changed(nothing, &to).await, ["a.txt", "b/c.txt", "e.txt"]);
    }
}

/// And a later one with the same name takes its place.
pub async fn a_status_may_be_told_twice(example: &Example<'_>) {
    let Example { source, project, commit, .. } = example;
    let commit = commit(&[("a.txt", &fresh("status"))]);
    for state in [StatusState::Pending, StatusState::Pending, StatusState::Succeeded] {
        let status = CommitStatus { context: "trainyard/check".into(), state, description: "Lint and tests".into() };
        source.set_status(project, &commit, &status).await.unwrap();
    }
}
