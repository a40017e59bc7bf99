//! Images are built once, found again by the build's name, and shared by what is the same.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;

use async_trait::async_trait;
use fake_azure::container_registry::RunEnd;
use flate2::read::GzDecoder;
use pipeline::effect::BuildSpec;
use pipeline::names::{BuildName, Digest};
use runner::conformance;
use runner::ports::{BuildStatus, Images, PortError, Result};
use std::sync::Arc;

use super::{REPOSITORY, Registries, snapshot};
use crate::fake::Fault;

/// Waits for a build, by turning the clock.
#[derive(Debug)]
struct AtOnce<'a>(&'a Registries);

impl fmt::Display for AtOnce<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.images.fmt(f)
    }
}

#[async_trait]
impl Images for AtOnce<'_> {
    async fn build(&self, build: &BuildSpec) -> Result<BuildStatus> {
        let mut status = self.0.images.build(build).await?;
        while status == BuildStatus::Running {
            self.0.clock.advance_secs(30);
            status = self.status(&build.name).await?;
        }
        Ok(status)
    }

    async fn status(&self, build: &BuildName) -> Result<BuildStatus> {
        self.0.images.status(build).await
    }

    async fn has(&self, image: &Digest) -> Result<bool> {
        self.0.images.has(image).await
    }
}

async fn built(registries: &Registries, spec: &BuildSpec) -> Digest {
    match AtOnce(registries).build(spec).await.unwrap() {
        BuildStatus::Built { digest } => digest,
        status => panic!("{} is {status:?}", spec.name),
    }
}

#[tokio::test]
async fn all_promises_of_images_are_kept() {
    let registries = Registries::new().await;
    let spec = registries.build("package-diabetes-1");
    let mut other = spec.clone();
    other.model.digest = registries.artifacts.put(b"another model".to_vec()).await.unwrap();

    conformance::images::all(&conformance::images::Example { images: &AtOnce(&registries), spec, other }).await;
}

#[tokio::test]
async fn a_build_that_is_asked_for_again_is_adopted_in_each_of_its_states() {
    let registries = Registries::new().await;
    let spec = registries.build("package-diabetes-1");

    for secs in [0, 3, 5, 5, 30] {
        registries.clock.advance_secs(secs);
        assert_eq!(registries.images.build(&spec).await.unwrap(), BuildStatus::Running, "after {secs} s");
        assert_eq!(registries.images.status(&spec.name).await.unwrap(), BuildStatus::Running);
    }
    assert_eq!((registries.runs(), registries.uploaded().len()), (1, 1));
    let digest = built(&registries, &spec).await;

    assert_eq!(registries.images.build(&spec).await.unwrap(), BuildStatus::Built { digest });
    assert_eq!(registries.runs(), 1);
}

#[tokio::test]
async fn a_build_is_found_by_its_tag_when_nobody_remembers_its_run() {
    let registries = Registries::new().await;
    let spec = registries.build("package-diabetes-1");
    let digest = built(&registries, &spec).await;

    registries.fake.world().container_registry.registry("mlopsacr").task_runs.clear();

    let is_built = BuildStatus::Built { digest };
    assert_eq!(registries.images.status(&spec.name).await.unwrap(), is_built);
    assert_eq!(registries.images.build(&spec).await.unwrap(), is_built);
    assert_eq!(registries.runs(), 1);
}

#[tokio::test]
async fn what_was_just_begun_is_not_unknown_because_it_is_not_found_at_once() {
    let registries = Registries::new().await;
    let spec = registries.build("package-diabetes-1");
    registries.images.build(&spec).await.unwrap();

    registries.fake.spoil(1, Fault::Status(404));

    assert_eq!(registries.images.status(&spec.name).await.unwrap(), BuildStatus::Running);
}

#[tokio::test]
async fn the_same_content_is_built_once_and_uploaded_alike() {
    let registries = Registries::new().await;
    let first = built(&registries, &registries.build("package-diabetes-1")).await;
    registries.clock.advance_secs(86_400);

    assert_eq!(
        registries.images.build(&registries.build("package-diabetes-2")).await.unwrap(),
        BuildStatus::Built { digest: first.clone() },
        "it is there at once"
    );
    assert_eq!(registries.runs(), 1);

    // Somebody has emptied the repository: it is built anew, from the very same bytes.
    registries.fake.world().container_registry.registry("mlopsacr").repositories.clear();
    let again = built(&registries, &registries.build("package-diabetes-3")).await;
    assert_ne!(again, first, "no two builds of Docker give the same digest");
    let uploaded = registries.uploaded();
    assert!(uploaded.len() == 2 && uploaded[0] == uploaded[1]);
}

