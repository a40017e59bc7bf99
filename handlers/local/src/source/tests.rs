//! Repositories that are made, read and compared with what the git program says, where there is one.

use std::fs;
use std::process::Command;

use jiff::Timestamp;
use pipeline::names::{Branch, RunId};
use runner::conformance::source::{Example, all};
use runner::ports::StatusState;
use tempfile::TempDir;

use super::*;
use crate::home::Home;
use crate::jobs::unpack;

struct Bench {
    folder: TempDir,
    home: Home,
    source: LocalSource,
    project: Project,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path().join("home")).unwrap();
        let source = LocalSource::new(Arc::new(home.store()), Arc::new(home.artifacts()));
        fs::create_dir(folder.path().join("repository")).unwrap();
        Self { folder, home, source, project: "diabetes".parse().unwrap() }
    }

    fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.repository().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    async fn init(&self) -> CommitId {
        let commit = init_repository(&self.repository(), "First").unwrap();
        self.source.register(&self.project, &self.repository()).await.unwrap();
        commit
    }

    async fn main(&self) -> Result<CommitId> {
        let main = Revision::Branch("main".parse().unwrap());
        self.source.resolve(&self.project, &main).await
    }

    /// None where there is no git program.
    fn git(&self, arguments: &[&str]) -> Option<String> {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=a", "-c", "user.email=a@localhost", "-C"]);
        let output = git.arg(self.repository()).args(arguments).output().ok()?;
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }
}

#[tokio::test]
async fn local_repositories_keep_the_promises_of_sources() {
    let bench = Bench::new();
    bench.write("a.txt", "first");
    bench.init().await;
    let commit = |files: &[(&str, &str)]| {
        for entry in fs::read_dir(bench.repository()).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true if path.ends_with(".git") => {}
                true => fs::remove_dir_all(path).unwrap(),
                false => fs::remove_file(path).unwrap(),
            }
        }
        for (path, text) in files {
            bench.write(path, text);
        }
        commit_all(&bench.repository(), "A change").unwrap()
    };
    all(&Example {
        source: &bench.source,
        artifacts: &bench.home.artifacts(),
        project: bench.project.clone(),
        branch: "main".parse().unwrap(),
        commit: &commit,
    })
    .await;
}

#[tokio::test]
async fn git_agrees_with_a_repository_that_was_made_without_it() {
    let bench = Bench::new();
    // Git sorts a folder as if its name ended in a slash: after `a.txt`, before `a0`.
    for path in ["a/b.py", "a.txt", "a0", "deep/er/file", ".gitignore", "ignored.log"] {
        bench.write(path, path);
    }
    bench.write(".gitignore", "*.log\n");
    fs::create_dir(bench.repository().join("empty")).unwrap();
    std::os::unix::fs::symlink("../a.txt", bench.repository().join("a/link")).unwrap();
    let commit = bench.init().await;

    let Some(head) = bench.git(&["rev-parse", "main"]) else { return };
    assert_eq!(head, commit.to_string());
    bench.git(&["fsck", "--strict"]);
    assert_eq!(bench.git(&["status", "--porcelain"]).unwrap(), "");
    let files = bench.git(&["ls-files"]).unwrap();
    assert_eq!(files, ".gitignore\na.txt\na/b.py\na/link\na0\ndeep/er/file\nignored.log");
    assert_eq!(commit_all(&bench.repository(), "Nothing new").unwrap(), commit);
}

#[tokio::test]
async fn what_git_commits_is_read_packed_and_bare_too() {
    let bench = Bench::new();
    bench.write("a.txt", "1");
    let first = bench.init().await;
    bench.write("data/b.csv", "2");
    let Some(_) = bench.git(&["add", "."]) else { return };
    bench.git(&["commit", "-qm", "Second"]);
    bench.git(&["branch", "release/1.0"]);
    bench.git(&["gc", "-q"]);
    let second = bench.main().await.unwrap();
    assert_eq!(bench.git(&["rev-parse", "HEAD"]).unwrap(), second.to_string());
    let snapshot = bench.source.snapshot(&bench.project, &second).await.unwrap();

    bench.git(&["clone", "-q", "--bare", ".", "../bare"]);
    bench.source.register(&bench.project, &bench.folder.path().join("bare")).await.unwrap();

    assert_eq!(bench.main().await.unwrap(), second);
    assert_eq!(bench.source.snapshot(&bench.project, &second).await.unwrap(), snapshot);
    let changed = bench.source.changed(&bench.project, Some(&first), &second).await.unwrap();
    assert_eq!(changed, ["data/b.csv"]);
}

#[tokio::test]
async fn a_snapshot_is_what_was_committed_with_its_modes_and_links() {
    let bench = Bench::new();
    bench.write("run.sh", "#!/bin/sh\n");
    let program = bench.repository().join("run.sh");
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    bench.write("data/a.csv", "1");
    let long = format!("{}/file", "folder".repeat(30));
    bench.write(&long, "2");
    std::os::unix::fs::symlink("../run.sh", bench.repository().join("data/link")).unwrap();
    let commit = bench.init().await;
    bench.write("data/a.csv", "not committed");

    let digest = bench.source.snapshot(&bench.project, &commit).await.unwrap();

    let tar = bench.home.artifacts().get(&digest).await.unwrap();
    let unpacked = bench.folder.path().join("unpacked");
    fs::create_dir(&unpacked).unwrap();
    unpack::tar(&tar[..], &unpacked).unwrap();
    assert_eq!(fs::read_to_string(unpacked.join("data/a.csv")).unwrap(), "1");
    assert_eq!(fs::read_to_string(unpacked.join("data/link")).unwrap(), "#!/bin/sh\n");
    assert_eq!(fs::read_to_string(unpacked.join(long)).unwrap(), "2");
    for header in tar::Archive::new(&tar[..]).entries().unwrap().map(|entry| entry.unwrap().header().clone()) {
        assert_eq!((header.mtime().unwrap(), header.uid().unwrap()), (0, 0));
    }
    let mode = fs::metadata(unpacked.join("run.sh")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777, 0o755);
}

