//! Batch endpoints, whose deployments are pipelines.
//!
//! ```text
//! submit   GET batchEndpoints/{name} --> its address; POST there, with what makes a repeat one
//! status   GET jobs/{id}
//! cancel   POST jobs/{id}/cancel
//! ```
//!
//! The endpoint itself speaks another dialect than Azure Resource Manager: `UriFolder` where that says `uri_folder`.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use pipeline::effect::JobSpec;
use pipeline::names::{Digest, JobName};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use runner::ports::{Clock, PortError, Result};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::workspace::Workspace;
use super::super::{ROLE, SERVICE, refused};
use super::record::Record;
use super::{BatchEndpointSettings, BatchEndpointTraining, Ending, Look, Order, Way, values};
use crate::credential::Credential;
use crate::http::{self, Call, CallError, Client, Patience, Right, Transport};

const FIND: Right = Right::role("read a batch endpoint", ROLE);
const INVOKE: Right = Right::role("invoke a batch endpoint", ROLE);
/// The header that names the deployment.
const DEPLOYMENT: &str = "azureml-model-deployment";
/// The header by which a repeat is known; this is how the service spells it.
const REPEATABILITY: &str = "repeatability_request-id";

/// An endpoint, as Azure Resource Manager shows it.
#[derive(Deserialize)]
struct Endpoint {
    properties: Properties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    #[serde(default)]
    scoring_uri: Option<String>,
}

/// A job, as the endpoint tells of it.
#[derive(Deserialize)]
struct Invoked {
    /// `{endpoint}/jobs/{name}`
    id: String,
}

pub(super) struct Batch {
    settings: BatchEndpointSettings,
    /// The endpoints themselves.
    client: Client,
}

impl Batch {
    pub fn new(settings: BatchEndpointSettings, endpoints: Arc<dyn Credential>, clock: Arc<dyn Clock>) -> Result<Self> {
        let mut addresses = Vec::new();
        for training in settings.projects.values() {
            let usual = "https://inference.ml.azure.com";
            addresses.push(http::address("`address`", training.address.as_deref().unwrap_or(usual))?);
        }
        let transport = Transport::to(&addresses.iter().collect::<Vec<_>>(), settings.timeout_secs);
        let client = Client::new(SERVICE, transport, HeaderMap::new(), endpoints, clock).with_patience(Patience::SHORT);
        Ok(Self { settings, client })
    }

    fn training(&self, job: &JobSpec) -> Result<&BatchEndpointTraining> {
        self.settings.projects.get(&job.project).ok_or_else(|| {
            let reason =
                format!("no training is set for project {}; add it to `projects` of batch endpoints", job.project);
            PortError::permanent(SERVICE, reason)
        })
    }
}

#[async_trait]
impl Way for Batch {
    fn order(&self, job: &JobSpec, now: Timestamp) -> Result<Order> {
        let training = self.training(job)?;
        let (mut inputs, mut outputs) = (Map::new(), Map::new());
        for (name, input) in &training.inputs {
            let mut given = json!({"jobInputType": input.kind});
            if let Some(uri) = &input.uri {
                given["uri"] = values::of_job(uri, job)?.into();
            }
            match &input.value {
                Some(Value::String(text)) => given["value"] = values::of_job(text, job)?.into(),
                Some(value) => given["value"] = value.clone(),
                None => {}
            }
            inputs.insert(name.clone(), given);
        }
        let mut places = Vec::new();
        for (name, output) in &training.outputs {
            let uri = values::of_job(&output.uri, job)?;
            outputs.insert(name.clone(), json!({"jobOutputType": output.kind, "uri": uri}));
            places.push((output.kind, uri));
        }
        let mut properties = json!({"inputData": inputs, "outputData": outputs});
        let experiment = training.experiment.clone().unwrap_or_else(|| job.project.to_string());
        properties["properties"] = json!({"experimentName": experiment});
        let record = training.result.record(job, experiment, &places, now)?;
        Ok(Order { body: json!({"properties": properties}), record })
    }

    fn knows_repeats(&self) -> bool {
        true
    }

    /// It knows a repeat, and nothing more by our names.
    async fn find(&self, _workspace: &Workspace, _job: &JobName, _record: &Record) -> Result<Option<String>> {
        Ok(None)
    }

    async fn address(&self, workspace: &Workspace, job: &JobSpec) -> Result<Url> {
        let training = self.training(job)?;
        if let Some(address) = &training.address {
            return http::address("`address`", address);
        }
        let name = &training.endpoint;
        let found: Option<Endpoint> = workspace.find(&["batchEndpoints", name], &FIND).await?;
        let found = found.ok_or_else(|| refused(format!("{workspace} has no batch endpoint {name}")))?;
        let address = found.properties.scoring_uri.and_then(|address| Url::parse(&address).ok());
        address
            .filter(|address| address.host_str().is_some_and(is_of_azure))
            .ok_or_else(|| refused(format!("batch endpoint {name} names no address that can be called; set `address`")))
    }

    async fn start(&self, _workspace: &Workspace, url: Url, job: &JobSpec, body: Value) -> Result<String, CallError> {
        let header = |value: &str| {
            HeaderValue::from_str(value).map_err(|error| CallError::refused(SERVICE, format!("{value:?}: {error}")))
        };
        let mut call = Call::send(Method::POST, url, body, &INVOKE).with(REPEATABILITY, header(&repeatable(job))?);
        let deployment = self.settings.projects.get(&job.project).and_then(|training| training.deployment.as_deref());
        if let Some(deployment) = deployment {
            call = call.with(DEPLOYMENT, header(deployment)?);
        }
        let invoked: Invoked = self.client.read(call).await?;
        let name = invoked.id.rsplit('/').next().unwrap_or_default();
        if name.is_empty() {
            return Err(CallError::unavailable(SERVICE, format!("the endpoint names no job: {:?}", invoked.id)));
        }
        Ok(name.to_owned())
    }

    async fn look(&self, workspace: &Workspace, id: &str, _record: &Record) -> Result<Option<Look>> {
        let Some(job) = workspace.job(id).await? else { return Ok(None) };
        let mut look = Look::of(job.status(), job.experiment());
        if let Some(Ending::Badly(why)) = &mut look.ending {
            *why = workspace.details(job.experiment(), id).await?.and_then(|details| details.error());
        }
        Ok(Some(look))
    }

    async fn cancel(&self, workspace: &Workspace, id: &str, _record: &Record) -> Result<()> {
        match workspace.job(id).await? {
            Some(job) => workspace.cancel(id, &job).await,
            None => Ok(()),
        }
    }
}

/// What the service knows a repeat by: a UUID, the same for the same job of the same run.
fn repeatable(job: &JobSpec) -> String {
    let digest = Digest::of(format!("{}\n{}", job.name, job.reply_to.run).as_bytes());
    let hex = digest.hex();
    // Of version 8, whose content is anybody's: https://www.rfc-editor.org/rfc/rfc9562#section-5.8.
    format!("{}-{}-8{}-8{}-{}", &hex[..8], &hex[8..12], &hex[12..15], &hex[15..18], &hex[18..30])
}

/// Whether a host may see a token for Azure ML's endpoints.
fn is_of_azure(host: &str) -> bool {
    [".inference.ml.azure.com", ".inference.ml.azure.us", ".inference.ml.azure.cn"]
        .iter()
        .any(|ending| host.ends_with(ending))
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("batch endpoints")
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} with {:?}", self.settings, self.client)
    }
}
