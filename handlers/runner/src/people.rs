//! What people are told on the code host: how a commit does, what its tests found, what became of a pull request.

use std::collections::BTreeMap;

use pipeline::effect::Effect;
use pipeline::names::Digest;
use pipeline::run::{Outcome, Run, Trigger};
use tracing::{debug, warn};

use crate::ports::{Comment, CommitStatus, PortError, Result, StatusState, TestReport};
use crate::reports::{self, Report};
use crate::runner::Runner;

/// The name of the status that a run has on its commit.
pub const STATUS_CONTEXT: &str = "trainyard";
/// How many tests of a run are published one by one.
const CASES_MAX: usize = 10_000;

impl Runner {
    /// Performs an effect that is for people.
    pub(crate) async fn tell_people(&self, run: &Run, effect: &Effect) -> Result<()> {
        let source = &self.ports.source;
        match (effect, &run.commit) {
            (Effect::SetStatus { good, outcome, description }, Some(commit)) => {
                let status = CommitStatus {
                    context: STATUS_CONTEXT.into(),
                    state: state(*good, *outcome),
                    description: description.clone(),
                    run: run.id.clone(),
                    pull_request: pull_request(run),
                };
                source.set_status(&run.project, commit, &status).await
            }
            (Effect::PublishTests { name, files }, Some(commit)) => match self.report(run, name, files).await? {
                Some(report) => source.publish_tests(&run.project, commit, &report).await,
                None => Ok(()),
            },
            (Effect::Comment { pull_request, markdown }, _) => {
                let comment = Comment { run: run.id.clone(), markdown: markdown.clone() };
                source.comment(&run.project, *pull_request, &comment).await
            }
            _ => Ok(()),
        }
    }

    /// What the files say, all in one; None: nothing about tests.
    async fn report(&self, run: &Run, name: &str, files: &BTreeMap<String, Digest>) -> Result<Option<TestReport>> {
        let mut report = TestReport {
            name: name.to_owned(),
            run: run.id.clone(),
            branch: run.branch.clone(),
            build: run.facts.build,
            cases: Vec::new(),
            coverage: None,
        };
        for (file, digest) in files {
            let bytes = match self.ports.artifacts.get(digest).await {
                Ok(bytes) => bytes,
                // What is left of a report is still worth to be seen.
                Err(PortError::Permanent { reason, .. }) => {
                    warn!(run.id = %run.id, "Published without {file}: {reason}");
                    continue;
                }
                Err(error) => return Err(error),
            };
            match reports::read(&String::from_utf8_lossy(&bytes)) {
                Some(Report::Tests(tests)) => report.cases.extend(tests.cases),
                Some(Report::Coverage { counted, .. }) => report.coverage = counted.or(report.coverage),
                None => debug!(run.id = %run.id, "{file} is no report of tests"),
            }
        }
        if report.cases.len() > CASES_MAX {
            let left_out = report.cases.len() - CASES_MAX;
            warn!(run.id = %run.id, "{left_out} tests are left out: at most {CASES_MAX} are published one by one");
            report.cases.truncate(CASES_MAX);
        }
        Ok((!report.cases.is_empty() || report.coverage.is_some()).then_some(report))
    }
}

/// A change that was looked at is good or not; of one whose run was ended by something else, nobody knows.
fn state(good: Option<bool>, outcome: Option<Outcome>) -> StatusState {
    match (good, outcome) {
        (None, _) => StatusState::Pending,
        (Some(true), Some(Outcome::Skipped)) => StatusState::NotApplicable,
        (Some(true), _) => StatusState::Succeeded,
        (Some(false), Some(Outcome::Canceled | Outcome::Superseded | Outcome::Expired)) => StatusState::Error,
        (Some(false), _) => StatusState::Failed,
    }
}

fn pull_request(run: &Run) -> Option<u64> {
    match run.trigger {
        Trigger::PullRequest { number, .. } => Some(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_whether_the_change_is_fine_and_admits_when_nobody_knows() {
        for (good, outcome, word) in [
            (None, None, StatusState::Pending),
            (Some(true), Some(Outcome::Released), StatusState::Succeeded),
            (Some(true), Some(Outcome::NotBetter), StatusState::Succeeded),
            (Some(true), Some(Outcome::Skipped), StatusState::NotApplicable),
            (Some(false), Some(Outcome::Failed), StatusState::Failed),
            (Some(false), Some(Outcome::RolledBack), StatusState::Failed),
            (Some(false), Some(Outcome::Canceled), StatusState::Error),
            // Saved before the outcome was.
            (Some(true), None, StatusState::Succeeded),
            (Some(false), None, StatusState::Failed),
        ] {
            assert_eq!(state(good, outcome), word, "{good:?} {outcome:?}");
        }
    }
}
