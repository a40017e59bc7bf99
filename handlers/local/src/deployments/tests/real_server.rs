//! The vendor's inference server itself, in an environment that is made once and kept in the target folder.

use std::fs;
use std::process::Command;

use pipeline::manifest::Load;

use super::*;

const SCORE: &str = r#"
import json
import os
from pathlib import Path


def init():
    global model
    model = json.loads((Path(os.environ["AZUREML_MODEL_DIR"]) / "model.json").read_text())
    print("loaded", model)


def run(data):
    return {"answer": model["answer"], "sum": sum(json.loads(data).get("data", []))}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_vendors_server_is_deployed_replaced_restarted_and_measured() {
    let Some(bench) = Bench::new() else { return };
    let python = match tokio::task::spawn_blocking(python_with_the_server).await.unwrap() {
        Ok(python) => python,
        Err(reason) => {
            eprintln!("skipped: no environment with azureml-inference-server-http: {reason}");
            return;
        }
    };
    let deployments = bench.open_with(Arc::new(Kept(python.clone()))).await;
    let endpoint = Endpoint::serve(&deployments).await;
    let (first, second) = (spec(&bench, "d1").await, spec(&bench, "d2").await);

    bench.ready(&deployments, &first).await;
    assert_eq!(answer(&endpoint).await, serde_json::json!({ "answer": "d1", "sum": 6 }));
    let port = listening(&deployments, &first).await;
    assert!(only_loopback_listens(port));

    bench.ready(&deployments, &second).await;
    assert_eq!(answer(&endpoint).await["answer"], "d2");

    let process = bench.process_of(&deployments, &second).await;
    process.kill_leader();
    gone(&process).await;
    bench.call(&deployments, &second).await;
    assert_ne!(bench.process_of(&deployments, &second).await, process);

    let DeploymentSpec { project, environment, release, .. } = &second;
    let log = deployments.logs(project, environment, &release.deployment, 0).await.unwrap().text;
    assert!(log.contains("loaded {'answer': 'd2'}"), "{log}");
    assert!(!log.contains("POST /score"), "each request has a line: {log}");
    assert!(!log.contains("Traceback"), "{log}");

    let folder = bench.dir.path().join("load");
    fs::create_dir(&folder).unwrap();
    let unpacked = bench.images.unpack(&release.image, &folder.join("image")).await.unwrap();
    let load = Load { payload: "smoke.json".into(), seconds: 2, concurrency: 2 };
    let payload = br#"{"data": [1, 2, 3]}"#.to_vec();
    let measured =
        load::run(&unpacked.app, &python, &unpacked.entry, &load, payload, &folder.join("server.log")).await.unwrap();
    eprintln!("{:?}", measured.metrics);
    assert!(measured.metrics["memory_mib"] > 10.0, "{measured:?}");
    assert!(measured.metrics["requests_per_second"] > 0.0, "{measured:?}");
}

async fn answer(endpoint: &Endpoint) -> serde_json::Value {
    let path = "/endpoints/diabetes_regression/qa/score";
    let (status, _, body) = endpoint.ask(Method::POST, path, r#"{"data": [1, 2, 3]}"#).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body
}

async fn spec(bench: &Bench, name: &str) -> DeploymentSpec {
    let files = [("scoring/score.py", SCORE), ("scoring/requirements.txt", "azureml-inference-server-http==1.5.1")];
    let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    let model = format!(r#"{{"answer": "{name}"}}"#);
    bench.spec_of(name, &files, "scoring/score.py", "scoring/requirements.txt", "model.json", model.as_bytes()).await
}

async fn listening(deployments: &LocalDeployments, spec: &DeploymentSpec) -> u16 {
    let place = (spec.project.clone(), spec.environment.clone());
    deployments.shared.board.serving(&place).unwrap()[0].1.port().unwrap()
}

/// Every socket that listens on this port listens on 127.0.0.1, as far as this system tells.
fn only_loopback_listens(port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let suffix = format!(":{port:04X}");
    let mut listening = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields.get(3) == Some(&"0A"));
    listening.all(|fields| !fields[1].ends_with(&suffix) || fields[1].starts_with("0100007F"))
}

#[derive(Debug)]
struct Kept(PathBuf);

#[async_trait]
impl Interpreters for Kept {
    async fn python_bin(&self, _requirements: &[u8], _log: PathBuf) -> Result<PathBuf, String> {
        Ok(self.0.clone())
    }
}

/// The environment's folder of programs. It is made under a lock: other test processes may want it too.
fn python_with_the_server() -> Result<PathBuf, String> {
    let target = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = target.ancestors().find(|folder| folder.ends_with("target")).ok_or("there is no target folder")?;
    let environment = target.join("test-python/azureml-inference-server-http-1.5.1");
    fs::create_dir_all(&environment).map_err(|error| error.to_string())?;
    let lock = fs::File::create(environment.join("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let venv = environment.join("venv");
    let whole = environment.join("whole");
    if !whole.exists() {
        said(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        let pip = venv.join("bin/python");
        let words =
            ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "azureml-inference-server-http==1.5.1"];
        said(Command::new(pip).args(words))?;
        fs::write(&whole, "").map_err(|error| error.to_string())?;
    }
    Ok(venv.join("bin"))
}

fn said(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
