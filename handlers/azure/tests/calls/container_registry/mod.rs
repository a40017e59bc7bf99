//! Azure Container Registry: images, jobs, promotion.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use azure::{PersonalAccessToken, Promotion, RegistryImages, RegistryJobs, RegistrySettings};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use fake_azure::container_registry::{RunEnd, RunOrder};
use flate2::Compression;
use flate2::write::GzEncoder;
use pipeline::effect::{BuildSpec, JobCommand, JobSpec, ReplyTo};
use pipeline::event::{JobOutputs, JobResult, Step, StepKey};
use pipeline::names::{Digest, JobName};
use pipeline::release::Model;
use runner::memory::{Machine, TestClock};
use runner::ports::Artifacts;
use serde_json::Value;

use crate::fake::Fake;
use crate::support::{project, run};

mod images;
mod jobs;
mod launched;
mod promotion;
mod settings;
mod weather;

const REPOSITORY: &str = "trainyard/diabetes";

/// Two registries, and our ways to them.
#[derive(Debug)]
struct Registries {
    fake: Fake,
    clock: TestClock,
    artifacts: Arc<dyn Artifacts>,
    images: RegistryImages,
    jobs: RegistryJobs,
    promotion: Promotion,
    snapshot: Digest,
    model: Model,
}

impl Registries {
    async fn new() -> Self {
        Self::with(|_| ()).await
    }

    async fn with(change: impl Fn(&mut RegistrySettings)) -> Self {
        let clock = TestClock::default();
        let fake = Fake::by(Arc::new(clock.clone())).await;
        fake.world().container_registry.registry("mlopsacr");
        fake.world().container_registry.registry("prodacr");
        fake.world().container_registry.on_run = Some(Arc::new(work));
        let artifacts: Arc<dyn Artifacts> = Machine::new().artifacts;
        let mut settings = settings(&fake, "mlopsacr", "mlops-rg");
        change(&mut settings);
        let (management, data) = (secret("management-secret"), secret("registry-secret"));
        let ticks = || Arc::new(clock.clone());
        let kept = || Arc::clone(&artifacts);
        let images = RegistryImages::new(settings.clone(), management.clone(), data.clone(), kept(), ticks()).unwrap();
        let jobs = RegistryJobs::new(settings.clone(), management.clone(), kept(), ticks()).unwrap();
        let target = self::settings(&fake, "prodacr", "prod-rg");
        let promotion = Promotion::new(settings, target, management, data, ticks()).unwrap();
        let snapshot = artifacts.put(snapshot(&FILES)).await.unwrap();
        let model = model(artifacts.put(b"a model".to_vec()).await.unwrap());
        Self { fake, clock, artifacts, images, jobs, promotion, snapshot, model }
    }

    fn build(&self, name: &str) -> BuildSpec {
        BuildSpec {
            name: name.parse().unwrap(),
            project: project(),
            reply_to: reply_to(),
            source: self.snapshot.clone(),
            model: self.model.clone(),
            model_file: "model.pkl".into(),
            entry: "scoring/score.py".into(),
            environment: "scoring/requirements.txt".into(),
            include: vec!["scoring".into()],
        }
    }

    fn job(&self, name: JobName, line: &str) -> JobSpec {
        JobSpec {
            name,
            project: project(),
            reply_to: reply_to(),
            source: self.snapshot.clone(),
            image: None,
            environments: vec!["requirements-ci.txt".into()],
            commands: vec![JobCommand { name: "test".into(), line: line.into() }],
            load: None,
            entry: None,
            variables: BTreeMap::from([("TRAINYARD_PROJECT".into(), "diabetes".into())]),
            parameters: None,
            data: None,
            required: Vec::new(),
            reports: vec!["unit-testresults.xml".into()],
            timeout_secs: 1800,
        }
    }

    /// Contexts that were uploaded, the newest last.
    fn uploaded(&self) -> Vec<Vec<u8>> {
        let seen = self.fake.world().seen.clone();
        seen.iter()
            .filter(|seen| seen.method == "PUT" && seen.path.contains("/source/"))
            .map(|it| it.bytes.clone())
            .collect()
    }

    /// Requests of task runs, by their names.
    fn requests(&self) -> BTreeMap<String, Value> {
        let mut world = self.fake.world();
        let runs = &world.container_registry.registry("mlopsacr").task_runs;
        runs.values().map(|run| (run.name.clone(), run.request.clone())).collect()
    }

    fn runs(&self) -> usize {
        self.fake.world().container_registry.registry("mlopsacr").runs.len()
    }

