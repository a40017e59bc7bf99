//! Runs: queued, started, running, ended.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flate2::read::GzDecoder;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::data::Manifest;
use super::{ContainerRegistry, Registry, request, resource, time};
use crate::{Asked, Told};

/// Work that takes no longer is waited for.
const QUICK: Duration = Duration::from_millis(200);

/// What a run is to do.
#[derive(Debug, Clone)]
pub struct RunOrder {
    /// The run's id.
    pub run: String,
    /// The login server.
    pub registry: String,
    /// The request.
    pub request: Value,
    /// The task's YAML, if it is not a plain build.
    pub task: Option<String>,
    /// The context's files.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct RunEnd {
    pub is_good: bool,
    /// What it said.
    pub log: String,
    /// How long it took, in seconds, by the fake's clock.
    pub secs: i64,
}

/// A run.
#[derive(Debug)]
pub struct Run {
    pub order: RunOrder,
    created: Timestamp,
    /// None: somebody is still at it.
    end: Arc<Mutex<Option<RunEnd>>>,
    /// Status and time of the end.
    pub ended: Option<(&'static str, Timestamp)>,
    pub log: String,
    outputs: Vec<Value>,
}

impl Run {
    fn status(&self, pace: i64, now: Timestamp) -> &'static str {
        match &self.ended {
            Some((status, _)) => status,
            None if now < self.created + SignedDuration::from_secs(pace) => "Queued",
            None if now < self.created + SignedDuration::from_secs(2 * pace) => "Started",
            None => "Running",
        }
    }

    fn properties(&self, pace: i64, now: Timestamp) -> Value {
        let request = &self.order.request;
        let is_build = request["type"] == "DockerBuildRequest";
        let mut properties = json!({
            "runId": self.order.run,
            "status": self.status(pace, now),
            "runType": if is_build { "QuickBuild" } else { "QuickRun" },
            "createTime": time(self.created),
            "lastUpdatedTime": time(now),
            "platform": request["platform"],
            "agentConfiguration": {"cpu": request["agentConfiguration"]["cpu"].as_i64().unwrap_or(2)},
            "provisioningState": "Succeeded",
            "isArchiveEnabled": false,
        });
        if let Some((_, at)) = &self.ended {
            properties["finishTime"] = time(*at).into();
        }
        if !self.outputs.is_empty() {
            properties["outputImages"] = self.outputs.clone().into();
        }
        properties
    }
}

impl ContainerRegistry {
    /// Begins a run; answers its id.
    pub(super) fn begin(&mut self, name: &str, request: &Value, now: Timestamp) -> String {
        let run = format!("cf{}", self.next());
        let source = request["sourceLocation"].as_str().unwrap_or_default();
        let context = self.uploads.get(source).cloned().unwrap_or_default();
        let files = unpacked(&context).unwrap_or_default();
        let order = RunOrder {
            run: run.clone(),
            registry: format!("{name}.azurecr.io"),
            request: request.clone(),
            task: request::task(request),
            files,
        };
        let refused = self.registry(name).refusal(&order);
        let good = RunEnd { is_good: true, log: "Step 1/1\nSuccessfully built\n".into(), secs: 0 };
        let end = Arc::new(Mutex::new(None));
        match (refused, self.on_run.clone()) {
            (Some(log), _) => *lock(&end) = Some(RunEnd { is_good: false, log, secs: 0 }),
            (None, None) => *lock(&end) = Some(good),
            (None, Some(work)) => {
                let (end, order) = (Arc::clone(&end), order.clone());
                let (done, wait) = std::sync::mpsc::channel();
                std::thread::spawn(move || {
                    let told = work(&order);
                    *lock(&end) = Some(told);
                    let _ = done.send(());
                });
                // What is done at once is known at once, so that a test need not ask twice.
                let _ = wait.recv_timeout(QUICK);
            }
        }
        let made = Run { order, created: now, end, ended: None, log: String::new(), outputs: Vec::new() };
        self.registry(name).runs.insert(run.clone(), made);
        run
    }

    pub(super) fn schedule(&mut self, name: &str, asked: &Asked<'_>) -> Told {
        if let Some(wrong) = request::wrong(asked.body, &asked.query["api-version"]) {
            return Told::error(400, "InvalidParameter", &wrong);
        }
        let run = self.begin(name, asked.body, asked.now);
        self.run(name, &run, asked)
    }

    pub(super) fn run(&mut self, name: &str, run: &str, asked: &Asked<'_>) -> Told {
        match self.run_json(name, run, asked) {
            Some(found) => Told::json(200, &found),
            None => Told::error(404, "RunNotFound", "The requested run could not be found."),
        }
    }

