//! What a run has left: its model on a datastore, its numbers there or in MLflow.

use std::collections::BTreeMap;

use pipeline::event::{JobOutputs, JobResult};
use runner::ports::Result;

use super::super::place::Place;
use super::record::Record;
use super::{Ending, ExistingTraining, values};
use crate::metrics::Metrics;

/// The file of metrics among a job's outputs.
const METRICS: &str = "metrics.json";

impl ExistingTraining {
    /// What became of a run that has ended.
    pub(super) async fn result(
        &self,
        record: &Record,
        id: &str,
        experiment: &str,
        ending: Ending,
    ) -> Result<JobResult> {
        let see = format!("; see {}", self.page(id));
        match ending {
            Ending::Canceled => return Ok(JobResult::Canceled),
            Ending::Badly(why) => {
                let why = why.unwrap_or_else(|| "Azure ML does not say why".to_owned());
                let reason = format!("run {id} of {self} failed: {why}{see}");
                return Ok(JobResult::Failed { reason, outputs: JobOutputs::default() });
            }
            Ending::Well => {}
        }
        let (mut outputs, problems) = self.collect(record, id, experiment).await?;
        outputs.said.insert(0, format!("run {id} of {self}"));
        Ok(match problems.is_empty() {
            true => JobResult::Completed(outputs),
            false => JobResult::Failed { reason: problems.join("; ") + &see, outputs },
        })
    }

    /// All that is there, and a sentence for each thing that is wrong with it.
    async fn collect(&self, record: &Record, id: &str, experiment: &str) -> Result<(JobOutputs, Vec<String>)> {
        let (mut outputs, mut problems) = (JobOutputs::default(), Vec::new());
        let step = self.step(record, experiment, id).await?;
        if let (Some(name), None) = (&record.step, &step) {
            problems.push(format!("the run has no step {name:?}"));
            return Ok((outputs, problems));
        }
        let mut metrics = None;
        for name in &record.required {
            let places = places(record, name, id, step.as_deref());
            match self.first_of(&places).await? {
                Some(bytes) => {
                    if name == METRICS {
                        metrics = Some(Metrics::read(name, &bytes));
                    }
                    outputs.files.insert(name.clone(), self.artifacts.put(bytes).await?);
                }
                None if name == METRICS => {}
                None => {
                    let looked: Vec<String> = places.iter().map(Place::uri).collect();
                    problems.push(format!("{name} is missing; it was looked for at {}", looked.join(" and ")));
                }
            }
        }
        let (numbers, wrong) = match metrics {
            Some(Metrics { numbers, problems }) => (numbers, problems),
            None => (self.numbers(id, step.as_deref()).await?, Vec::new()),
        };
        problems.extend(wrong);
        if !numbers.is_empty() && !outputs.files.contains_key(METRICS) {
            let bytes = serde_json::to_vec(&numbers).expect("numbers are plain data");
            outputs.files.insert(METRICS.into(), self.artifacts.put(bytes).await?);
        }
        if record.required.iter().any(|name| name == METRICS) && !outputs.files.contains_key(METRICS) {
            problems.push(format!(
                "the run has left no metrics: let it write {METRICS} beside the model, or log them to MLflow (or to the \
                 run of the first SDK; where a step does so, set `step`)"
            ));
        }
        outputs.metrics = numbers;
        Ok((outputs, problems))
    }

    /// What was logged: to the step that trains, or else to the run.
    async fn numbers(&self, id: &str, step: Option<&str>) -> Result<BTreeMap<String, f64>> {
        if let Some(step) = step {
            let numbers = self.workspace.logged(step).await?;
            if !numbers.is_empty() {
                return Ok(numbers);
            }
        }
        self.workspace.logged(id).await
    }

    /// The service's name of the step that trains, where one is set.
    pub(super) async fn step(&self, record: &Record, experiment: &str, id: &str) -> Result<Option<String>> {
        match &record.step {
            Some(name) => self.workspace.step(experiment, id, name).await,
            None => Ok(None),
        }
    }

    async fn first_of(&self, places: &[Place]) -> Result<Option<Vec<u8>>> {
        for place in places {
            if let Some(bytes) = self.workspace.read(place).await? {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }
}

/// Where a file may be.
fn places(record: &Record, name: &str, id: &str, step: Option<&str>) -> Vec<Place> {
    let read = |uri: &String| Place::read(&values::of_end(uri, id, step)?);
    let alone = record.files.get(name).and_then(read);
    let in_folders = record.folders.iter().filter_map(read).map(|folder| folder.below(name));
    alone.into_iter().chain(in_folders).collect()
}
