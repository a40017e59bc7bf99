//! Test runs, and coverage, on the page of a build.
//!
//! ```text
//! test/runs: find ours ──none──> create ──> results, 1,000 at a time ──> attachment ──> coverage ──> complete
//!               |──in progress, left by a crash────────^ those that are missing
//!               `──completed──> nothing is left to do
//! ```
//!
//! Without a build there is no page on which people would look, so nothing is published: the pull request's comment and
//! our own page show the same.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pipeline::names::{CommitId, Project};
use reqwest::Method;
use runner::ports::{Result, TestReport};
use runner::reports::{Covered, TestCase, TestOutcome};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::debug;

use super::words::outcome;
use super::{AzureDevops, List, PAGE, PAGES_MAX, SERVICE};
use crate::http::{Call, CallError, Right};
use crate::text::first;

/// Results that are sent, or read, in one call.
const RESULTS_MAX: usize = 1000;
/// Characters of a message or a stack that the service takes.
const TEXT_MAX: usize = 1000;
/// Characters of a title or a name that the service takes.
const NAME_MAX: usize = 256;
/// Bytes of the attachment with what did not fit.
const ATTACHMENT_MAX: usize = 1 << 20;
const ATTACHMENT: &str = "red-tests.txt";

const TESTS: Right =
    Right { action: "publish test results", scope: "vso.test_write", role: "Create test runs (project)" };

/// `TestRun`, as far as we read it.
#[derive(Deserialize)]
struct Run {
    id: u64,
    name: Option<String>,
    state: Option<String>,
}

impl AzureDevops {
    /// Publishes a report on the page of its build; without a build there is no such page, and nothing is done.
    pub(super) async fn try_to_publish(
        &self,
        project: &Project,
        commit: &CommitId,
        report: &TestReport,
    ) -> Result<(), CallError> {
        let Some(build) = report.build else {
            debug!(run.id = %report.run, "{SERVICE} shows tests on the page of a build, and the run follows none");
            return Ok(());
        };
        // With the run in it: another run of the same build publishes beside this one.
        let name = format!("trainyard {} of {} ({})", report.name, commit.short(), report.run);
        let found = self.find_run(project, build, &name).await?;
        if found.as_ref().is_some_and(|run| run.state.as_deref() == Some("Completed")) {
            return Ok(());
        }
        let (run, sent) = match found {
            Some(run) => (run.id, self.count_results(project, run.id).await?),
            None => (self.create_run(project, commit, report, build, &name).await?, 0),
        };
        let of_run = run.to_string();
        for cases in report.cases.get(sent..).unwrap_or_default().chunks(RESULTS_MAX) {
            let results = cases.iter().map(result).collect();
            let url = self.project(project, &["_apis", "test", "Runs", &of_run, "results"], &[])?;
            self.client.call(Call::send(Method::POST, url, results, &TESTS).once()).await?;
        }
        self.attach(project, &of_run, report).await?;
        self.publish_coverage(project, report, build).await?;
        let body = json!({
            "state": "Completed",
            "completedDate": self.client.now().to_string(),
            "comment": summary(&report.cases),
        });
        let url = self.project(project, &["_apis", "test", "runs", &of_run], &[])?;
        self.client.call(Call::send(Method::PATCH, url, body, &TESTS)).await.map(|_| ())
    }

    /// The run of this name beside the build.
    async fn find_run(&self, project: &Project, build: u64, name: &str) -> Result<Option<Run>, CallError> {
        let uri = format!("vstfs:///Build/Build/{build}");
        for page in 0..PAGES_MAX {
            let (skip, top) = ((page * PAGE).to_string(), PAGE.to_string());
            let query = [("buildUri", uri.as_str()), ("includeRunDetails", "true"), ("$skip", &skip), ("$top", &top)];
            let url = self.project(project, &["_apis", "test", "runs"], &query)?;
            let runs: List<Run> = self.client.read(Call::get(url, &TESTS)).await?;
            let is_last = runs.value.len() < PAGE;
            let found = runs.value.into_iter().find(|run| run.name.as_deref() == Some(name));
            if found.is_some() || is_last {
                return Ok(found);
            }
        }
        Ok(None)
    }

    async fn create_run(
        &self,
        project: &Project,
        commit: &CommitId,
        report: &TestReport,
        build: u64,
        name: &str,
    ) -> Result<u64, CallError> {
        let mut body = json!({
            "name": name,
            "automated": true,
            "state": "InProgress",
            "type": "Unspecified",
            "build": {"id": build.to_string()},
            "startDate": self.client.now().to_string(),
            "tags": [{"name": "trainyard"}],
            "comment": format!("commit {commit}, run {}", report.run),
        });
        // The service counts builds in 32 bits.
        if let Ok(id) = i32::try_from(build) {
            body["buildReference"] = json!({"id": id, "sourceVersion": commit, "repositoryType": "TfsGit"});
            if let Some(branch) = &report.branch {
                body["buildReference"]["branchName"] = format!("refs/heads/{branch}").into();
            }
        }
        let url = self.project(project, &["_apis", "test", "runs"], &[])?;
        let run: Run = self.client.read(Call::send(Method::POST, url, body, &TESTS).once()).await?;
        Ok(run.id)
    }

