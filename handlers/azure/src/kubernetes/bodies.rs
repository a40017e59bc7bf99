//! What is asked for.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pipeline::effect::DeploymentSpec;
use runner::ports::Result;
use serde_json::{Value, json};

use super::objects::Service;
use super::{Kubernetes, NOBODY, OF_DEPLOYMENT, OF_SERVICE, Place, STARTED_AT, ServiceKind, WANTED};
use crate::serving::{Container, HEALTH_PATH, PORT};

/// What the container in a pod is called.
pub(super) const CONTAINER: &str = "scoring";
/// What the key is called in its Secret.
const KEY: &str = "token";
/// Where a Service takes requests.
pub(super) const SERVICE_PORT: u16 = 80;
/// Between a pod's last new request and the word to stop: so long the cluster may take to tell all nodes.
const DRAIN_SECS: u32 = 20;
/// From the word to stop to the end, draining included.
const GRACE_SECS: u32 = 80;
/// A model may take so long to load.
const START_SECS: u32 = 300;
const PROBE_SECS: u32 = 5;

impl Kubernetes {
    pub(super) fn labels(&self, place: &Place<'_>, deployment: &str) -> Value {
        json!({
            "app.kubernetes.io/managed-by": "trainyard",
            OF_SERVICE: place.service,
            OF_DEPLOYMENT: deployment,
        })
    }

    /// The Deployment of a release. `started_at` makes it another one than before, so that it is rolled out anew.
    pub(super) async fn deployment_body(
        &self,
        place: &Place<'_>,
        name: &str,
        spec: &DeploymentSpec,
        started_at: &str,
    ) -> Result<Value> {
        let Container { image, variables, cpu_cores, memory_mib } =
            Container::of(spec, self.puller.reference(spec).await?);
        let mut env: Vec<_> = variables.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        if let Some(key) = &self.settings.api_key {
            let secret = json!({"secretKeyRef": {"name": place.service, "key": KEY}});
            env.push(json!({"name": key.variable, "valueFrom": secret}));
        }
        let cpu = format!("{}m", (cpu_cores * 1000.0).ceil().max(1.0));
        let resources = json!({"cpu": cpu, "memory": format!("{memory_mib}Mi")});
        let health = json!({"path": HEALTH_PATH, "port": PORT});
        let release = &spec.release;
        Ok(json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": name,
                "namespace": self.settings.namespace,
                "labels": self.labels(place, name),
                "annotations": {
                    "trainyard/project": spec.project,
                    "trainyard/environment": spec.environment,
                    "trainyard/release": release.deployment,
                    "trainyard/run": release.run,
                    "trainyard/image": release.image,
                    STARTED_AT: started_at,
                },
            },
            "spec": {
                "replicas": self.settings.replicas,
                "progressDeadlineSeconds": self.settings.progress_deadline_secs,
                "revisionHistoryLimit": 1,
                "selector": {"matchLabels": {OF_DEPLOYMENT: name}},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
                "template": {
                    "metadata": {"labels": self.labels(place, name), "annotations": {STARTED_AT: started_at}},
                    "spec": {
                        // A model has no business with the cluster.
                        "automountServiceAccountToken": false,
                        "terminationGracePeriodSeconds": GRACE_SECS,
                        "containers": [{
                            "name": CONTAINER,
                            "image": image,
                            "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
                            "env": env,
                            "resources": {"requests": resources, "limits": resources},
                            "startupProbe": {
                                "httpGet": health, "periodSeconds": PROBE_SECS, "failureThreshold": START_SECS / PROBE_SECS,
                            },
                            "readinessProbe": {"httpGet": health, "periodSeconds": PROBE_SECS, "failureThreshold": 3},
                            "livenessProbe": {
                                "httpGet": health, "periodSeconds": 20, "timeoutSeconds": 10, "failureThreshold": 3,
                            },
                            "lifecycle": {"preStop": {"exec": {"command": ["sleep", DRAIN_SECS.to_string()]}}},
                            "securityContext": {
                                "allowPrivilegeEscalation": false, "seccompProfile": {"type": "RuntimeDefault"},
                            },
                        }],
                    },
                },
            },
        }))
    }

    /// The Service of an environment. `before` is what was read: the write is refused if it has changed meanwhile.
    pub(super) fn service_body(
        &self,
        place: &Place<'_>,
        before: Option<&Service>,
        wanted: &str,
        selected: Option<&str>,
    ) -> Value {
        let mut annotations: BTreeMap<&str, &str> =
            self.settings.service_annotations.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        annotations.insert(WANTED, wanted);
        let kind = match self.settings.service {
            ServiceKind::ClusterIp => "ClusterIP",
            ServiceKind::PublicLoadBalancer => "LoadBalancer",
            ServiceKind::InternalLoadBalancer => {
                annotations.insert("service.beta.kubernetes.io/azure-load-balancer-internal", "true");
                "LoadBalancer"
            }
        };
        let mut body = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": place.service,
                "namespace": self.settings.namespace,
                "labels": {"app.kubernetes.io/managed-by": "trainyard", OF_SERVICE: place.service},
                "annotations": annotations,
            },
            "spec": {
                "type": kind,
                "selector": {OF_DEPLOYMENT: selected.unwrap_or(NOBODY)},
                "ports": [{"name": "http", "port": SERVICE_PORT, "targetPort": PORT, "protocol": "TCP"}],
            },
        });
        if let Some(before) = before {
            body["metadata"]["resourceVersion"] = before.metadata.resource_version.as_str().into();
        }
        body
    }

    /// The Secret with the key that callers have to show.
    pub(super) fn secret_body(&self, place: &Place<'_>, key: &str) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": place.service,
                "namespace": self.settings.namespace,
                "labels": {"app.kubernetes.io/managed-by": "trainyard", OF_SERVICE: place.service},
            },
            "type": "Opaque",
            "data": {KEY: BASE64.encode(key)},
        })
    }
}
