//! What [`Source`] promises.

use jiff::Timestamp;
use pipeline::names::{Branch, CommitId, Digest, Project, RunId};

use crate::ports::{
    Artifacts, BuildLookup, Comment, CommitStatus, PortError, Revision, Source, StatusState, TestReport,
};
use crate::reports::{Coverage, Covered, TestCase, TestOutcome};

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
    a_build_that_nobody_made_is_not_found(example).await;
    a_status_may_be_told_twice(example).await;
    a_comment_may_be_left_twice_and_the_newest_run_has_the_last_word(example).await;
    a_report_of_tests_may_be_published_twice(example).await;
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

/// And that is no error: whoever sent an event about it is told.
pub async fn a_build_that_nobody_made_is_not_found(example: &Example<'_>) {
    let Example { source, project, .. } = example;
    let found = source.build(project, 2_000_000_011).await.unwrap();
    assert!(matches!(found, BuildLookup::Absent | BuildLookup::NotKept), "{found:?}");
}

/// And a later one with the same name takes its place.
pub async fn a_status_may_be_told_twice(example: &Example<'_>) {
    let Example { source, project, commit, .. } = example;
    let commit = commit(&[("a.txt", &fresh("status"))]);
    for state in [StatusState::Pending, StatusState::Pending, StatusState::Succeeded] {
        let status = CommitStatus {
            context: "trainyard/check".into(),
            state,
            description: "Lint and tests".into(),
            run: run(1),
            pull_request: None,
        };
        source.set_status(project, &commit, &status).await.unwrap();
    }
}

/// A run that comes to its end late does not hide what a newer one says.
pub async fn a_comment_may_be_left_twice_and_the_newest_run_has_the_last_word(example: &Example<'_>) {
    let Example { source, project, .. } = example;
    for (second, text) in [(1, "first"), (1, "first"), (2, "second"), (1, "first, late")] {
        let comment = Comment { run: run(second), markdown: text.into() };
        source.comment(project, 12, &comment).await.unwrap();
    }
}

/// And it may be empty.
pub async fn a_report_of_tests_may_be_published_twice(example: &Example<'_>) {
    let Example { source, project, branch, commit, .. } = example;
    let commit = commit(&[("a.txt", &fresh("tests"))]);
    let case = TestCase {
        name: "test_score_shape".into(),
        suite: "tests.unit.test_score".into(),
        outcome: TestOutcome::Failed,
        duration_ms: Some(31.5),
        message: Some("AssertionError: (9,) != (10,)".into()),
        detail: None,
    };
    let coverage = Coverage { lines: Covered { covered: 1622, total: 1840 }, branches: None };
    let (cases, branch) = (vec![case], Some(branch.clone()));
    let full = TestReport { name: "check".into(), run: run(1), branch, build: None, cases, coverage: Some(coverage) };
    let empty = TestReport { cases: Vec::new(), coverage: None, branch: None, run: run(2), ..full.clone() };
    for report in [&full, &full, &empty] {
        source.publish_tests(project, &commit, report).await.unwrap();
    }
}

/// A run of that second; ids sort newest first.
fn run(second: i64) -> RunId {
    RunId::newest(Timestamp::from_second(second).unwrap(), "conformance")
}