#[tokio::test]
async fn the_context_is_what_is_included_the_model_and_a_dockerfile() {
    let registries = Registries::new().await;
    built(&registries, &registries.build("package-diabetes-1")).await;

    let files = registries.order().files;
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "Dockerfile",
            "app/scoring/requirements.txt",
            "app/scoring/score.py",
            "app/scoring/tests/test_image.py",
            "model/model.pkl"
        ]
    );
    assert_eq!(files["model/model.pkl"], b"a model");
    let model = Digest::of(b"a model");
    let environment = Digest::of(&files["app/scoring/requirements.txt"]);
    let wanted = format!(
        r#"FROM mcr.microsoft.com/devcontainers/python:3.11
USER root
COPY app/ /app/
WORKDIR /app
RUN ["python3","-m","venv","/opt/environment"]
RUN ["/opt/environment/bin/python","-m","pip","install","--no-cache-dir","--requirement","/app/scoring/requirements.txt"]
RUN ["sh","-c","test -x /opt/environment/bin/azmlinfsrv || /opt/environment/bin/python -m pip install --no-cache-dir 'azureml-inference-server-http~=1.5'"]
COPY model/ /app/model/
ENV AZUREML_ENTRY_SCRIPT="/app/scoring/score.py"
ENV AZUREML_APP_ROOT="/app"
ENV AML_APP_ROOT="/app"
ENV AZUREML_MODEL_DIR="/app/model"
ENV AML_APP_INSIGHTS_ENABLED="false"
ENV APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL="true"
ENV SERVER_VERSION_LOG_RESPONSE_ENABLED="false"
ENV PYTHONUNBUFFERED="1"
ENV PYTHONDONTWRITEBYTECODE="1"
ENV HOME="/tmp"
ENV PATH="/opt/environment/bin:$PATH"
LABEL trainyard.entry="scoring/score.py"
LABEL trainyard.environment="{environment}"
LABEL trainyard.environment.file="scoring/requirements.txt"
LABEL trainyard.model="diabetes:7"
LABEL trainyard.model.digest="{model}"
LABEL trainyard.model.file="model.pkl"
EXPOSE 5001
USER 1000:1000
ENTRYPOINT ["azmlinfsrv","--entry_script","/app/scoring/score.py","--model_dir","/app/model","--port","5001"]
"#
    );
    assert_eq!(String::from_utf8_lossy(&files["Dockerfile"]), wanted);
}

#[tokio::test]
async fn the_context_knows_neither_owners_nor_times() {
    let registries = Registries::new().await;
    built(&registries, &registries.build("package-diabetes-1")).await;

    let packed = registries.uploaded().remove(0);
    assert_eq!(packed[4..8], [0; 4], "gzip keeps a time");
    let mut tar = Vec::new();
    GzDecoder::new(packed.as_slice()).read_to_end(&mut tar).unwrap();
    for entry in tar::Archive::new(tar.as_slice()).entries().unwrap() {
        let header = entry.unwrap().header().clone();
        assert_eq!((header.mtime().unwrap(), header.uid().unwrap(), header.mode().unwrap()), (0, 0, 0o644));
    }
}

#[tokio::test]
async fn a_conda_file_and_strange_names_stay_words() {
    let registries = Registries::new().await;
    let mut spec = registries.build("package-diabetes-1");
    spec.source = registries
        .artifacts
        .put(snapshot(&[("a b/score \"$X\".py", "pass"), ("env$HOME.yml", "dependencies: []")]))
        .await
        .unwrap();
    (spec.entry, spec.environment) = ("a b/score \"$X\".py".into(), "./env$HOME.yml".into());
    spec.include = Vec::new();
    built(&registries, &spec).await;

    let text = String::from_utf8(registries.order().files["Dockerfile"].clone()).unwrap();
    for line in [
        "FROM mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest",
        r#"RUN ["conda","env","create","--prefix","/opt/environment","--file","/app/env$HOME.yml"]"#,
        r#"ENV AZUREML_ENTRY_SCRIPT="/app/a b/score \"\$X\".py""#,
        r#"ENTRYPOINT ["azmlinfsrv","--entry_script","/app/a b/score \"$X\".py","--model_dir","/app/model","--port","5001"]"#,
    ] {
        assert!(text.lines().any(|it| it == line), "{line}\nin {text}");
    }
}

#[tokio::test]
async fn what_cannot_be_built_is_said_and_nothing_is_uploaded() {
    let registries = Registries::new().await;
    let refused = async |change: &dyn Fn(&mut BuildSpec)| {
        let mut spec = registries.build("package-diabetes-1");
        change(&mut spec);
        match registries.images.build(&spec).await.unwrap() {
            BuildStatus::Failed { reason } => reason,
            status => panic!("{status:?}"),
        }
    };

    for (wanted, reason) in [
        ("`scoring.entry` names `nowhere.py`", refused(&|it| it.entry = "nowhere.py".into()).await),
        ("without `..`", refused(&|it| it.include = vec!["../other".into()]).await),
        ("which is a folder", refused(&|it| it.environment = "scoring".into()).await),
        ("a sign in it", refused(&|it| it.entry = "a\nRUN evil".into()).await),
    ] {
        assert!(reason.contains(wanted), "{reason}");
    }
    assert!(registries.uploaded().is_empty());
}

