//! Model repositories in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use pipeline::names::{Branch, CommitId, Digest, Project, RunId};

use super::artifacts::MemoryArtifacts;
use super::world::World;
use super::{BACKEND, absent, lock, named};
use crate::ports::{Build, BuildLookup, Comment, CommitStatus, PortError, Result, Revision, Source, TestReport};
use crate::snapshot::{Kind, Snapshot};

type Files = BTreeMap<String, Vec<u8>>;

/// Commits that a test made.
pub struct MemorySource {
    world: World,
    artifacts: Arc<MemoryArtifacts>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    branches: BTreeMap<(Project, Branch), CommitId>,
    tags: BTreeMap<(Project, String), CommitId>,
    commits: BTreeMap<(Project, CommitId), Files>,
    builds: BTreeMap<(Project, u64), Build>,
    statuses: BTreeMap<(Project, CommitId), BTreeMap<String, CommitStatus>>,
    comments: BTreeMap<(Project, u64), Comment>,
    reports: BTreeMap<(Project, CommitId), BTreeMap<(RunId, String), TestReport>>,
}

named!(MemorySource, "model repositories in memory");

impl MemorySource {
    pub(super) fn new(world: World, artifacts: Arc<MemoryArtifacts>) -> Self {
        Self { world, artifacts, state: Mutex::default() }
    }

    /// Makes a commit of these files and moves the branch to it. The same history gives the same commits.
    pub fn commit<P, B>(&self, project: &Project, branch: &Branch, files: impl IntoIterator<Item = (P, B)>) -> CommitId
    where
        P: Into<String>,
        B: Into<Vec<u8>>,
    {
        let files: Files = files.into_iter().map(|(path, bytes)| (path.into(), bytes.into())).collect();
        let mut state = lock(&self.state);
        let head = (project.clone(), branch.clone());
        let parent = state.branches.get(&head);
        let story = format!("{project} {parent:?} {:?}", digests(&files));
        let commit: CommitId =
            Digest::of(story.as_bytes()).hex()[..40].parse().expect("40 hexadecimal digits are a commit");
        state.branches.insert(head, commit.clone());
        state.commits.insert((project.clone(), commit.clone()), files);
        commit
    }

    /// Sets a tag.
    pub fn tag(&self, project: &Project, tag: &str, commit: &CommitId) {
        lock(&self.state).tags.insert((project.clone(), tag.to_owned()), commit.clone());
    }

    /// Sets what is known of a build.
    pub fn set_build(&self, project: &Project, number: u64, build: Build) {
        lock(&self.state).builds.insert((project.clone(), number), build);
    }

    /// Drops a commit, as a forced push does.
    pub fn forget(&self, project: &Project, commit: &CommitId) {
        let key = (project.clone(), commit.clone());
        lock(&self.state).commits.remove(&key);
    }

    /// What people see on a commit, by context.
    #[must_use]
    pub fn statuses(&self, project: &Project, commit: &CommitId) -> BTreeMap<String, CommitStatus> {
        let key = (project.clone(), commit.clone());
        let state = lock(&self.state);
        state.statuses.get(&key).cloned().unwrap_or_default()
    }

    /// What people see on a pull request.
    #[must_use]
    pub fn comment_on(&self, project: &Project, pull_request: u64) -> Option<Comment> {
        let key = (project.clone(), pull_request);
        lock(&self.state).comments.get(&key).cloned()
    }

    /// What was published of a commit's tests, newest run first.
    #[must_use]
    pub fn reports(&self, project: &Project, commit: &CommitId) -> Vec<TestReport> {
        let key = (project.clone(), commit.clone());
        let state = lock(&self.state);
        state.reports.get(&key).map(|reports| reports.values().cloned().collect()).unwrap_or_default()
    }

    fn files(&self, project: &Project, commit: &CommitId) -> Result<Files> {
        let key = (project.clone(), commit.clone());
        let state = lock(&self.state);
        let files = state.commits.get(&key).cloned();
        files.ok_or_else(|| absent(format_args!("commit {commit} in {project}")))
    }
}

