//! How deployments are run, and where their Python comes from.

use std::fmt::Debug;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;

/// Where Python environments come from.
#[async_trait]
pub trait Interpreters: Debug + Send + Sync {
    /// The folder of programs (`venv/bin`) of the environment with what this dependency file asks for, made if need
    /// be. What its making says is appended to `log`. The error is a sentence for people.
    async fn python_bin(&self, requirements: &[u8], log: PathBuf) -> Result<PathBuf, String>;
}

/// How deployments are run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the host is called: endpoints are told as `<base>/endpoints/<project>/<environment>/score`.
    pub base: String,
    /// A server that is not healthy within this has failed.
    pub healthy_within: Duration,
    /// Requests of a deployment on its way out have this long.
    pub drain_within: Duration,
    /// Between asking a server to end and ending it.
    pub stop_within: Duration,
    /// A request without an answer after this is given up.
    pub answer_within: Duration,
    /// The first pause before a restart; each further one is twice as long.
    pub restart_after: Duration,
    /// No pause before a restart is longer.
    pub restart_after_at_most: Duration,
    /// A server that ended so often within `crashes_within` has failed.
    pub crashes: usize,
    /// See `crashes`.
    pub crashes_within: Duration,
    /// Larger requests are refused.
    pub largest_request: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base: "http://127.0.0.1:7071".into(),
            healthy_within: Duration::from_secs(120),
            drain_within: Duration::from_secs(30),
            stop_within: Duration::from_secs(10),
            answer_within: Duration::from_secs(300),
            restart_after: Duration::from_millis(250),
            restart_after_at_most: Duration::from_secs(30),
            crashes: 5,
            crashes_within: Duration::from_secs(600),
            largest_request: 16 << 20,
        }
    }
}
