//! What controllers make of what was asked for, by the clock.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Behaviour, Kind, Kubernetes, NAMESPACE, Object, apply};

impl Kubernetes {
    pub(super) fn shown(&self, kind: Kind, object: &Object, now: Timestamp) -> Value {
        let mut shown = object.value.clone();
        shown["metadata"]["managedFields"] = apply::managed_fields(kind, object);
        match kind {
            Kind::Deployment => shown["status"] = self.status(object, now),
            Kind::Service => {
                let is_balanced = shown["spec"]["type"] == "LoadBalancer";
                let has_address = now.duration_since(object.created).as_secs() >= self.address_secs;
                shown["status"] = match is_balanced && has_address {
                    true => json!({"loadBalancer": {"ingress": [{"ip": "10.224.0.9", "ipMode": "VIP"}]}}),
                    false => json!({"loadBalancer": {}}),
                };
            }
            Kind::HttpRoute => shown["status"] = self.route_status(object, now),
            Kind::Secret | Kind::Pod => {}
        }
        shown
    }

    /// Pods of a Deployment that answer.
    pub(super) fn available(&self, object: &Object, now: Timestamp) -> i64 {
        let is_up = self.behaviour(object) == Behaviour::Fine && age(object, now) >= self.start_secs;
        if is_up { object.value["spec"]["replicas"].as_i64().unwrap() } else { 0 }
    }

    fn status(&self, object: &Object, now: Timestamp) -> Value {
        let spec = &object.value["spec"];
        let (replicas, available) = (spec["replicas"].as_i64().unwrap(), self.available(object, now));
        // The controller takes a moment to see a change.
        let generation = object.value["metadata"]["generation"].as_i64().unwrap();
        let observed = if age(object, now) < 1 && replicas > 0 { generation - 1 } else { generation };
        let deadline = self.progress_secs.or(spec["progressDeadlineSeconds"].as_i64()).unwrap();
        let is_late = age(object, now) >= deadline;
        let name = object.value["metadata"]["name"].as_str().unwrap();
        let (status, reason, message) = match () {
            () if available == replicas => ("True", "NewReplicaSetAvailable", "has successfully progressed."),
            () if is_late => ("False", "ProgressDeadlineExceeded", "has timed out progressing."),
            () => ("True", "ReplicaSetUpdated", "is progressing."),
        };
        let at = stamp(object.since, 0);
        let condition = |kind: &str, status: &str, reason: &str, message: &str| {
            json!({
                "type": kind, "status": status, "reason": reason, "message": message,
                "lastUpdateTime": at, "lastTransitionTime": at,
            })
        };
        let is_available = if available == replicas { "True" } else { "False" };
        let mut shown = json!({
            "observedGeneration": observed,
            "conditions": [
                condition("Available", is_available, "MinimumReplicasAvailable", ""),
                condition("Progressing", status, reason, &format!("ReplicaSet \"{name}-6d4cf56db6\" {message}")),
            ],
        });
        // A number that is 0 is left out.
        let counts = [
            ("replicas", replicas),
            ("updatedReplicas", replicas),
            ("availableReplicas", available),
            ("readyReplicas", available),
            ("unavailableReplicas", replicas - available),
        ];
        for (name, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            shown[name] = count.into();
        }
        shown
    }

    /// The pods of all Deployments.
    pub(super) fn pods(&self, now: Timestamp) -> Vec<Value> {
        let deployments = self.objects.iter().filter(|((kind, _), _)| *kind == Kind::Deployment);
        let of = |((_, name), object): (&(Kind, String), &Object)| {
            let replicas = object.value["spec"]["replicas"].as_i64().unwrap();
            (0..replicas).map(|nth| self.pod(name, object, nth, now)).collect::<Vec<_>>()
        };
        deployments.flat_map(of).collect()
    }

    fn pod(&self, deployment: &str, object: &Object, nth: i64, now: Timestamp) -> Value {
        let template = &object.value["spec"]["template"];
        let container = &template["spec"]["containers"][0];
        let age = age(object, now);
        let running = json!({"running": {"startedAt": stamp(object.since, self.start_secs)}});
        let waiting = |reason: &str, message: &str| match message {
            "" => json!({"waiting": {"reason": reason}}),
            message => json!({"waiting": {"reason": reason, "message": message}}),
        };
        let behaviour = self.behaviour(object);
        let (phase, state, restarts) = match behaviour {
            Behaviour::NoRoom => ("Pending", Value::Null, 0),
            _ if age < self.start_secs => ("Pending", waiting("ContainerCreating", ""), 0),
            Behaviour::Fine | Behaviour::Deaf => ("Running", running, 0),
            Behaviour::Crashes => {
                let message = "back-off 40s restarting failed container=scoring";
                ("Running", waiting("CrashLoopBackOff", message), age / 10)
            }
            Behaviour::NoImage => {
                let image = container["image"].as_str().unwrap();
                ("Pending", waiting("ImagePullBackOff", &format!("Back-off pulling image {image:?}")), 0)
            }
        };
        let is_ready = behaviour == Behaviour::Fine && age >= self.start_secs;
        let mut status = json!({
            "name": container["name"], "image": container["image"], "imageID": "", "ready": is_ready,
            "restartCount": restarts, "state": state,
        });
        if behaviour == Behaviour::Crashes && restarts > 0 {
            let ended = stamp(object.since, self.start_secs);
            let terminated = json!({"exitCode": 1, "reason": "Error", "startedAt": ended, "finishedAt": ended});
            status["lastState"] = json!({"terminated": terminated});
        }
        let mut shown = json!({"phase": phase, "conditions": [{"type": "PodScheduled", "status": "True"}]});
        match behaviour {
            Behaviour::NoRoom => {
                shown["conditions"] = json!([{
                    "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                    "message": "0/3 nodes are available: 3 Insufficient cpu.",
                }]);
            }
            _ => shown["containerStatuses"] = json!([status]),
        }
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": format!("{deployment}-6d4cf56db6-{nth}"), "namespace": NAMESPACE,
                "labels": template["metadata"]["labels"], "creationTimestamp": stamp(object.since, 0),
            },
            "spec": {"containers": template["spec"]["containers"]},
            "status": shown,
        })
    }

    fn behaviour(&self, object: &Object) -> Behaviour {
        let image = object.value["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap();
        let found = self.behaviours.iter().find(|(part, _)| image.contains(part.as_str()));
        found.map(|(_, behaviour)| *behaviour).unwrap_or_default()
    }
}

/// Seconds since a Deployment's pods were last wanted anew.
fn age(object: &Object, now: Timestamp) -> i64 {
    now.duration_since(object.since).as_secs()
}

fn stamp(from: Timestamp, after: i64) -> String {
    (from + SignedDuration::from_secs(after)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