    /// How many results a run has: they are sent in order, so the next one is the first that is missing.
    async fn count_results(&self, project: &Project, run: u64) -> Result<usize, CallError> {
        let mut count = 0;
        for _ in 0..PAGES_MAX {
            let (skip, top) = (count.to_string(), RESULTS_MAX.to_string());
            let query = [("$skip", skip.as_str()), ("$top", &top)];
            let url = self.project(project, &["_apis", "test", "Runs", &run.to_string(), "results"], &query)?;
            let page: List<Value> = self.client.read(Call::get(url, &TESTS)).await?;
            count += page.value.len();
            if page.value.len() < RESULTS_MAX {
                break;
            }
        }
        Ok(count)
    }

    /// What did not fit into the results, in full.
    async fn attach(&self, project: &Project, run: &str, report: &TestReport) -> Result<(), CallError> {
        let text = red_tests(&report.cases);
        if text.is_empty() {
            return Ok(());
        }
        let url = self.project(project, &["_apis", "test", "Runs", run, "attachments"], &[])?;
        let there: List<Value> = self.client.read(Call::get(url.clone(), &TESTS)).await?;
        if there.value.iter().any(|attachment| attachment["fileName"] == ATTACHMENT) {
            return Ok(());
        }
        let body = json!({
            "stream": BASE64.encode(text),
            "fileName": ATTACHMENT,
            "comment": "What the red tests printed",
            "attachmentType": "GeneralAttachment",
        });
        self.client.call(Call::send(Method::POST, url, body, &TESTS).once()).await.map(|_| ())
    }

    async fn publish_coverage(&self, project: &Project, report: &TestReport, build: u64) -> Result<(), CallError> {
        let Some(coverage) = &report.coverage else { return Ok(()) };
        let count = |label: &str, position: u32, covered: Covered| {
            json!({
                "label": label, "position": position, "total": covered.total, "covered": covered.covered,
                "isDeltaAvailable": false, "delta": 0,
            })
        };
        let mut stats = vec![count("Lines", 4, coverage.lines)];
        stats.extend(coverage.branches.map(|branches| count("Branches", 5, branches)));
        let body = json!({"buildFlavor": "", "buildPlatform": "", "coverageStats": stats});
        let build = build.to_string();
        let below = ["_apis", "testresults", "codecoverage"];
        let version = ("api-version", "7.1-preview.1");
        let url = self.below(&self.tests_base, project, &below, &[("buildId", &build)], version)?;
        self.client.call(Call::send(Method::POST, url, body, &TESTS)).await.map(|_| ())
    }
}

/// `TestCaseResult`.
fn result(case: &TestCase) -> Value {
    let full_name = if case.suite.is_empty() { case.name.clone() } else { format!("{}.{}", case.suite, case.name) };
    let mut result = json!({
        "testCaseTitle": first(&case.name, NAME_MAX),
        "automatedTestName": first(&full_name, NAME_MAX),
        "automatedTestStorage": first(&case.suite, NAME_MAX),
        "automatedTestType": "JUnit",
        "outcome": outcome(case.outcome),
        "state": "Completed",
    });
    if let Some(duration_ms) = case.duration_ms {
        result["durationInMs"] = duration_ms.into();
    }
    for (member, text) in [("errorMessage", &case.message), ("stackTrace", &case.detail)] {
        if let Some(text) = text {
            result[member] = first(text, TEXT_MAX).into();
        }
    }
    result
}

fn red_tests(cases: &[TestCase]) -> String {
    let mut text = String::new();
    for case in cases.iter().filter(|case| matches!(case.outcome, TestOutcome::Failed | TestOutcome::Error)) {
        let (message, detail) =
            (case.message.as_deref().unwrap_or_default(), case.detail.as_deref().unwrap_or_default());
        text += &format!("{} {}\n{message}\n{detail}\n\n", case.suite, case.name);
        if text.len() > ATTACHMENT_MAX {
            text.truncate(text.floor_char_boundary(ATTACHMENT_MAX));
            break;
        }
    }
    text
}

fn summary(cases: &[TestCase]) -> String {
    let count = |outcomes: &[TestOutcome]| cases.iter().filter(|case| outcomes.contains(&case.outcome)).count();
    let red = count(&[TestOutcome::Failed, TestOutcome::Error]);
    format!("{} passed, {red} failed, {} skipped", count(&[TestOutcome::Passed]), count(&[TestOutcome::Skipped]))
}
