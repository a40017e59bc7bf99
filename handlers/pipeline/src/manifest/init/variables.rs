//! The variables of a pipeline of Azure DevOps, and what has become of each.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::manifest::places::shown;

/// The variables by their names in capitals: Azure Pipelines does not tell `a` and `A` apart.
pub(super) struct Variables(BTreeMap<String, String>);

impl Variables {
    pub(super) fn read(text: &str) -> Option<Self> {
        let file: TemplateFile = serde_saphyr::from_str(text).ok()?;
        let pairs: Vec<(String, String)> = match file.variables {
            Listed::List(list) => {
                list.into_iter().filter_map(|variable| Some((variable.name?, variable.value?.0))).collect()
            }
            Listed::Map(map) => map.into_iter().map(|(name, value)| (name, value.0)).collect(),
        };
        // What is computed when a pipeline runs is no value yet.
        let literal = |value: &str| !value.contains("$(") && !value.contains("$[") && !value.contains("${{");
        let known = pairs
            .into_iter()
            .filter(|(_, value)| !value.trim().is_empty() && literal(value))
            .map(|(name, value)| (name.trim().to_ascii_uppercase(), value.trim().to_owned()));
        Some(Self(known.collect()))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(&name.to_ascii_uppercase()).map(String::as_str)
    }

    /// A switch is on unless it says something other than `true`.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.get(name).is_none_or(|value| value.eq_ignore_ascii_case("true"))
    }

    /// What each variable has become that the manifest does not take.
    pub(super) fn without_counterpart(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (starts, fate) in FATES {
            let names = self.0.keys().filter(|name| owner(name) == Some(*starts));
            let names: Vec<String> = names.map(|name| shown(name)).collect();
            if !names.is_empty() {
                notes.push(format!("{}: {fate}", names.join(", ")));
            }
        }
        let unknown = |name: &&String| !TAKEN.contains(&name.as_str()) && owner(name).is_none();
        let unknown: Vec<String> = self.0.keys().filter(unknown).map(|name| shown(name)).collect();
        if !unknown.is_empty() {
            notes.push(format!("{}: not known here, and left out.", unknown.join(", ")));
        }
        notes
    }
}

#[derive(Deserialize)]
struct TemplateFile {
    variables: Listed,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Listed {
    List(Vec<Variable>),
    Map(BTreeMap<String, Scalar>),
}

#[derive(Deserialize)]
struct Variable {
    name: Option<String>,
    value: Option<Scalar>,
}

/// A value as text, whatever YAML takes it for.
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(Self(match value {
            serde_json::Value::String(text) => text,
            serde_json::Value::Null => String::new(),
            other => other.to_string(),
        }))
    }
}

const TAKEN: [&str; 10] = [
    "SOURCES_DIR_TRAIN",
    "TRAIN_SCRIPT_PATH",
    "SCORE_SCRIPT",
    "MODEL_NAME",
    "RUN_EVALUATION",
    "ALLOW_RUN_CANCEL",
    "AUTO-TRIGGER-TRAINING",
    "AML_ENV_TRAIN_CONDA_DEP_FILE",
    "DATASET_NAME",
    "DATASET_VERSION",
];

/// How the names of variables begin, and what has become of them.
const FATES: &[(&[&str], &str)] = &[
    (
        &["EVALUATE_SCRIPT_PATH", "REGISTER_SCRIPT_PATH"],
        "Trainyard compares and registers models itself; these scripts do not run any more.",
    ),
    (
        &["AML_COMPUTE_", "AML_CLUSTER_", "DB_CLUSTER_ID", "DATABRICKS_", "USE_GPU_FOR_SCORING"],
        "where a job runs is a matter of the backend, not of the manifest; there is no counterpart yet.",
    ),
    (
        &["AML_ENV_NAME", "AML_REBUILD_ENVIRONMENT", "IMAGE_NAME"],
        "environments and images are named by their content and built anew when it changes; nothing is to be set.",
    ),
    (
        &[
            "EXPERIMENT_NAME",
            "TRAINING_PIPELINE_NAME",
            "MODEL_VERSION",
            "MODEL_BUILD_ID",
            "MODELBUILDID",
            "ARTIFACTBUILDID",
            "BUILD_",
        ],
        "names come from the project and the run; nothing is to be set.",
    ),
    (
        &["DATASTORE_NAME", "DATAFILE_NAME"],
        "data stores have no counterpart yet; `train.data` is a file of the repository.",
    ),
    (&["BATCHSCORE_", "SCORING_", "AML_ENV_SCORE_", "AML_ENV_SCORECOPY_"], "batch scoring has no counterpart yet."),
    (
        &["ACI_", "AKS_", "WEBAPP_"],
        "deployments are the `environments` of the manifest, `qa` and `prod`; on what they run is the app's setting.",
    ),
    (
        &["BASE_NAME", "LOCATION", "RESOURCE_GROUP", "WORKSPACE_NAME", "TENANT_ID", "SUBSCRIPTION_ID", "SP_APP_"],
        "they belong to the Azure subscription and not in the repository; they are left out.",
    ),
];

fn owner(name: &str) -> Option<&'static [&'static str]> {
    let starts = FATES.iter().map(|(starts, _)| *starts);
    starts.into_iter().find(|starts| starts.iter().any(|start| name.starts_with(start)))
}
