//! The documents of an image: only the members that ours have.

use std::collections::BTreeMap;

use pipeline::effect::BuildSpec;
use pipeline::event::model_reference;
use pipeline::names::{Digest, Project};
use serde::{Deserialize, Serialize};

/// The media type of a manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of a config.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The media type of a layer: not compressed, so that its bytes depend on no compressor's version.
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// The media type of an index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Where an index says what an image is called.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The label with the digest of the dependency file.
pub const ENVIRONMENT: &str = "trainyard.environment";
/// The label with the path of the dependency file.
pub const ENVIRONMENT_FILE: &str = "trainyard.environment.file";
/// The label with the path of the scoring script.
pub const ENTRY: &str = "trainyard.entry";
/// The label with the model's name and version.
pub const MODEL: &str = "trainyard.model";
/// The label with the digest of the model file.
pub const MODEL_DIGEST: &str = "trainyard.model.digest";
/// The label with the name of the model file.
pub const MODEL_FILE: &str = "trainyard.model.file";

/// What points at a blob.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    pub media_type: String,
    pub digest: Digest,
    pub size: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// `index.json`: the images of the layout.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    pub schema_version: u32,
    pub media_type: String,
    pub manifests: Vec<Descriptor>,
}

/// One image.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub schema_version: u32,
    pub media_type: String,
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// How an image is run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Config {
    pub architecture: String,
    pub os: String,
    pub config: Execution,
    pub rootfs: RootFs,
}

/// What is run in it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Execution {
    #[serde(default)]
    pub exposed_ports: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(default)]
    pub env: Vec<String>,
    #[serde(default)]
    pub entrypoint: Vec<String>,
    #[serde(default)]
    pub working_dir: String,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// What the layers are when they are not compressed; ours never are.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RootFs {
    #[serde(rename = "type")]
    pub kind: String,
    pub diff_ids: Vec<Digest>,
}

/// Where the layers' content is, as the image itself sees it.
const APP: &str = "/app";
const PORT: &str = "5001";

/// The config of what was asked for.
pub fn config(build: &BuildSpec, environment: &Digest, layers: &[Descriptor]) -> Config {
    let entry = format!("{APP}/{}", build.entry);
    let model = format!("{APP}/model");
    let words = ["azmlinfsrv", "--entry_script", &entry, "--model_dir", &model, "--port", PORT];
    Config {
        // Content for any machine; the format wants one named.
        architecture: "amd64".into(),
        os: "linux".into(),
        config: Execution {
            exposed_ports: BTreeMap::from([(format!("{PORT}/tcp"), BTreeMap::new())]),
            env: vec![
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into(),
                format!("AML_APP_ROOT={APP}"),
                format!("AZUREML_ENTRY_SCRIPT={entry}"),
                format!("AZUREML_MODEL_DIR={model}"),
                "AML_APP_INSIGHTS_ENABLED=false".into(),
            ],
            entrypoint: words.map(str::to_owned).into(),
            working_dir: APP.into(),
            labels: labels(build, environment),
        },
        rootfs: RootFs { kind: "layers".into(), diff_ids: layers.iter().map(|layer| layer.digest.clone()).collect() },
    }
}

/// The manifest of what was asked for.
pub fn manifest(build: &BuildSpec, environment: &Digest, config: Descriptor, layers: Vec<Descriptor>) -> Manifest {
    Manifest { schema_version: 2, media_type: MANIFEST.into(), config, layers, annotations: labels(build, environment) }
}

/// The name of an image in the index. It is for people and tools; Trainyard goes by the digest.
pub fn reference(project: &Project, image: &Digest) -> String {
    // A reference wants single separators between words, which a project's name need not have.
    let mut name = String::new();
    for c in project.as_str().chars() {
        if c.is_ascii_alphanumeric() || name.ends_with(|c: char| c.is_ascii_alphanumeric()) {
            name.push(c);
        }
    }
    format!("{}:{}", name.trim_end_matches(['_', '-']), image.short())
}

/// The documents' bytes: members in a fixed order, nothing between them.
pub fn to_bytes<T: Serialize>(document: &T) -> Vec<u8> {
    serde_json::to_vec(document).expect("documents of an image are plain data")
}

fn labels(build: &BuildSpec, environment: &Digest) -> BTreeMap<String, String> {
    let model = model_reference(&build.model.name, build.model.version);
    BTreeMap::from([
        ("org.opencontainers.image.title".into(), build.project.to_string()),
        ("org.opencontainers.image.description".into(), format!("Scoring image of {model}")),
        (ENTRY.into(), build.entry.clone()),
        (ENVIRONMENT.into(), environment.to_string()),
        (ENVIRONMENT_FILE.into(), build.environment.clone()),
        (MODEL.into(), model),
        (MODEL_DIGEST.into(), build.model.digest.to_string()),
        (MODEL_FILE.into(), build.model_file.clone()),
    ])
}
