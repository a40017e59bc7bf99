use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use pipeline::effect::ReplyTo;
use pipeline::event::{Step, StepKey};
use pipeline::release::Model;
use runner::conformance;
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

use super::*;
use crate::artifacts::LocalArtifacts;

mod damage;

const FILES: [(&str, &str); 4] = [
    ("README.md", "not for the image"),
    ("scoring/score.py", "def init(): ..."),
    ("scoring/requirements.txt", "joblib==1.6.0"),
    ("training/train.py", "not for the image either"),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_images_keep_their_promises() {
    let bench = Bench::new();
    let spec = bench.spec("build", &FILES, b"model").await;
    let other = bench.spec("other", &FILES, b"another model").await;
    conformance::images::all(&conformance::images::Example { images: &bench.images, spec, other }).await;
}

#[tokio::test]
async fn the_same_inputs_give_the_same_digest_on_every_machine() {
    let (here, there) = (Bench::new(), Bench::new());
    let mut digests = Vec::new();
    for bench in [here, there] {
        digests.push(bench.build(&bench.spec("build", &FILES, b"model").await).await);
    }

    assert_eq!(digests[0], digests[1]);
    // A digest that changes here changes for every user: whoever changes it says so in the change log.
    assert_eq!(digests[0].short(), "e7716bb63080");
}

#[tokio::test]
async fn an_image_holds_the_model_and_what_was_included_and_nothing_else() {
    let bench = Bench::new();
    let image = bench.build(&bench.spec("build", &FILES, b"model").await).await;

    let unpacked = bench.images.unpack(&image, &bench.path("unpacked")).await.unwrap();

    let files = files_below(&bench.path("unpacked"));
    assert_eq!(files, ["app/model/model.pkl", "app/scoring/requirements.txt", "app/scoring/score.py"]);
    assert_eq!(unpacked.app, bench.path("unpacked/app"));
    assert_eq!(
        (unpacked.entry.as_str(), unpacked.environment.as_str()),
        ("scoring/score.py", "scoring/requirements.txt")
    );
    assert_eq!(fs::read(unpacked.model_dir.join("model.pkl")).unwrap(), b"model");
    assert_eq!(unpacked.labels[oci::ENVIRONMENT], Digest::of(b"joblib==1.6.0").to_string());
    assert_eq!(unpacked.labels[oci::MODEL], "diabetes_regression_model:3");
    assert_eq!(bench.images.parts(&image, &bench.path("unpacked")).await.unwrap(), unpacked);
}

#[tokio::test]
async fn programs_stay_programs() {
    let bench = Bench::new();
    let mut spec = bench.spec("build", &[], b"model").await;
    let mut tar = Builder::new(Vec::new());
    for (path, mode) in [("scoring/run.sh", 0o755), ("scoring/score.py", 0o640), ("scoring/requirements.txt", 0o644)] {
        let mut header = Header::new_gnu();
        header.set_mode(mode);
        header.set_size(1);
        tar.append_data(&mut header, path, &b"x"[..]).unwrap();
    }
    spec.source = bench.artifacts.put(tar.into_inner().unwrap()).await.unwrap();
    let image = bench.build(&spec).await;

    let app = bench.images.unpack(&image, &bench.path("unpacked")).await.unwrap().app;

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &str| fs::metadata(app.join(path)).unwrap().permissions().mode() & 0o111;
        assert_ne!(mode("scoring/run.sh"), 0);
        assert_eq!(mode("scoring/score.py"), 0);
    }
}

