//! The run history of a workspace: runs by their tags, and the steps of a run.

use jiff::Timestamp;
use reqwest::Method;
use runner::ports::Result;
use serde::Deserialize;
use serde_json::json;

use super::workspace::Workspace;
use super::{ROLE, present};
use crate::http::{Call, Right};

const FIND: Right = Right::role("look for runs", ROLE);
/// The tag with our run.
pub(super) const RUN_TAG: &str = "run";
/// Runs that are asked for at once: those that two who came together have started, or the steps of a pipeline.
const PAGE: u32 = 100;
/// Pages that are read of a list before it is given up.
const PAGES_MAX: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    value: Vec<Run>,
    #[serde(default)]
    continuation_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    run_id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    created_utc: Option<Timestamp>,
}

impl Workspace {
    /// The first run in an experiment with all these tags.
    pub async fn tagged(&self, experiment: &str, tags: &[(&str, &str)]) -> Result<Option<String>> {
        // As the first SDK writes it; names and values of ours have no signs of the language in them.
        let terms: Vec<String> = tags.iter().map(|(name, value)| format!("(Tags/{name} eq \"{value}\")")).collect();
        let body = json!({"filter": format!("({})", terms.join(" and ")), "top": PAGE});
        let url = self.tracked("history/v1.0", &format!("experiments/{experiment}/runs:query"), &[]).await?;
        // The first run makes the experiment.
        let page: Option<Page> = present(self.client.read(Call::send(Method::POST, url, body, &FIND)).await)?;
        let runs = page.map(|page| page.value).unwrap_or_default();
        Ok(runs.into_iter().min_by_key(|run| run.created_utc).map(|run| run.run_id))
    }

    /// The latest try of a step of a run, by the step's name.
    pub async fn step(&self, experiment: &str, run: &str, name: &str) -> Result<Option<String>> {
        let (below, top) = (format!("experiments/{experiment}/runs/{run}/children"), PAGE.to_string());
        let (mut found, mut next): (Vec<Run>, _) = (Vec::new(), None::<String>);
        for _ in 0..PAGES_MAX {
            let mut query = vec![("$top", top.as_str())];
            query.extend(next.as_deref().map(|token| ("$continuationtoken", token)));
            let url = self.tracked("history/v1.0", &below, &query).await?;
            let page: Option<Page> = present(self.client.read(Call::get(url, &FIND)).await)?;
            let Some(page) = page else { break };
            found.extend(page.value.into_iter().filter(|run| run.name.as_deref() == Some(name)));
            next = page.continuation_token;
            if next.is_none() {
                break;
            }
        }
        Ok(found.into_iter().max_by_key(|run| run.created_utc).map(|run| run.run_id))
    }
}
