//! Intake: somebody wants a run. The same cause gives the same run, however often it is told.

use futures::join;
use pipeline::names::{CommitId, Project, RunId};
use pipeline::run::Run;
use serde::{Deserialize, Serialize};

use crate::keys;
use crate::ports::{PortError, Revision};
use crate::records::parse;
use crate::runner::Runner;

mod create;
mod draft;
mod project;
#[cfg(test)]
mod tests;
mod wish;

pub use project::{BranchRecord, ProjectDocument};
pub use wish::{RetrainReason, Start, Wish};

/// The manifest's place in a repository.
pub const MANIFEST: &str = "trainyard.yml";
/// How often a start is tried again after another start of the same project came first.
const CONFLICTS: u32 = 200;

/// A run that was wished for.
#[derive(Debug, Clone, PartialEq)]
pub struct Started {
    /// The run.
    pub run: Run,
    /// Whether it is new; otherwise the same cause had started it before.
    pub created: bool,
}

/// Why there is no run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What is wished for cannot be; the sentence says why and what to do.
    #[error("{0}")]
    Refused(String),
    /// The project does not want it: a filter of its manifest, a cool-down.
    #[error("{0}")]
    Unwanted(String),
    /// A port could not do its part.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// A claim on a cause: made once, and then the run's for ever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Claim {
    run: RunId,
    number: u64,
}

impl Runner {
    /// Starts a run, or finds the one that the same cause has started.
    ///
    /// # Errors
    ///
    /// [`StartError::Refused`] with a sentence for who wished for it.
    pub async fn start(&self, start: &Start) -> Result<Started, StartError> {
        // Only a wish that comes without a cause has to wait for the commit that it is about.
        let ahead = match (&start.cause, &start.wish) {
            (None, Wish::Push { .. } | Wish::PullRequest { .. }) => self.resolve(start).await?,
            _ => None,
        };
        let known = cause_of(start, ahead.as_ref());
        let cause = known.clone().unwrap_or_else(|| format!("wish/{}", unique()));
        let claim_key = keys::cause(&start.project, &cause);
        // Nobody can have claimed a cause that was made up just now.
        let claimed = async { if known.is_some() { self.claimed(&claim_key).await } else { Ok(None) } };
        let draft = async {
            let resolved = if ahead.is_some() { ahead } else { self.resolve(start).await? };
            self.draft(start, resolved).await
        };
        // Asked at once: each answer takes longer to come than to be found.
        let (claimed, draft, project) = join!(claimed, draft, self.project(&start.project));
        let mut claim = match claimed? {
            Some((_, Some(run))) => return Ok(Started { run, created: false }),
            claimed => claimed.map(|(claim, _)| claim),
        };
        let (draft, mut project) = (draft?, project?);
        let source = match (&draft.commit, &draft.skip) {
            (Some(commit), None) => Some(self.ports.source.snapshot(&start.project, commit).await?),
            _ => None,
        };
        for _ in 0..CONFLICTS {
            match self.create(start, &cause, claim, &draft, source.clone(), project).await {
                Ok(run) => return Ok(Started { run, created: true }),
                Err(PortError::Conflict { .. }) => tokio::task::yield_now().await,
                Err(error) => return Err(error.into()),
            }
            project = self.project(&start.project).await?;
            claim = match self.claimed(&claim_key).await? {
                Some((_, Some(run))) => return Ok(Started { run, created: false }),
                claimed => claimed.map(|(claim, _)| claim),
            };
        }
        Err(PortError::transient("runner", format!("project {} is too busy", start.project)).into())
    }

    /// The run with this number.
    pub(crate) async fn run_numbered(&self, project: &Project, number: u64) -> Result<Option<RunId>, PortError> {
        let key = keys::number(project, number);
        let Some(document) = self.ports.store.get(&key).await? else { return Ok(None) };
        let claim: Claim = parse(&key, &document.body)?;
        Ok(Some(claim.run))
    }

    /// Who has claimed a cause; with None for a run that a crash kept from being written.
    async fn claimed(&self, key: &str) -> Result<Option<(Claim, Option<Run>)>, PortError> {
        let Some(document) = self.ports.store.get(key).await? else { return Ok(None) };
        let claim: Claim = parse(key, &document.body)?;
        let key = keys::run(&claim.run);
        let run = match self.ports.store.get(&key).await? {
            Some(document) => Some(parse(&key, &document.body)?),
            None => None,
        };
        Ok(Some((claim, run)))
    }

    /// The commit that is meant, where the wish is about one.
    async fn resolve(&self, start: &Start) -> Result<Option<CommitId>, StartError> {
        let revision = match &start.wish {
            Wish::Push { commit: Some(commit), .. }
            | Wish::Manual { commit: Some(commit), .. }
            | Wish::Build { commit, .. } => Revision::Commit(commit.clone()),
            Wish::Tag { tag } => Revision::Tag(tag.clone()),
            Wish::Push { branch, .. }
            | Wish::PullRequest { branch, .. }
            | Wish::Manual { branch: Some(branch), .. } => Revision::Branch(branch.clone()),
            _ => return Ok(None),
        };
        refused(self.ports.source.resolve(&start.project, &revision).await).map(Some)
    }
}

/// What makes two wishes the same. None: nothing does, people may want the same thing twice.
fn cause_of(start: &Start, commit: Option<&CommitId>) -> Option<String> {
    if let Some(cause) = &start.cause {
        return Some(cause.clone());
    }
    match (&start.wish, commit) {
        (Wish::Push { branch, .. }, Some(commit)) => Some(format!("push/{branch}/{commit}")),
        (Wish::PullRequest { number, .. }, Some(commit)) => Some(format!("pull-request/{number}/{commit}")),
        _ => None,
    }
}

/// A text that was never there before.
fn unique() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn refuse(reason: impl Into<String>) -> StartError {
    StartError::Refused(reason.into())
}

/// What the source will never know is the fault of who asked.
fn refused<T>(result: Result<T, PortError>) -> Result<T, StartError> {
    result.map_err(|error| match error {
        PortError::Permanent { reason, .. } => StartError::Refused(reason),
        other => StartError::Port(other),
    })
}