#[tokio::test]
async fn what_cannot_be_built_says_why() {
    type Change = fn(&mut BuildSpec);
    let cases: [(Change, &str); 6] = [
        (|spec| spec.include.push("data".into()), "`scoring.include` names `data`, which the commit does not have"),
        (|spec| spec.entry = "scoring/scores.py".into(), "`scoring.entry` names `scoring/scores.py`, which the commit"),
        (|spec| spec.environment = "conda.yml".into(), "`scoring.environment` names `conda.yml`, which the commit"),
        (|spec| spec.environment = "scoring".into(), "`scoring.environment` names `scoring`, which is a folder"),
        (|spec| spec.include.push("../secrets".into()), "`../secrets`, must be a path inside the repository"),
        (|spec| spec.include.push("/etc".into()), "`/etc`, must be a path inside the repository"),
    ];
    let bench = Bench::new();
    for (index, (change, expected)) in cases.into_iter().enumerate() {
        let mut spec = bench.spec(&format!("build-{index}"), &FILES, b"model").await;
        change(&mut spec);

        let status = bench.images.build(&spec).await.unwrap();

        let BuildStatus::Failed { reason } = &status else { panic!("{status:?}") };
        assert!(reason.contains(expected), "{reason}");
        assert_eq!(bench.images.status(&spec.name).await.unwrap(), status);
    }
}

#[tokio::test]
async fn a_file_that_would_hide_the_model_is_refused() {
    let bench = Bench::new();
    let files = [("model/model.pkl", "old"), ("score.py", ""), ("requirements.txt", "")];
    let mut spec = bench.spec("build", &files, b"model").await;
    (spec.entry, spec.environment, spec.include) = ("score.py".into(), "requirements.txt".into(), vec!["./".into()]);

    let status = bench.images.build(&spec).await.unwrap();

    let BuildStatus::Failed { reason } = status else { panic!("{status:?}") };
    assert!(reason.contains("would hide the trained model"), "{reason}");
}

#[tokio::test]
async fn a_link_does_not_go_into_an_image() {
    let bench = Bench::new();
    let mut spec = bench.spec("build", &[], b"model").await;
    let mut tar = Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Symlink);
    header.set_size(0);
    tar.append_link(&mut header, "scoring/secrets", "/etc/shadow").unwrap();
    spec.source = bench.artifacts.put(tar.into_inner().unwrap()).await.unwrap();

    let status = bench.images.build(&spec).await.unwrap();

    let BuildStatus::Failed { reason } = status else { panic!("{status:?}") };
    assert!(reason.contains("`scoring/secrets` is not a plain file"), "{reason}");
}

