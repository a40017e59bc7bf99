//! Versions that somebody else has registered: a notebook, a pipeline of the classic systems, a person.

use std::collections::BTreeMap;

use pipeline::names::{CommitId, Digest, ModelName};
use pipeline::release::{Lineage, Model};
use runner::ports::{ModelVersion, Result};

use super::super::place::Place;
use super::super::{AzureMl, refused};
use super::version::Version;

/// The run of what no run has made.
const NO_RUN: &str = "elsewhere";
/// Files of models, among those that MLflow writes beside them.
const MODEL_FILES: [&str; 10] =
    [".pkl", ".joblib", ".onnx", ".pt", ".pth", ".h5", ".keras", ".xgb", ".ubj", ".safetensors"];
/// Where systems write the commit, as tags or properties.
const COMMITS: [&str; 5] =
    ["commit", "git_commit", "mlflow.source.git.commit", "azureml.git.commit", "BUILD_SOURCEVERSION"];

impl AzureMl {
    /// What can be known of such a version. Its file becomes one of the artifacts, so that a run can release it.
    pub(super) async fn of_somebody_else(&self, name: &ModelName, number: u64, held: &Version) -> Result<ModelVersion> {
        let digest = self.take_in(name, number, held).await?;
        let properties = &held.properties;
        let tags = properties.tags();
        let number_of = |value: &String| value.parse().ok().filter(|number: &f64| number.is_finite());
        let mut metrics: BTreeMap<String, f64> =
            tags.iter().filter_map(|(name, value)| Some((name.clone(), number_of(value)?))).collect();
        if let Some(job) = &properties.job_name {
            metrics.extend(self.workspace.logged(job).await?);
        }
        let noted = |name: &&str| tags.get(*name).map(String::as_str).or_else(|| properties.property(name));
        let commit: Option<CommitId> = COMMITS.iter().filter_map(noted).find_map(|commit| commit.parse().ok());
        let by = held.system_data.as_ref().and_then(|data| data.created_by.clone());
        let lineage = Lineage {
            run: NO_RUN.parse().map_err(refused)?,
            number,
            commit,
            job: properties.job_name.as_ref().and_then(|job| job.parse().ok()),
            data: None,
            by: by.unwrap_or_else(|| "somebody in Azure ML".into()),
        };
        let model = Model { name: name.clone(), version: number, digest, metrics };
        Ok(ModelVersion { model, lineage, tags })
    }

    async fn take_in(&self, name: &ModelName, number: u64, held: &Version) -> Result<Digest> {
        let cannot = |why: String| refused(format!("the file of model {name}:{number} cannot be read: {why}"));
        let uri = held.properties.model_uri.as_deref().unwrap_or_default();
        let place = Place::read(uri).ok_or_else(|| cannot(format!("it is at {uri:?}, which is on no datastore")))?;
        let files: Vec<String> = self.workspace.list(&place).await?.into_keys().collect();
        let is_model = |file: &&String| MODEL_FILES.iter().any(|ending| file.ends_with(ending));
        let models: Vec<&String> = files.iter().filter(is_model).collect();
        let file = match (&files[..], &models[..]) {
            ([file], _) => file.clone(),
            (_, [file]) => (*file).clone(),
            ([], _) => return Err(cannot(format!("there is nothing at {uri}"))),
            _ => {
                let advice = "a run can release a model of one file; register that file";
                return Err(cannot(format!("{uri} has {} files; {advice}", files.len())));
            }
        };
        let bytes = self.workspace.read(&Place { path: file, ..place }).await?;
        let bytes = bytes.ok_or_else(|| cannot(format!("there is nothing at {uri} any more")))?;
        self.artifacts.put(bytes).await
    }
}
