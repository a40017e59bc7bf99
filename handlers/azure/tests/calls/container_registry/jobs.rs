//! Jobs in containers of the registry's tasks.

use std::fmt;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pipeline::effect::JobSpec;
use pipeline::event::JobResult;
use pipeline::names::{Digest, JobName};
use runner::conformance;
use runner::conformance::jobs::end_of;
use runner::ports::{Images as _, JobPlatform, JobStatus, LogChunk, PortError, Result};
use serde_json::json;

use super::{REPOSITORY, Registries};

/// Turns the clock whenever somebody asks how a job does.
#[derive(Debug)]
pub struct Turning<'a>(pub &'a Registries);

impl fmt::Display for Turning<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.jobs.fmt(f)
    }
}

#[async_trait]
impl JobPlatform for Turning<'_> {
    async fn submit(&self, job: &JobSpec) -> Result<()> {
        self.0.jobs.submit(job).await
    }

    async fn status(&self, job: &JobName) -> Result<JobStatus> {
        let status = self.0.jobs.status(job).await;
        self.0.clock.advance_secs(5);
        status
    }

    async fn cancel(&self, job: &JobName) -> Result<()> {
        self.0.jobs.cancel(job).await
    }

    async fn logs(&self, job: &JobName, from: u64) -> Result<LogChunk> {
        self.0.jobs.logs(job, from).await
    }
}

fn name(name: &str) -> JobName {
    name.parse().unwrap()
}

#[tokio::test]
async fn all_promises_of_jobs_are_kept() {
    let registries = Registries::new().await;
    conformance::jobs::all(&conformance::jobs::Example {
        jobs: &Turning(&registries),
        quick: &|name| registries.job(name, "pytest"),
        endless: &|name| registries.job(name, "sleep"),
    })
    .await;
}

#[tokio::test]
async fn a_check_knows_no_identity_and_no_secret() {
    let registries = Registries::new().await;
    let job = registries.job(name("check-diabetes-1"), "pytest {{ .Values.x }} $Registry");

    registries.jobs.submit(&job).await.unwrap();

    let order = registries.order();
    assert_eq!(order.request["credentials"], json!({"sourceRegistry": {"loginMode": "None"}}));
    let put = registries.fake.world().seen.iter().rfind(|it| it.method == "PUT").unwrap().clone();
    assert_eq!(put.body.as_object().unwrap().keys().collect::<Vec<_>>(), ["properties"], "no identity of its own");
    let task =
        String::from_utf8(BASE64.decode(order.request["encodedTaskContent"].as_str().unwrap()).unwrap()).unwrap();
    assert_eq!(
        task,
        "version: v1.1.0\nstepTimeout: 2400\nsteps:\n  - id: image\n    build: -t trainyard/job -f Dockerfile .\n  - id: job\n    \
         cmd: docker run --rm --cap-drop ALL --security-opt no-new-privileges --pids-limit 4096 trainyard/job\n",
        "nothing that a repository says is where a template or a shell reads it"
    );
    let files = order.files;
    assert_eq!(files.keys().collect::<Vec<_>>(), ["Dockerfile", "job/job.json", "job/launch.py", "job/source.tar"]);
    assert_eq!(Digest::of(&files["job/source.tar"]), job.source);
    let dockerfile = "FROM mcr.microsoft.com/devcontainers/python:3.11\nUSER root\nENV HOME=\"/tmp\"\nCOPY job/ /trainyard/\n\
                      USER 1000:1000\nWORKDIR /tmp\nENTRYPOINT [\"python3\",\"/trainyard/launch.py\",\"--job\",\
                      \"/trainyard/job.json\",\"--source\",\"/trainyard/source.tar\",\"--result\",\"/tmp/trainyard/result\",\
                      \"--environment\",\"/tmp/trainyard/environment\",\"--print\"]\nCMD []\n";
    assert_eq!(String::from_utf8_lossy(&files["Dockerfile"]), dockerfile);
    for bytes in files.values() {
        assert!(!String::from_utf8_lossy(bytes).contains("-secret"));
    }
}