#[tokio::test]
async fn a_model_that_is_not_kept_is_an_error_that_names_it() {
    let bench = Bench::new();
    let mut spec = bench.spec("build", &FILES, b"model").await;
    spec.model.digest = Digest::of(b"lost");

    let error = bench.images.build(&spec).await.unwrap_err();

    assert!(matches!(error, PortError::Permanent { .. }), "{error}");
    assert!(error.to_string().contains(spec.model.digest.as_str()), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_builds_at_once_are_all_in_the_index() {
    let bench = Bench::new();
    let mut specs = Vec::new();
    for n in 0..16 {
        specs.push(bench.spec(&format!("build-{n}"), &FILES, format!("model {n}").as_bytes()).await);
    }

    let built = futures::future::join_all(specs.iter().map(|spec| bench.build(spec))).await;

    let index: oci::Index = serde_json::from_slice(&fs::read(bench.path("images/index.json")).unwrap()).unwrap();
    for digest in built {
        let entry = index.manifests.iter().find(|entry| entry.digest == digest).unwrap();
        assert_eq!(entry.annotations[oci::REF_NAME], format!("diabetes_regression:{}", digest.short()));
    }
    assert_eq!(index.manifests.len(), 16);
}

#[tokio::test]
async fn builds_outlive_the_process_and_a_lost_image_is_built_again() {
    let bench = Bench::new();
    let spec = bench.spec("build", &FILES, b"model").await;
    let digest = bench.build(&spec).await;

    let again = LocalImages::open(bench.path("images"), Arc::new(bench.artifacts.clone())).unwrap();
    assert_eq!(again.status(&spec.name).await.unwrap(), BuildStatus::Built { digest: digest.clone() });

    fs::remove_file(again.layout.blob(&digest)).unwrap();
    assert_eq!(again.status(&spec.name).await.unwrap(), BuildStatus::Unknown);
    assert_eq!(again.build(&spec).await.unwrap(), BuildStatus::Built { digest: digest.clone() });
    assert!(again.has(&digest).await.unwrap());
}

#[tokio::test]
async fn skopeo_reads_the_image() {
    if !is_there("skopeo") {
        eprintln!("skipped: skopeo is not installed (apt-get install skopeo)");
        return;
    }
    let bench = Bench::new();
    let image = bench.build(&bench.spec("build", &FILES, b"model").await).await;
    let reference = format!("oci:{}:diabetes_regression:{}", bench.path("images").display(), image.short());

    let seen: serde_json::Value = serde_json::from_slice(&output("skopeo", &["inspect", &reference])).unwrap();
    let config: serde_json::Value =
        serde_json::from_slice(&output("skopeo", &["inspect", "--config", &reference])).unwrap();

    assert_eq!(seen["Digest"], image.as_str());
    assert_eq!(seen["Labels"]["trainyard.model"], "diabetes_regression_model:3");
    assert_eq!(seen["Layers"].as_array().unwrap().len(), 2);
    assert_eq!(config["config"]["Entrypoint"][0], "azmlinfsrv");
    assert_eq!(config["config"]["WorkingDir"], "/app");
}

#[tokio::test]
async fn umoci_unpacks_the_image() {
    if !is_there("umoci") {
        eprintln!("skipped: umoci is not installed (apt-get install umoci)");
        return;
    }
    let bench = Bench::new();
    let image = bench.build(&bench.spec("build", &FILES, b"model").await).await;
    let reference = format!("{}:diabetes_regression:{}", bench.path("images").display(), image.short());
    let bundle = bench.path("bundle");

    output("umoci", &["unpack", "--rootless", "--image", &reference, bundle.to_str().unwrap()]);

    let files = files_below(&bundle.join("rootfs"));
    assert_eq!(files, ["app/model/model.pkl", "app/scoring/requirements.txt", "app/scoring/score.py"]);
}

#[test]
fn a_reference_is_one_that_tools_take() {
    let digest = Digest::of(b"");
    let reference = |project: &str| oci::reference(&project.parse().unwrap(), &digest);
    let tag = digest.short();

    assert_eq!(reference("diabetes_regression"), format!("diabetes_regression:{tag}"));
    assert_eq!(reference("a__b--c_"), format!("a_b-c:{tag}"));
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|said| said.status.success())
}

fn output(program: &str, words: &[&str]) -> Vec<u8> {
    let said = Command::new(program).args(words).output().unwrap();
    assert!(said.status.success(), "{program}: {}", String::from_utf8_lossy(&said.stderr));
    said.stdout
}

fn files_below(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort();
    found
}

/// A folder with images and artifacts.
struct Bench {
    dir: TempDir,
    artifacts: LocalArtifacts,
    images: LocalImages,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = LocalArtifacts::new(dir.path().join("artifacts"));
        let images = LocalImages::open(dir.path().join("images"), Arc::new(artifacts.clone())).unwrap();
        Self { dir, artifacts, images }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    async fn spec(&self, name: &str, files: &[(&str, &str)], model: &[u8]) -> BuildSpec {
        let mut tar = Builder::new(Vec::new());
        for (path, text) in files {
            let mut header = Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(text.len() as u64);
            header.set_mtime(1_700_000_000);
            tar.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        BuildSpec {
            name: name.parse().unwrap(),
            project: "diabetes_regression".parse().unwrap(),
            reply_to: ReplyTo { run: "r1".parse().unwrap(), step: StepKey::of(Step::Package), attempt: 1 },
            source: self.artifacts.put(tar.into_inner().unwrap()).await.unwrap(),
            model: Model {
                name: "diabetes_regression_model".parse().unwrap(),
                version: 3,
                digest: self.artifacts.put(model.to_vec()).await.unwrap(),
                metrics: BTreeMap::new(),
            },
            model_file: "model.pkl".into(),
            entry: "scoring/score.py".into(),
            environment: "scoring/requirements.txt".into(),
            include: vec!["scoring".into()],
        }
    }

    async fn build(&self, spec: &BuildSpec) -> Digest {
        match self.images.build(spec).await.unwrap() {
            BuildStatus::Built { digest } => digest,
            status => panic!("{status:?}"),
        }
    }
}