/// The code hosts' tests want the same of the same files.
#[tokio::test]
async fn a_snapshot_has_the_digest_that_every_source_gives_it() {
    let bench = Bench::new();
    for (path, text) in [("a.txt", "1"), ("b/c.txt", "2"), ("b/d.txt", "3")] {
        bench.write(path, text);
    }
    let commit = bench.init().await;
    let digest = bench.source.snapshot(&bench.project, &commit).await.unwrap();
    assert_eq!(digest.as_str(), "sha256:80656947800723b54afc5dc9c2492bc62f909250e10e4db48c46438967c9d21a");
}

#[tokio::test]
async fn a_link_out_of_the_repository_and_a_submodule_are_refused() {
    let bench = Bench::new();
    bench.write("a.txt", "1");
    std::os::unix::fs::symlink("/etc/passwd", bench.repository().join("secrets")).unwrap();
    let commit = bench.init().await;
    let error = bench.source.snapshot(&bench.project, &commit).await.unwrap_err();
    assert!(error.to_string().contains("secrets is a link to /etc/passwd"), "{error}");

    fs::remove_file(bench.repository().join("secrets")).unwrap();
    let commit = commit_all(&bench.repository(), "Without the link").unwrap();
    bench.source.snapshot(&bench.project, &commit).await.unwrap();
    let module = format!("160000,{commit},vendor/other");
    let Some(_) = bench.git(&["update-index", "--add", "--cacheinfo", &module]) else { return };
    bench.git(&["commit", "-qm", "With a submodule"]);
    let commit = bench.main().await.unwrap();
    let error = bench.source.snapshot(&bench.project, &commit).await.unwrap_err();
    assert!(error.to_string().contains("vendor/other is a submodule"), "{error}");
}

#[tokio::test]
async fn what_is_missing_is_said_with_what_there_is() {
    let bench = Bench::new();
    let error = bench.main().await.unwrap_err();
    assert!(error.to_string().contains("no project diabetes"), "{error}");
    for path in [bench.repository(), bench.folder.path().join("nowhere")] {
        let error = bench.source.register(&bench.project, &path).await.unwrap_err();
        assert!(error.to_string().contains("not a git repository"), "{error}");
    }
    bench.write("a.txt", "1");
    bench.init().await;
    let develop: Branch = "develop".parse().unwrap();
    let error = bench.source.resolve(&bench.project, &Revision::Branch(develop)).await.unwrap_err();
    assert!(error.to_string().contains("no branch develop; it has main"), "{error}");
    let error = init_repository(&bench.repository(), "Again").unwrap_err();
    assert!(error.to_string().contains("repository"), "{error}");
}

#[tokio::test]
async fn the_last_status_of_a_commit_counts() {
    let bench = Bench::new();
    bench.write("a.txt", "1");
    let commit = bench.init().await;
    for (context, state) in [
        ("trainyard/check", StatusState::Pending),
        ("trainyard/check", StatusState::Failed),
        ("trainyard/train", StatusState::Pending),
    ] {
        let status = CommitStatus {
            context: context.into(),
            state,
            description: "A sentence".into(),
            run: "r1".parse().unwrap(),
            pull_request: None,
        };
        bench.source.set_status(&bench.project, &commit, &status).await.unwrap();
    }

    let statuses = bench.source.statuses(&bench.project, &commit).await.unwrap();

    let told: Vec<_> = statuses.iter().map(|status| (status.context.as_str(), status.state)).collect();
    assert_eq!(told, [("trainyard/check", StatusState::Failed), ("trainyard/train", StatusState::Pending)]);
}

#[tokio::test]
async fn a_pull_request_has_one_comment_and_a_run_its_report() {
    let bench = Bench::new();
    let commit = "a".repeat(40).parse().unwrap();
    let run = |second| RunId::newest(Timestamp::from_second(second).unwrap(), "run");
    let comment = |second, text: &str| Comment { run: run(second), markdown: text.into() };
    for told in [comment(1, "first"), comment(2, "second"), comment(1, "first, late"), comment(2, "second, again")] {
        bench.source.comment(&bench.project, 12, &told).await.unwrap();
    }
    let report = |second| TestReport {
        name: "check".into(),
        run: run(second),
        branch: None,
        build: None,
        cases: Vec::new(),
        coverage: None,
    };
    for told in [report(1), report(1), report(2)] {
        bench.source.publish_tests(&bench.project, &commit, &told).await.unwrap();
    }

    assert_eq!(bench.source.comment_on(&bench.project, 12).await.unwrap(), Some(comment(2, "second, again")));
    assert_eq!(bench.source.comment_on(&bench.project, 13).await.unwrap(), None);
    assert_eq!(bench.source.reports(&bench.project, &commit).await.unwrap(), [report(2), report(1)]);
}