#[tokio::test]
async fn a_snapshot_that_is_gone_is_an_error_that_names_it() {
    let registries = Registries::new().await;
    let spec = BuildSpec { source: Digest::of(b"gone"), ..registries.build("package-diabetes-1") };

    let error = registries.images.build(&spec).await.unwrap_err();

    assert!(matches!(&error, PortError::Permanent { reason, .. } if reason.contains(spec.source.as_str())), "{error}");
}

#[tokio::test]
async fn a_build_that_fails_tells_the_last_lines_of_its_log() {
    let registries = Registries::new().await;
    let log =
        (0..5000).map(|n| format!("line {n}\n")).collect::<String>() + "ERROR: No matching distribution for torc\n";
    registries.fake.world().container_registry.on_run =
        Some(Arc::new(move |_| RunEnd { is_good: false, log: log.clone(), secs: 1 }));
    let spec = registries.build("package-diabetes-1");
    registries.images.build(&spec).await.unwrap();
    registries.clock.advance_secs(60);

    let BuildStatus::Failed { reason } = registries.images.status(&spec.name).await.unwrap() else { panic!() };

    assert!(reason.starts_with("the registry could not build the image (Failed)\n"), "{reason}");
    assert!(reason.ends_with("line 4999\nERROR: No matching distribution for torc") && reason.len() < 2000, "{reason}");
    assert_eq!(registries.images.build(&spec).await.unwrap(), BuildStatus::Failed { reason }, "it stays so");
    assert_eq!(registries.runs(), 1);
}

#[tokio::test]
async fn a_registry_with_roles_by_repository_is_opened_as_whoever_asks() {
    let registries = Registries::with(|settings| {
        settings.abac = true;
        settings.agent_pool = Some("closed".into());
    })
    .await;
    registries.fake.world().container_registry.registry("mlopsacr").abac = true;

    built(&registries, &registries.build("package-diabetes-1")).await;

    let request = registries.order().request;
    assert_eq!(request["credentials"]["sourceRegistry"]["identity"], "[caller]");
    assert_eq!(request["agentPoolName"], "closed");
    let seen = registries.fake.world().seen.clone();
    let tasks = seen.iter().filter(|seen| seen.path.contains("/taskRuns/"));
    assert!(tasks.clone().count() > 1 && tasks.clone().all(|it| it.path.ends_with("api-version=2025-03-01-preview")));

    let old = Registries::new().await;
    old.fake.world().container_registry.registry("mlopsacr").abac = true;
    let status = AtOnce(&old).build(&old.build("package-diabetes-1")).await.unwrap();
    assert!(matches!(&status, BuildStatus::Failed { reason } if reason.contains("unauthorized")), "{status:?}");
}

#[tokio::test]
async fn a_token_opens_one_repository_for_what_is_done_there() {
    let registries = Registries::new().await;
    built(&registries, &registries.build("package-diabetes-1")).await;
    registries.images.build(&registries.build("package-diabetes-2")).await.unwrap();

    let seen = registries.fake.world().seen.clone();
    let forms = |path: &str| -> Vec<BTreeMap<String, String>> {
        let of = seen.iter().filter(|it| it.path.ends_with(path)).map(|it| String::from_utf8_lossy(&it.bytes));
        of.map(|form| {
            let url = format!("http://x/?{form}").parse::<reqwest::Url>().unwrap();
            url.query_pairs().into_owned().collect()
        })
        .collect()
    };
    let scopes: Vec<_> = forms("/oauth2/token").iter().map(|form| form["scope"].clone()).collect();
    assert_eq!(
        scopes,
        [format!("repository:{REPOSITORY}:pull"), format!("repository:{REPOSITORY}:pull,push")],
        "each is asked for once"
    );
    let exchanged = &forms("/oauth2/exchange")[0];
    assert_eq!(
        (exchanged["access_token"].as_str(), exchanged["service"].as_str()),
        ("registry-secret", "mlopsacr.azurecr.io")
    );
    registries.clock.advance_secs(71 * 60);
    registries.images.has(&Digest::of(b"x")).await.unwrap();
    assert_eq!(
        registries.fake.asked().iter().filter(|it| it.ends_with("/oauth2/token")).count(),
        3,
        "after its time another one is asked for"
    );
}