fn digests(files: &Files) -> BTreeMap<&str, Digest> {
    let digests = files.iter();
    digests.map(|(path, bytes)| (path.as_str(), Digest::of(bytes))).collect()
}

#[async_trait]
impl Source for MemorySource {
    async fn resolve(&self, project: &Project, revision: &Revision) -> Result<CommitId> {
        let faults = &self.world.faults;
        faults.around("source.resolve", project.as_str(), || match revision {
            Revision::Commit(commit) => self.files(project, commit).map(|_| commit.clone()),
            Revision::Branch(branch) => {
                let key = (project.clone(), branch.clone());
                let head = lock(&self.state).branches.get(&key).cloned();
                head.ok_or_else(|| absent(format_args!("branch {branch} in {project}")))
            }
            Revision::Tag(tag) => {
                let key = (project.clone(), tag.clone());
                let commit = lock(&self.state).tags.get(&key).cloned();
                commit.ok_or_else(|| absent(format_args!("tag {tag} in {project}")))
            }
        })
    }

    async fn read(&self, project: &Project, commit: &CommitId, path: &str) -> Result<Option<Vec<u8>>> {
        let faults = &self.world.faults;
        faults.around("source.read", path, || Ok(self.files(project, commit)?.remove(path)))
    }

    async fn snapshot(&self, project: &Project, commit: &CommitId) -> Result<Digest> {
        let faults = &self.world.faults;
        faults.around("source.snapshot", commit.as_str(), || {
            let mut snapshot = Snapshot::new();
            for (path, bytes) in self.files(project, commit)? {
                let added = snapshot.add(path.as_bytes(), Kind::File, &bytes);
                added.map_err(|error| PortError::permanent(BACKEND, error))?;
            }
            let tar = snapshot.finish().map_err(|error| PortError::permanent(BACKEND, error))?;
            Ok(self.artifacts.keep(tar))
        })
    }

    async fn changed(&self, project: &Project, from: Option<&CommitId>, to: &CommitId) -> Result<Vec<String>> {
        let faults = &self.world.faults;
        faults.around("source.changed", to.as_str(), || {
            let old = from.and_then(|from| self.files(project, from).ok());
            let old = old.unwrap_or_default();
            let new = self.files(project, to)?;
            let mut paths: Vec<String> = old.keys().chain(new.keys()).cloned().collect();
            paths.sort();
            paths.dedup();
            paths.retain(|path| old.get(path) != new.get(path));
            Ok(paths)
        })
    }

    async fn build(&self, project: &Project, number: u64) -> Result<BuildLookup> {
        let faults = &self.world.faults;
        faults.around("source.build", &number.to_string(), || {
            let build = lock(&self.state).builds.get(&(project.clone(), number)).cloned();
            Ok(build.map_or(BuildLookup::Absent, BuildLookup::Found))
        })
    }

    async fn set_status(&self, project: &Project, commit: &CommitId, status: &CommitStatus) -> Result<()> {
        let faults = &self.world.faults;
        faults.around("source.set_status", &status.context, || {
            let key = (project.clone(), commit.clone());
            let mut state = lock(&self.state);
            let statuses = state.statuses.entry(key).or_default();
            statuses.insert(status.context.clone(), status.clone());
            Ok(())
        })
    }

    async fn comment(&self, project: &Project, pull_request: u64, comment: &Comment) -> Result<()> {
        let faults = &self.world.faults;
        faults.around("source.comment", &pull_request.to_string(), || {
            let key = (project.clone(), pull_request);
            let mut state = lock(&self.state);
            // Ids sort newest first.
            if state.comments.get(&key).is_none_or(|there| there.run >= comment.run) {
                state.comments.insert(key, comment.clone());
            }
            Ok(())
        })
    }

    async fn publish_tests(&self, project: &Project, commit: &CommitId, report: &TestReport) -> Result<()> {
        let faults = &self.world.faults;
        faults.around("source.publish_tests", &report.name, || {
            let key = (project.clone(), commit.clone());
            let mut state = lock(&self.state);
            let reports = state.reports.entry(key).or_default();
            reports.insert((report.run.clone(), report.name.clone()), report.clone());
            Ok(())
        })
    }
}