#[tokio::test]
async fn a_job_in_an_image_begins_with_that_very_image() {
    let registries = Registries::new().await;
    let digest = registries.fake.world().container_registry.registry("mlopsacr").keep(REPOSITORY, "package-1", "image");
    let mut job = registries.job(name("test-image-diabetes-1"), "pytest");
    job.image = Some(digest.parse().unwrap());

    registries.jobs.submit(&job).await.unwrap();

    let order = registries.order();
    assert_eq!(order.request["credentials"], json!({"sourceRegistry": {"loginMode": "Default"}}));
    let text = String::from_utf8(order.files["Dockerfile"].clone()).unwrap();
    assert!(text.starts_with(&format!("FROM mlopsacr.azurecr.io/{REPOSITORY}@{digest}\nUSER root\n")), "{text}");
    assert!(text.contains(r#""--app","/app","--print"]"#) && text.contains("\nUSER 1000:1000\n"), "{text}");
    assert!(matches!(end_of(&Turning(&registries), &job.name).await, JobResult::Completed(_)));

    let mut lost = registries.job(name("test-image-diabetes-2"), "pytest");
    lost.image = Some(Digest::of(b"lost"));
    registries.jobs.submit(&lost).await.unwrap();
    let JobResult::Failed { reason, .. } = end_of(&Turning(&registries), &lost.name).await else { panic!() };
    assert!(reason.contains("could not run the job (Failed)") && reason.contains("manifest unknown"), "{reason}");
}

#[tokio::test]
async fn what_a_failed_job_leaves_is_kept_and_its_report_is_read() {
    let registries = Registries::new().await;
    let job = registries.job(name("check-diabetes-1"), "fail");
    registries.jobs.submit(&job).await.unwrap();

    let JobResult::Failed { reason, outputs } = end_of(&Turning(&registries), &job.name).await else { panic!() };

    assert_eq!(reason, "test (fail) ended with exit code 1");
    let report = registries.artifacts.get(&outputs.files["unit-testresults.xml"]).await.unwrap();
    assert_eq!(report, super::REPORT.as_bytes());
    assert_eq!(outputs.metrics["rows"], 442.0);
}

#[tokio::test]
async fn a_job_without_a_result_has_failed_with_its_last_words() {
    let registries = Registries::new().await;
    let job = registries.job(name("check-diabetes-1"), "vanish");
    registries.jobs.submit(&job).await.unwrap();

    let JobResult::Failed { reason, .. } = end_of(&Turning(&registries), &job.name).await else { panic!() };

    assert_eq!(reason, "the registry could not run the job (Failed)\nStep 1/9\nno space left on device");
}

#[tokio::test]
async fn names_that_look_alike_are_jobs_of_their_own() {
    let registries = Registries::new().await;
    let long = "a-very-long-project-name-with-forty-letters".to_owned() + &"x".repeat(50);
    for other in ["check-d-1", "check_d-1", "Check-d-1", "check-d-1-", &long, &format!("{long}y")] {
        registries.jobs.submit(&registries.job(name(other), "pytest")).await.unwrap();
    }
    registries.images.build(&registries.build("check-d-1")).await.unwrap();

    let names: Vec<_> = registries.requests().into_keys().collect();
    assert_eq!((names.len(), registries.runs()), (7, 7), "{names:?}");
    assert!(names.iter().all(|name| name.len() <= 50), "{names:?}");
}

#[tokio::test]
async fn a_long_log_comes_in_pieces_of_whole_lines() {
    let registries = Registries::new().await;
    let job = registries.job(name("check-diabetes-1"), "talk");
    registries.jobs.submit(&job).await.unwrap();
    let none = registries.jobs.logs(&job.name, 0).await.unwrap();
    assert_eq!((none.text.as_str(), none.next, none.ended), ("", 0, false));
    end_of(&Turning(&registries), &job.name).await;

    let (mut from, mut text, mut pieces) = (0, String::new(), 0);
    loop {
        let piece = registries.jobs.logs(&job.name, from).await.unwrap();
        assert!(piece.text.len() <= 1 << 20 && piece.text.ends_with('\n'));
        assert_eq!(piece.next, from + piece.text.len() as u64);
        (from, pieces) = (piece.next, pieces + 1);
        text += &piece.text;
        if piece.ended {
            break;
        }
    }

    assert!(pieces > 1 && text.starts_with("line 0 of") && text.contains("\nline 59999 of"), "{pieces} pieces");
    assert!(text.ends_with("-----END TRAINYARD RESULT-----\nRun ID: cf1\n"));
}

#[tokio::test]
async fn a_job_that_wants_more_than_the_service_gives_is_refused() {
    let registries = Registries::new().await;
    let job = JobSpec { timeout_secs: 9 * 3600, ..registries.job(name("check-diabetes-1"), "pytest") };

    let error = registries.jobs.submit(&job).await.unwrap_err();

    assert!(matches!(&error, PortError::Permanent { reason, .. } if reason.contains("at most 8 hours")), "{error}");
    assert_eq!(registries.jobs.to_string(), "Azure Container Registry mlopsacr, tasks");
}
