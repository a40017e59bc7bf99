//! The container that serves a release, whoever runs it.
//!
//! In it is [azureml-inference-server-http](https://github.com/microsoft/azureml-inference-server): it listens on port
//! 5001, answers `GET /` once the scoring script's `init()` is through, and scores what is posted to `/score`.

use std::collections::BTreeMap;

use pipeline::effect::DeploymentSpec;

/// Where the server listens.
pub(crate) const PORT: u16 = 5001;
/// Answered with 200 by a server that is ready.
pub(crate) const HEALTH_PATH: &str = "/";
/// Where it scores.
pub(crate) const SCORE_PATH: &str = "/score";
/// Variables by which numerical libraries learn how many threads they may use. By themselves they count the machine's
/// cores, of which the container has a part.
const THREADS: [&str; 3] = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"];

/// What is run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Container {
    /// Where the image is pulled from, by its digest.
    pub image: String,
    /// Nothing secret is in them.
    pub variables: BTreeMap<&'static str, String>,
    pub cpu_cores: f64,
    pub memory_mib: u64,
}

impl Container {
    /// The one for a release, its image at this reference.
    pub fn of(spec: &DeploymentSpec, image: String) -> Self {
        let release = &spec.release;
        let mut variables = BTreeMap::from([
            ("SERVICE_NAME", spec.project.to_string()),
            ("MODEL_VERSION", release.model.version.to_string()),
            ("AML_APP_INSIGHTS_ENABLED", "false".to_owned()),
        ]);
        // Settings come as any number; at most so many threads help anyone.
        let threads = release.limits.cpu_cores.ceil().clamp(1.0, 64.0);
        variables.extend(THREADS.map(|name| (name, threads.to_string())));
        Self { image, variables, cpu_cores: release.limits.cpu_cores, memory_mib: release.limits.memory_mib }
    }
}
