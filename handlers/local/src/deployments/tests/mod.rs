use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt;
use pipeline::effect::{BuildSpec, ReplyTo};
use pipeline::event::{Event, Message, Step, StepKey};
use pipeline::names::Digest;
use pipeline::release::{Limits, Model, Release};
use runner::conformance;
use runner::ports::{Artifacts, BuildStatus, Images};
use tar::{Builder, Header};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

use super::http::HttpClient;
use super::server::HOME_VARIABLE;
use super::*;
use crate::home::Home;

mod adoption;
mod endpoints;
mod loads;
mod real_server;
mod restarts;
mod switching;

/// Long enough for whatever will come at all.
const PATIENCE: Duration = Duration::from_secs(90);
const GOOD: &str = r#"{"answer": "good"}"#;
const BROKEN: &str = r#"{"health": "exit"}"#;

/// The stand-in for the inference server needs Python, and nothing else.
macro_rules! bench_or_skip {
    () => {
        match Bench::new() {
            Some(bench) => bench,
            None => {
                eprintln!("skipped: there is no python3 to run the stand-in server with");
                return;
            }
        }
    };
}
use bench_or_skip;

#[tokio::test(flavor = "multi_thread")]
async fn the_deployments_keep_their_promises() {
    let bench = bench_or_skip!();
    let deployments = bench.open().await;
    let spec = bench.spec("d", GOOD).await;
    let broken = Some(bench.spec("broken", BROKEN).await);
    let payload = b"{}".to_vec();
    let example = conformance::deployments::Example { deployments: &deployments, spec, broken, payload };
    conformance::deployments::all(&example).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asked_is_told_that_it_is_ready() {
    let bench = bench_or_skip!();
    let deployments = bench.open().await;
    let spec = bench.spec("d1", GOOD).await;

    bench.ready(&deployments, &spec).await;

    let message = bench.told("deploy").await;
    assert_eq!(message.id, "deployment-d1-ready-1");
    assert_eq!((message.run, message.step, message.attempt), (spec.reply_to.run, spec.reply_to.step, 2));
    let endpoint = "http://127.0.0.1:7071/endpoints/diabetes_regression/qa/score".into();
    assert_eq!(message.event, Event::DeploymentReady { deployment: "d1".parse().unwrap(), endpoint });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_cannot_start_fails_with_its_last_words() {
    let bench = bench_or_skip!();
    let deployments = bench.open().await;
    let spec = bench.spec("d1", BROKEN).await;

    let reason = bench.failed(&deployments, &spec).await;

    assert!(reason.contains("ended with exit code 3 before it was healthy"), "{reason}");
    assert!(reason.contains("ValueError: the model is of another version"), "{reason}");
    let message = bench.told("deploy").await;
    assert_eq!(message.id, "deployment-d1-failed-1");
    assert_eq!(message.event, Event::DeploymentFailed { deployment: "d1".parse().unwrap(), reason });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_never_gets_healthy_fails_at_its_deadline_and_leaves_no_process() {
    let mut bench = bench_or_skip!();
    bench.settings.healthy_within = Duration::from_secs(2);
    let deployments = bench.open().await;
    let spec = bench.spec("d1", r#"{"health": "never"}"#).await;
    deployments.apply(&spec).await.unwrap();
    let process = bench.process_of(&deployments, &spec).await;

    let reason = bench.failed(&deployments, &spec).await;

    assert!(reason.contains("was not healthy within 2 s"), "{reason}");
    gone(&process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_not_there_fails_the_deployment() {
    let bench = bench_or_skip!();
    let deployments = bench.open().await;
    let mut spec = bench.spec("d1", GOOD).await;
    spec.release.image = Digest::of(b"absent");

    let reason = bench.failed(&deployments, &spec).await;

    assert!(reason.contains("could not be unpacked"), "{reason}");
    assert!(reason.contains(spec.release.image.as_str()), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_processors_are_threads_of_the_libraries() {
    let bench = bench_or_skip!();
    let deployments = bench.open().await;
    let mut spec = bench.spec("d1", GOOD).await;
    spec.release.limits.cpu_cores = 2.5;

    bench.ready(&deployments, &spec).await;

    let body = bench.call(&deployments, &spec).await;
    assert!(body.contains(r#""threads": "3""#), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_has_what_the_server_says_and_ends_with_the_deployment() {
    let bench = bench_or_skip!();
    let deployments = bench.open().await;
    let spec = bench.spec("d1", GOOD).await;
    bench.ready(&deployments, &spec).await;
    let (project, environment) = (&spec.project, &spec.environment);
    let name = &spec.release.deployment;

    let log = deployments.logs(project, environment, name, 0).await.unwrap();
    assert!(log.text.starts_with("starting with the model"), "{}", log.text);
    assert!(!log.ended);

    deployments.remove(project, environment, name).await.unwrap();
    let rest = deployments.logs(project, environment, name, log.next).await.unwrap();
    assert!(rest.ended);
    let unknown = deployments.logs(project, environment, &"other".parse().unwrap(), 0).await.unwrap_err();
    assert!(unknown.to_string().contains("there is no deployment other"), "{unknown}");
}

/// Waits until a process has ended.
async fn gone(process: &process::Mark) {
    let ended = async {
        while process::Process::adopt(process).is_some() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, ended).await.expect("the process should end");
}

/// Python as it is on this machine, with a stand-in for the inference server.
#[derive(Debug)]
struct StandIn;

#[async_trait]
impl Interpreters for StandIn {
    async fn python_bin(&self, requirements: &[u8], _log: PathBuf) -> Result<PathBuf, String> {
        assert_eq!(requirements, b"joblib==1.6.0");
        Ok(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/deployments/tests/bin"))
    }
}

/// A home, and images in it.
struct Bench {
    home: Home,
    images: LocalImages,
    settings: Settings,
    dir: TempDir,
}

impl Bench {
    fn new() -> Option<Self> {
        std::process::Command::new("python3").arg("--version").output().ok().filter(|said| said.status.success())?;
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path().join("home")).unwrap();
        let images = LocalImages::open(dir.path().join("images"), Arc::new(home.artifacts())).unwrap();
        let settings = Settings {
            restart_after: Duration::from_millis(10),
            stop_within: Duration::from_secs(5),
            ..Settings::default()
        };
        Some(Self { home, images, settings, dir })
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("deployments")
    }

    async fn open(&self) -> LocalDeployments {
        self.open_with(Arc::new(StandIn)).await
    }

    async fn open_with(&self, interpreters: Arc<dyn Interpreters>) -> LocalDeployments {
        let bus = Arc::new(self.home.broker().clone());
        let settings = self.settings.clone();
        LocalDeployments::open(self.folder(), self.images.clone(), interpreters, bus, settings).await.unwrap()
    }

    /// A release with this model, for the environment `qa`.
    async fn spec(&self, deployment: &str, model: &str) -> DeploymentSpec {
        let files = [("score.py", "def init(): ..."), ("requirements.txt", "joblib==1.6.0")];
        let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
        self.spec_of(deployment, &files, "score.py", "requirements.txt", "model.json", model.as_bytes()).await
    }

    async fn spec_of(
        &self,
        deployment: &str,
        files: &[(String, Vec<u8>)],
        entry: &str,
        environment: &str,
        model_file: &str,
        model: &[u8],
    ) -> DeploymentSpec {
        let artifacts = self.home.artifacts();
        let mut tar = Builder::new(Vec::new());
        for (path, bytes) in files {
            let mut header = Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, path, bytes.as_slice()).unwrap();
        }
        let model = Model {
            name: "diabetes_regression_model".parse().unwrap(),
            version: 1,
            digest: artifacts.put(model.to_vec()).await.unwrap(),
            metrics: BTreeMap::new(),
        };
        let run = "r1".parse().unwrap();
        let reply_to = ReplyTo { run, step: StepKey::at(Step::Deploy, &"qa".parse().unwrap()), attempt: 2 };
        let build = BuildSpec {
            name: format!("build-{deployment}").parse().unwrap(),
            project: "diabetes_regression".parse().unwrap(),
            reply_to: reply_to.clone(),
            source: artifacts.put(tar.into_inner().unwrap()).await.unwrap(),
            model: model.clone(),
            model_file: model_file.into(),
            entry: entry.into(),
            environment: environment.into(),
            include: vec![".".into()],
        };
        let BuildStatus::Built { digest } = self.images.build(&build).await.unwrap() else {
            panic!("the image should be built")
        };
        DeploymentSpec {
            project: build.project,
            environment: "qa".parse().unwrap(),
            release: Release {
                deployment: deployment.parse().unwrap(),
                run: reply_to.run.clone(),
                number: 1,
                model,
                image: digest,
                config: Digest::of(b"config"),
                limits: Limits { cpu_cores: 1.0, memory_mib: 512 },
                deployed_at: None,
                endpoint: None,
            },
            reply_to,
        }
    }

    async fn ready(&self, deployments: &LocalDeployments, spec: &DeploymentSpec) {
        deployments.apply(spec).await.unwrap();
        match self.settled(deployments, spec).await {
            DeploymentStatus::Ready { .. } => {}
            status => panic!("{status:?}"),
        }
    }

    async fn failed(&self, deployments: &LocalDeployments, spec: &DeploymentSpec) -> String {
        deployments.apply(spec).await.unwrap();
        match self.settled(deployments, spec).await {
            DeploymentStatus::Failed { reason } => reason,
            status => panic!("{status:?}"),
        }
    }

    async fn settled(&self, deployments: &LocalDeployments, spec: &DeploymentSpec) -> DeploymentStatus {
        let begun = Instant::now();
        loop {
            let DeploymentSpec { project, environment, release, .. } = spec;
            match deployments.status(project, environment, &release.deployment).await.unwrap() {
                DeploymentStatus::Starting if begun.elapsed() < PATIENCE => sleep(Duration::from_millis(20)).await,
                status => return status,
            }
        }
    }

    /// Sends a body until it is answered, as a smoke test does.
    async fn call(&self, deployments: &LocalDeployments, spec: &DeploymentSpec) -> String {
        let DeploymentSpec { project, environment, release, .. } = spec;
        let begun = Instant::now();
        loop {
            let answer = deployments.call(project, environment, &release.deployment, b"{}".to_vec()).await.unwrap();
            match answer {
                Answer::Answered { status: 200, body } => return body,
                Answer::Unreachable { .. } if begun.elapsed() < PATIENCE => sleep(Duration::from_millis(20)).await,
                answer => {
                    let log = self.folder().join(release.deployment.as_str()).join("server.log");
                    panic!("{answer:?}: {}", std::fs::read_to_string(log).unwrap_or_default())
                }
            }
        }
    }

    /// The process of a deployment, once there is one.
    async fn process_of(&self, deployments: &LocalDeployments, spec: &DeploymentSpec) -> process::Mark {
        let environment = deployments.shared.environment(&(spec.project.clone(), spec.environment.clone())).unwrap();
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let inner = environment.inner.lock().await;
            let deployment = inner.state.deployments.get(&spec.release.deployment);
            if let Some(running) = deployment.and_then(|deployment| deployment.process.as_ref()) {
                return running.mark.clone();
            }
            drop(inner);
            sleep(Duration::from_millis(20)).await;
        }
        panic!("{} has no process", spec.release.deployment);
    }

    /// The next message that was sent to a queue.
    async fn told(&self, queue: &str) -> Message {
        let broker = self.home.broker();
        let received = timeout(PATIENCE, broker.receive(queue, 1)).await.expect("a message should come").unwrap();
        let delivery = &received[0];
        broker.complete(delivery.lock).unwrap();
        serde_json::from_slice(&delivery.message.body).unwrap()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Servers outlive the host, but not the test.
        let folder = std::path::absolute(self.folder()).unwrap();
        process::end_strays(&format!("{HOME_VARIABLE}={}", folder.display()), &[]);
    }
}

/// The endpoints, on a port of their own.
struct Endpoint {
    port: u16,
    client: HttpClient,
}

impl Endpoint {
    async fn serve(deployments: &LocalDeployments) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = deployments.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { port, client: http::client() }
    }

    async fn ask(&self, method: Method, path: &str, body: &'static str) -> (StatusCode, HeaderMap, serde_json::Value) {
        let request = http::request(method, self.port, path, HeaderMap::new(), Bytes::from(body));
        let answer = self.client.request(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn score(&self) -> (StatusCode, HeaderMap, serde_json::Value) {
        self.ask(Method::POST, "/endpoints/diabetes_regression/qa/score", "{}").await
    }
}