    /// What the last run was to do.
    fn order(&self) -> RunOrder {
        self.fake.world().container_registry.registry("mlopsacr").runs.values().last().unwrap().order.clone()
    }
}

fn settings(fake: &Fake, registry: &str, group: &str) -> RegistrySettings {
    RegistrySettings {
        base: fake.host("management.azure.com"),
        server: Some(fake.host(&format!("{registry}.azurecr.io"))),
        timeout_secs: 3,
        transfer_timeout_secs: 3,
        ..RegistrySettings::new("11111111-2222-3333-4444-555555555555", group, registry, vec![project()])
    }
}

/// An identity of Entra, as far as it matters here.
fn secret(secret: &str) -> Arc<PersonalAccessToken> {
    Arc::new(PersonalAccessToken::of_github("the test's identity", secret).unwrap())
}

fn reply_to() -> ReplyTo {
    ReplyTo { run: run(1), step: StepKey::of(Step::Check), attempt: 1 }
}

fn model(digest: Digest) -> Model {
    Model { name: "diabetes".parse().unwrap(), version: 7, digest, metrics: BTreeMap::new() }
}

const FILES: [(&str, &str); 6] = [
    ("README.md", "diabetes\n"),
    ("scoring/requirements.txt", "azureml-inference-server-http==1.5.1\n"),
    ("scoring/score.py", "def init():\n    pass\n\n\ndef run(data):\n    return data\n"),
    ("scoring/tests/test_image.py", "def test_it():\n    pass\n"),
    ("training/train.py", "print('train')\n"),
    ("requirements-ci.txt", "pytest\n"),
];

fn snapshot(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, text) in files {
        append(&mut tar, path, text.as_bytes());
    }
    tar.into_inner().unwrap()
}

fn append(tar: &mut tar::Builder<Vec<u8>>, path: &str, bytes: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    // Neither owner nor time may matter.
    header.set_uid(1234);
    header.set_mtime(1_700_000_000);
    tar.append_data(&mut header, path, bytes).unwrap();
}

/// What runs do here: builds end well; jobs print what the launcher prints, or what their command says.
fn work(order: &RunOrder) -> RunEnd {
    let Some(job) = order.files.get("job/job.json") else {
        return RunEnd { is_good: true, log: "Step 1/9\nSuccessfully built\n".into(), secs: 60 };
    };
    let job: Value = serde_json::from_slice(job).unwrap();
    let line = job["commands"][0]["line"].as_str().unwrap_or_default();
    match line {
        "sleep" => RunEnd { is_good: true, log: String::new(), secs: 1_000_000_000 },
        "vanish" => RunEnd { is_good: false, log: "Step 1/9\nno space left on device\n".into(), secs: 1 },
        "fail" => {
            let reason = "test (fail) ended with exit code 1".to_owned();
            let files = [("unit-testresults.xml", REPORT)];
            let outputs = outputs(&files);
            RunEnd { is_good: false, log: printed(&JobResult::Failed { reason, outputs }, &files), secs: 1 }
        }
        "talk" => {
            let words: String = (0..60_000).map(|n| format!("line {n} of what the job has to say\n")).collect();
            RunEnd { is_good: true, log: words + &printed(&JobResult::Completed(outputs(&[])), &[]), secs: 1 }
        }
        _ => RunEnd { is_good: true, log: printed(&JobResult::Completed(outputs(&[])), &[]), secs: 1 },
    }
}

const REPORT: &str = r#"<testsuite name="t" tests="2" failures="1"><testcase name="a" classname="t"/><testcase name="b" classname="t"><failure message="no"/></testcase></testsuite>"#;

fn outputs(files: &[(&str, &str)]) -> JobOutputs {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), Digest::of(text.as_bytes()))).collect();
    JobOutputs { metrics: BTreeMap::from([("rows".into(), 442.0)]), files, said: vec!["test: ended well".into()] }
}

/// A result as the launcher prints it.
fn printed(result: &JobResult, files: &[(&str, &str)]) -> String {
    let mut tar = tar::Builder::new(Vec::new());
    append(&mut tar, "result.json", serde_json::to_string(result).unwrap().as_bytes());
    for (name, text) in files {
        append(&mut tar, &format!("files/{name}"), text.as_bytes());
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&tar.into_inner().unwrap()).unwrap();
    let text = BASE64.encode(gzip.finish().unwrap());
    let lines: Vec<_> = text.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line)).collect();
    format!(
        "trainyard: test\n\n-----BEGIN TRAINYARD RESULT-----\n{}\n-----END TRAINYARD RESULT-----\nRun ID: cf1\n",
        lines.join("\n")
    )
}