    pub(super) fn run_json(&mut self, name: &str, run: &str, asked: &Asked<'_>) -> Option<Value> {
        let pace = self.pace();
        let found = self.registry(name).runs.get(run)?;
        Some(resource(asked, "runs", run, &found.properties(pace, asked.now)))
    }

    pub(super) fn runs(&mut self, name: &str, asked: &Asked<'_>) -> Told {
        let runs: Vec<_> = self.registry(name).runs.keys().rev().cloned().collect();
        let runs: Vec<_> = runs.iter().filter_map(|run| self.run_json(name, run, asked)).collect();
        Told::json(200, &json!({"value": runs}))
    }

    pub(super) fn cancel(&mut self, name: &str, run: &str, asked: &Asked<'_>) -> Told {
        let Some(run) = self.registry(name).runs.get_mut(run) else {
            return Told::error(404, "RunNotFound", "The requested run could not be found.");
        };
        if run.ended.is_some() {
            return Told::error(409, "RunNotCancellable", "The run has ended.");
        }
        run.ended = Some(("Canceled", asked.now));
        run.log = "The run was canceled.\n".into();
        Told::empty(200)
    }

    pub(super) fn log_of(&self, registry: &str, run: &str) -> Option<&str> {
        self.registries.get(registry)?.runs.get(run).map(|run| run.log.as_str())
    }
}

impl Registry {
    /// Why a run cannot do what it should, as its log says it.
    fn refusal(&self, order: &RunOrder) -> Option<String> {
        let file = order.request["dockerFilePath"].as_str().unwrap_or("Dockerfile");
        let Some(dockerfile) = order.files.get(file) else {
            return Some(format!("failed to download the source code, or there is no {file} in it\n"));
        };
        let login = &order.request["credentials"]["sourceRegistry"];
        let is_build = order.task.is_none();
        let opens = if self.abac { login["identity"] == "[caller]" } else { login["loginMode"] == "Default" };
        let opens = opens || (is_build && !self.abac && login["loginMode"] != "None");
        let dockerfile = String::from_utf8_lossy(dockerfile);
        let from = dockerfile.lines().find_map(|line| line.strip_prefix("FROM ")).unwrap_or_default();
        if let Some(image) = from.strip_prefix(&format!("{}/", order.registry)) {
            let (repository, digest) = image.split_once('@').unwrap_or((image, ""));
            let is_there = self.repositories.get(repository).is_some_and(|it| it.manifests.contains_key(digest));
            return match (opens, is_there) {
                (false, _) => Some("unauthorized: authentication required\n".into()),
                (true, false) => Some(format!("manifest for {from} not found: manifest unknown\n")),
                (true, true) => None,
            };
        }
        (is_build && !opens).then(|| "unauthorized: authentication required\n".into())
    }

    /// Ends runs that have had their time; what they build is there then.
    pub(super) fn settle_runs(&mut self, name: &str, pace: i64, now: Timestamp) {
        for (id, run) in self.runs.iter_mut().filter(|(_, run)| run.ended.is_none()) {
            let Some(end) = lock(&run.end).clone() else { continue };
            let takes = SignedDuration::from_secs(2 * pace) + SignedDuration::from_secs(end.secs);
            if run.created.saturating_add(takes).is_ok_and(|at| at > now) {
                continue;
            }
            run.ended = Some((if end.is_good { "Succeeded" } else { "Failed" }, now));
            run.log = end.log;
            let names = run.order.request["imageNames"].as_array().into_iter().flatten();
            let names: Vec<_> = names.filter_map(|name| name.as_str()?.rsplit_once(':')).collect();
            if !end.is_good || names.is_empty() {
                continue;
            }
            let manifest = Manifest::built(id, now);
            for (repository, tag) in names {
                let digest = manifest.digest();
                run.outputs.push(json!({
                    "registry": format!("{name}.azurecr.io"), "repository": repository, "tag": tag, "digest": digest,
                }));
                let repository = self.repositories.entry(repository.to_owned()).or_default();
                repository.tags.insert(tag.to_owned(), digest.clone());
                repository.manifests.entry(digest).or_insert_with(|| manifest.clone());
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unpacked(context: &[u8]) -> Option<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(GzDecoder::new(context)).entries().ok()? {
        let mut entry = entry.ok()?;
        let path = entry.path().ok()?.to_str()?.to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).ok()?;
        files.insert(path, bytes);
    }
    Some(files)
}
