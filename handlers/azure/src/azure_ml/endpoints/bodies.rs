//! What is asked of the service.

use jiff::Timestamp;
use pipeline::effect::DeploymentSpec;
use pipeline::names::Digest;
use serde_json::{Value, json};

use super::OnlineEndpoints;
use super::resources::{APPLIED, DEPLOYMENT};

/// Where `azureml-inference-server-http` listens, and the path at which it scores.
const PORT: u16 = 5001;
const SCORE_PATH: &str = "/score";
/// Seconds between two looks at a deployment's health, and looks that may fail before it is given up: ten minutes, for a
/// large model takes its time.
const HEALTH_SECS: u32 = 10;
const HEALTH_LOOKS: u32 = 60;

/// An environment, as it is registered.
#[derive(Debug)]
pub(super) struct Environment {
    pub name: String,
    pub version: String,
    pub body: Value,
}

impl OnlineEndpoints {
    pub(super) fn endpoint_body(&self, spec: &DeploymentSpec) -> Value {
        let identity = match &self.settings.identity {
            Some(id) => json!({"type": "UserAssigned", "userAssignedIdentities": {id.as_str(): {}}}),
            None => json!({"type": "SystemAssigned"}),
        };
        json!({
            "location": self.settings.location,
            "identity": identity,
            "tags": {"trainyard-project": spec.project, "trainyard-environment": spec.environment},
            "properties": {
                "authMode": "Key",
                "publicNetworkAccess": "Enabled",
                "traffic": {},
                "description": format!("{} in {}", spec.project, spec.environment),
            },
        })
    }

    /// The scoring image with what the service must know of it. A version never changes, so it is named for its content.
    pub(super) fn environment(&self, spec: &DeploymentSpec) -> Environment {
        let project = spec.project.as_str().to_ascii_lowercase();
        let repository = self.settings.images.replace("{project}", &project);
        let image = format!("{repository}@{}", spec.release.image);
        let route = |path: &str| json!({"path": path, "port": PORT});
        let health = route(&self.settings.health_path);
        let inference = json!({"livenessRoute": health, "readinessRoute": health, "scoringRoute": route(SCORE_PATH)});
        let properties = json!({"image": image, "osType": "Linux", "inferenceConfig": inference});
        let version = Digest::of(properties.to_string().as_bytes()).hex()[..32].to_owned();
        Environment { name: format!("scoring-{project}"), version, body: json!({"properties": properties}) }
    }

    pub(super) fn deployment_body(
        &self,
        spec: &DeploymentSpec,
        environment: &Environment,
        applied: Timestamp,
    ) -> Value {
        let release = &spec.release;
        let environment = self.address.id(&["environments", &environment.name, "versions", &environment.version]);
        let health = json!({
            "period": format!("PT{HEALTH_SECS}S"), "timeout": "PT5S", "failureThreshold": HEALTH_LOOKS, "successThreshold": 1,
            "initialDelay": format!("PT{HEALTH_SECS}S"),
        });
        json!({
            "location": self.settings.location,
            "sku": {"name": "Default", "capacity": self.settings.instance_count},
            "tags": {
                APPLIED: applied.to_string(),
                DEPLOYMENT: release.deployment,
                "trainyard-run": release.run,
                "trainyard-model": format!("{}:{}", release.model.name, release.model.version),
                "trainyard-image": release.image,
            },
            "properties": {
                "endpointComputeType": "Managed",
                "environmentId": environment,
                "instanceType": self.settings.instance_type,
                "scaleSettings": {"scaleType": "Default"},
                "environmentVariables": {
                    "SERVICE_NAME": spec.project,
                    "MODEL_VERSION": release.model.version.to_string(),
                    "AML_APP_INSIGHTS_ENABLED": "false",
                },
                "requestSettings": {
                    "requestTimeout": format!("PT{}S", self.settings.answer_timeout_secs.clamp(1, 180)),
                    "maxConcurrentRequestsPerInstance": self.settings.requests_per_instance,
                },
                "livenessProbe": health,
                "readinessProbe": health,
            },
        })
    }
}
