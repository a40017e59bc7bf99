//! Azure Databricks: runs that are submitted, go through their states and are removed 60 days after their end; MLflow;
//! files of volumes and of DBFS.
//!
//! What is answered and refused follows the texts and field names of
//! [databricks-sdk-py](https://github.com/databricks/databricks-sdk-py), `databricks/sdk/service/jobs.py` and `files.py`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{Asked, Told};

mod files;
mod mlflow;
mod run;

pub use run::{End, Plan, Run};

/// What is there.
#[derive(Debug, Default)]
pub struct Databricks {
    /// What becomes of runs, by the path of their notebook or Python file. Others end well at once.
    pub plans: BTreeMap<String, Plan>,
    /// By the id of the run.
    pub runs: BTreeMap<u64, Run>,
    /// Which run a token has begun.
    pub tokens: BTreeMap<String, u64>,
    /// Ids of clusters that runs may use.
    pub clusters: BTreeSet<String>,
    /// By absolute path: below `/Volumes/` in a volume, else on DBFS.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Tokens, with their scheme, that are worth nothing any more.
    pub stale: BTreeSet<String>,
    /// Runs of MLflow, as it tells of them.
    pub logged: Vec<Value>,
}

/// An error as this service words it.
fn refuse(status: u16, code: &str, message: &str) -> Told {
    Told::json(status, &json!({"error_code": code, "message": message}))
}

fn invalid(message: &str) -> Told {
    refuse(400, "INVALID_PARAMETER_VALUE", message)
}

impl Databricks {
    pub fn answer(&mut self, asked: &Asked<'_>) -> Told {
        if self.stale.contains(asked.header("authorization")) {
            // As a number: https://github.com/databricks/databricks-sdk-go/issues/1061.
            return Told::json(403, &json!({"error_code": 403, "message": "JWT has expired"}));
        }
        self.forget(asked.now);
        match (asked.method, &asked.segments()[..]) {
            ("POST", ["api", "2.2", "jobs", "runs", "submit"]) => self.submit(asked),
            ("GET", ["api", "2.2", "jobs", "runs", "get"]) => self.get(asked),
            ("GET", ["api", "2.2", "jobs", "runs", "get-output"]) => self.output(asked),
            ("POST", ["api", "2.2", "jobs", "runs", "cancel"]) => self.cancel(asked),
            ("GET", ["api", "2.0", "mlflow", "runs", "get"]) => self.logged_run(asked),
            ("POST", ["api", "2.0", "mlflow", "runs", "search"]) => self.search(asked),
            ("GET", ["api", "2.0", "fs", "files", path @ ..]) => self.volume_file(asked, path),
            ("GET", ["api", "2.0", "dbfs", "read"]) => self.dbfs_read(asked),
            (method, path) => {
                let message = format!("No API found for '{method} /{}'", path.join("/"));
                refuse(404, "ENDPOINT_NOT_FOUND", &message)
            }
        }
    }
}
