//! Containers, as folders of this machine: what the registry's tasks build and run, and what serves. Their Python is the
//! machine's own; two programs that an installation would bring stand beside it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use fake_azure::container_registry::{Manifest, RunEnd, RunOrder};
use fake_azure::kubernetes::Kind;
use fake_azure::{Fake, World};
use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;

const PYTEST: &str = include_str!("programs/pytest.py");
const SERVER: &str = include_str!("programs/azmlinfsrv.py");

type Files = BTreeMap<String, Vec<u8>>;

/// Images, and who serves by which of them.
#[derive(Debug, Default)]
pub struct Containers {
    /// What images were built from, by their digests.
    images: Mutex<BTreeMap<String, Files>>,
    /// The image behind a host, by the first word of its name.
    behind: Mutex<BTreeMap<String, String>>,
    /// The only image that answers rightly in PROD; None: each does.
    right_in_prod: Mutex<Option<String>>,
    /// Runs that really go on.
    busy: AtomicUsize,
}

impl Containers {
    /// Has the fake's runs and models do what they say.
    pub fn serve(fake: &Fake) -> Arc<Self> {
        let containers = Arc::new(Self::default());
        let mut world = fake.world();
        let runs = containers.clone();
        world.container_registry.on_run = Some(Arc::new(move |order| {
            runs.busy.fetch_add(1, Ordering::SeqCst);
            let end = runs.run(order);
            runs.busy.fetch_sub(1, Ordering::SeqCst);
            end
        }));
        let serving = containers.clone();
        world.serving.on_score = Some(Box::new(move |host, body| serving.score(host, body)));
        drop(world);
        containers
    }

    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::SeqCst) > 0
    }

    /// From now on all other images answer wrongly in PROD.
    pub fn trust_in_prod(&self, image: &str) {
        *self.right_in_prod.lock().unwrap() = Some(image.to_owned());
    }

    /// Looks who serves by which image.
    pub fn look(&self, world: &World) {
        let mut behind = BTreeMap::new();
        for group in world.container_instances.groups.values() {
            let properties = &group.body["properties"];
            let label = properties["ipAddress"]["dnsNameLabel"].as_str().unwrap();
            behind.insert(label.to_owned(), digest(&properties["containers"][0]["properties"]["image"]));
        }
        let objects = &world.kubernetes.objects;
        for ((_, name), service) in objects.iter().filter(|((kind, _), _)| *kind == Kind::Service) {
            let selected = service.value["spec"]["selector"]["trainyard/deployment"].as_str().unwrap_or_default();
            if let Some(deployment) = objects.get(&(Kind::Deployment, selected.to_owned())) {
                let pod = &deployment.value["spec"]["template"]["spec"];
                behind.insert(name.clone(), digest(&pod["containers"][0]["image"]));
            }
        }
        *self.behind.lock().unwrap() = behind;
    }

    fn run(&self, order: &RunOrder) -> RunEnd {
        if order.task.is_none() {
            let image = Manifest::built(&order.run, Timestamp::UNIX_EPOCH).digest();
            self.images.lock().unwrap().insert(image, order.files.clone());
            return RunEnd { is_good: true, log: "Successfully built\n".into(), secs: 60 };
        }
        let dockerfile = String::from_utf8_lossy(&order.files["Dockerfile"]).into_owned();
        let line = |head: &str| dockerfile.lines().find_map(|line| line.strip_prefix(head)).unwrap();
        let image = line("FROM ").split_once('@').map(|(_, image)| self.image(image));
        let container = Container::new(image.as_ref());
        write_all(&container.path("trainyard"), &order.files, "job/");
        let words: Vec<String> = serde_json::from_str(line("ENTRYPOINT ")).unwrap();
        let ran = container.command(&words[1..]).output().unwrap();
        let log = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
        RunEnd { is_good: ran.status.success(), log, secs: 20 }
    }

    fn image(&self, digest: &str) -> Files {
        self.images.lock().unwrap()[digest].clone()
    }

    fn score(&self, host: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let label = host.split('.').next().unwrap();
        let image = self.behind.lock().unwrap().get(label).cloned();
        let Some(image) = image else { return (503, b"nobody is there".to_vec()) };
        let right = self.right_in_prod.lock().unwrap().clone();
        if host.ends_with(".example") && right.is_some_and(|right| right != image) {
            return (200, br#"{"result": [-1.0]}"#.to_vec());
        }
        let files = self.image(&image);
        let dockerfile = String::from_utf8_lossy(&files["Dockerfile"]).into_owned();
        let words = dockerfile.lines().find_map(|line| line.strip_prefix("ENTRYPOINT ")).unwrap();
        let mut words: Vec<String> = serde_json::from_str(words).unwrap();
        words[0] = "/bin/azmlinfsrv".into();
        words.push("--once".into());
        let container = Container::new(Some(&files));
        let mut scoring = container.command(&words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        scoring.stdin.take().unwrap().write_all(body).unwrap();
        let told = scoring.wait_with_output().unwrap().stdout;
        let end = told.iter().position(|byte| *byte == b'\n').expect("the scoring script was started");
        (String::from_utf8_lossy(&told[..end]).parse().unwrap(), told[end + 1..].to_vec())
    }
}

/// A container's files.
struct Container(TempDir);

impl Container {
    /// Of an image that was built here, or of plain Python.
    fn new(image: Option<&Files>) -> Self {
        let container = Self(tempfile::tempdir().unwrap());
        for folder in ["app", "tmp", "bin", "site"] {
            fs::create_dir(container.path(folder)).unwrap();
        }
        if let Some(files) = image {
            write_all(&container.path("app"), files, "app/");
            write_all(&container.path("app/model"), files, "model/");
        }
        fs::write(container.path("site/pytest.py"), PYTEST).unwrap();
        container.program("azmlinfsrv", &format!("#!/usr/bin/env python3\n{SERVER}"));
        container.program("python", "#!/bin/sh\nexec python3 \"$@\"\n");
        container
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Python with these words, as a container's entry point has them. No environment is installed.
    fn command(&self, words: &[String]) -> Command {
        let is_of_environment =
            |at: usize| words[at] == "--environment" || (at > 0 && words[at - 1] == "--environment");
        let here = |word: &str| {
            let is_ours = ["/app", "/bin", "/tmp", "/trainyard"].iter().any(|folder| word.starts_with(folder));
            if is_ours { self.path(&word[1..]).display().to_string() } else { word.to_owned() }
        };
        let words = words.iter().enumerate().filter(|(at, _)| !is_of_environment(*at)).map(|(_, word)| here(word));
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("python3");
        command.args(words).env("PATH", path).env("PYTHONPATH", self.path("site")).current_dir(self.path("tmp"));
        command
    }
}

/// Writes the files below a folder of the context.
fn write_all(to: &Path, files: &Files, below: &str) {
    for (path, bytes) in files.iter().filter_map(|(path, bytes)| Some((path.strip_prefix(below)?, bytes))) {
        let path = to.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// The digest in a reference.
fn digest(reference: &Value) -> String {
    reference.as_str().unwrap().split_once('@').expect("images are known by their digests").1.to_owned()
}
