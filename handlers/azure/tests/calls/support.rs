//! What the tests have in common: one organisation, one project, one commit.

use std::sync::Arc;

use azure::{
    AzureDevops, Credential, DevopsRepository, DevopsSettings, Github, GithubDeliveries, GithubHook,
    GithubHookSettings, GithubRepository, GithubSettings, PersonalAccessToken, Shown, StatusPolicy,
};
use jiff::Timestamp;
use pipeline::names::{CommitId, Project, RunId};
use runner::memory::{Machine, MemoryArtifacts, TestClock};
use runner::ports::{Comment, CommitStatus, StatusState, TestReport};
use runner::reports::{Coverage, Covered, TestCase, TestOutcome};

use crate::fake::Fake;
use crate::fake::git::Repository;

pub const SITE: &str = "https://trains.example";

/// A service in this process, and our calls to it.
pub struct Bench {
    pub fake: Fake,
    pub clock: TestClock,
    pub artifacts: Arc<MemoryArtifacts>,
    pub devops: AzureDevops,
    pub github: Github,
    pub deliveries: GithubDeliveries,
}

impl Bench {
    pub async fn new() -> Self {
        Self::showing(Shown::CommitStatus).await
    }

    pub async fn showing(shown: Shown) -> Self {
        let (fake, clock) = (Fake::start().await, TestClock::default());
        {
            let world = &mut *fake.world();
            world.devops.iterations = vec!["c".repeat(40), commit().to_string()];
            seed(&mut world.devops.repository);
            seed(&mut world.github.repository);
            let head = world.devops.repository.branches["main"].clone();
            world.devops.build(88121, "main", &head, "succeeded");
        }
        let artifacts = Machine::new().artifacts;
        let credential = Arc::new(PersonalAccessToken::of_azure_devops("ann", "devops-secret").unwrap());
        let devops = devops_of(devops(&fake), credential, &clock, &artifacts);
        let github = GithubSettings { shown, ..github(&fake) };
        let credential = Arc::new(PersonalAccessToken::of_github("ann", "github-secret").unwrap());
        let github = Github::new(github, credential.clone(), Arc::new(clock.clone()), artifacts.clone()).unwrap();
        let deliveries = GithubDeliveries::new(hook(&fake), credential, Arc::new(clock.clone())).unwrap();
        Self { fake, clock, artifacts, devops, github, deliveries }
    }

    /// Azure DevOps as somebody else.
    pub fn devops_as(&self, credential: Arc<dyn Credential>) -> AzureDevops {
        devops_of(devops(&self.fake), credential, &self.clock, &self.artifacts)
    }

    /// GitHub by other settings.
    pub fn github_by(&self, settings: GithubSettings) -> Github {
        let credential = PersonalAccessToken::of_github("ann", "github-secret").unwrap();
        let clock = Arc::new(self.clock.clone());
        Github::new(settings, Arc::new(credential), clock, self.artifacts.clone()).unwrap()
    }
}

fn devops_of(
    settings: DevopsSettings,
    credential: Arc<dyn Credential>,
    clock: &TestClock,
    artifacts: &Arc<MemoryArtifacts>,
) -> AzureDevops {
    AzureDevops::new(settings, credential, Arc::new(clock.clone()), artifacts.clone()).unwrap()
}

/// Two commits with names that are easy to read, and a branch with a tag of each kind.
fn seed(repository: &mut Repository) {
    repository.name(commit().as_str(), &[("a.txt", "1"), ("b/c.txt", "2"), ("b/d.txt", "3")]);
    repository.name(other_commit().as_str(), &[("a.txt", "1"), ("b/c.txt", "20"), ("e.txt", "4")]);
    let head = repository.commit("main", &[("trainyard.yml", "version: 1"), ("data/a.csv", "1,2"), ("empty", "")]);
    repository.tag("v1", &head);
    repository.annotate("v2", &head);
}

pub fn hook(fake: &Fake) -> GithubHookSettings {
    let hook = GithubHook::Repository { owner: "contoso".into(), repository: "diabetes".into(), number: 77 };
    GithubHookSettings { hook, base: fake.host("api.github.com"), timeout_secs: 3 }
}

pub fn devops(fake: &Fake) -> DevopsSettings {
    let place = DevopsRepository { project: "ML Ops".into(), repository: "diabetes".into() };
    DevopsSettings {
        organization: "contoso".into(),
        repositories: [(project(), place)].into(),
        base: fake.host("dev.azure.com"),
        tests_base: fake.host("vstmr.dev.azure.com"),
        site: Some(SITE.into()),
        timeout_secs: 3,
        snapshot_mib: 1,
    }
}

pub fn github(fake: &Fake) -> GithubSettings {
    let place = GithubRepository { owner: "contoso".into(), repository: "diabetes".into() };
    GithubSettings {
        repositories: [(project(), place)].into(),
        base: fake.host("api.github.com"),
        archives: fake.host("codeload.github.com"),
        shown: Shown::CommitStatus,
        site: Some(SITE.into()),
        timeout_secs: 3,
        snapshot_mib: 1,
    }
}

pub fn project() -> Project {
    "diabetes".parse().unwrap()
}

pub fn commit() -> CommitId {
    "a".repeat(40).parse().unwrap()
}

pub fn other_commit() -> CommitId {
    "b".repeat(40).parse().unwrap()
}

/// One that no repository has.
pub fn dead_commit() -> CommitId {
    "dead".repeat(10).parse().unwrap()
}

/// A run of that second.
pub fn run(second: i64) -> RunId {
    RunId::newest(Timestamp::from_second(second).unwrap(), "test")
}

pub fn status(state: StatusState, pull_request: Option<u64>) -> CommitStatus {
    CommitStatus {
        context: "trainyard/check".into(),
        state,
        description: "Lint and tests".into(),
        run: run(1),
        pull_request,
    }
}

pub fn comment(second: i64, text: &str) -> Comment {
    Comment { run: run(second), markdown: text.into() }
}

pub fn report() -> TestReport {
    let case = |name: &str, outcome, message: Option<&str>| TestCase {
        name: name.into(),
        suite: "tests.unit.test_score".into(),
        outcome,
        duration_ms: Some(12.5),
        message: message.map(str::to_owned),
        detail: message.map(|_| "tests/unit/test_score.py:41".repeat(100)),
    };
    TestReport {
        name: "check".into(),
        run: run(1),
        branch: Some("main".parse().unwrap()),
        build: Some(88121),
        cases: vec![
            case("test_rows", TestOutcome::Passed, None),
            case("test_shape", TestOutcome::Failed, Some("AssertionError: (9,) != (10,)")),
            case("test_data", TestOutcome::Error, Some("no data.csv")),
            case("test_slow", TestOutcome::Skipped, None),
        ],
        coverage: Some(Coverage {
            lines: Covered { covered: 1622, total: 1840 },
            branches: Some(Covered { covered: 317, total: 402 }),
        }),
    }
}

pub fn policy() -> StatusPolicy {
    StatusPolicy {
        branch: "main".parse().unwrap(),
        context: "trainyard/check".into(),
        display_name: "The model's checks".into(),
        author: Some("6d2f9c81-0b5e-6a47-b3d0-1e8f7c6a5b49".into()),
        is_blocking: true,
    }
}
