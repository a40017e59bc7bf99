//! Builds that stand for our own check: what an event says of one is a hint, and the code host is asked before anything
//! is delivered because of it.

use pipeline::names::{Branch, CommitId, Project};

use crate::intake::StartError;
use crate::ports::{Build, BuildLookup, BuildResult, PortError};
use crate::runner::Runner;
use crate::watch::{Watch, WatchList};

/// What an event says of a build.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claimed<'a> {
    /// The branch.
    pub branch: &'a Branch,
    /// The commit that was built.
    pub commit: &'a CommitId,
    /// What people call it.
    pub build: &'a str,
    /// Its number in the organisation.
    pub number: u64,
}

impl Runner {
    /// Whether the code host says the same. Where nobody keeps builds, only somebody on this machine can have said so.
    pub(crate) async fn verify(&self, project: &Project, claimed: &Claimed<'_>) -> Result<(), StartError> {
        let Claimed { build, number, .. } = claimed;
        let refuse = |why: String| Err(StartError::Refused(format!("build {build}: {why}")));
        let found = match self.ports.source.build(project, *number).await? {
            BuildLookup::Found(found) => found,
            BuildLookup::Absent => return refuse(format!("there is no build {number} of {project}'s repository")),
            BuildLookup::NotKept => return Ok(()),
        };
        if found.result == BuildResult::Running {
            // Its end may be told before it is to be read.
            let why = format!("build {build} has not ended yet, as the code host says; it is asked again");
            return Err(PortError::transient("runner", why).into());
        }
        let list = WatchList::load(&self.ports).await?;
        match differs(&found, claimed, list.projects.get(project)) {
            Some(why) => refuse(why),
            None => Ok(()),
        }
    }
}

/// In what a build is not what an event says of it, or not one that starts anything.
fn differs(found: &Build, claimed: &Claimed<'_>, watch: Option<&Watch>) -> Option<String> {
    if !watch.is_some_and(|watch| watch.has_pipeline(Some(&found.pipeline), Some(found.pipeline_number))) {
        return Some(format!("its pipeline, {}, does not stand for the check of this project", found.pipeline));
    }
    if found.result != BuildResult::Succeeded {
        return Some("it did not go well".to_owned());
    }
    let Claimed { branch, commit, .. } = claimed;
    if found.commit.as_ref() != Some(commit) {
        let built = found.commit.as_ref().map_or("no commit of this repository", CommitId::short);
        return Some(format!("it is not of commit {} but of {built}", commit.short()));
    }
    if found.branch.as_ref() != Some(branch) {
        let built = found.branch.as_ref().map_or("none", Branch::as_str);
        return Some(format!("it is not of branch {branch} but of {built}"));
    }
    None
}
