//! Calls of the API server.

use reqwest::Method;
use runner::ports::Result;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::objects::List;
use super::{Kubernetes, SERVICE};
use crate::http::{self, Answer, Body, Call, CallError, Kind, Right};
use crate::roles;

/// Who we are among those who write to an object.
const MANAGER: (&str, &str) = ("fieldManager", "trainyard");
/// Entries of a list that are asked for at once.
const PAGE: &str = "100";
/// Pages that are read of a list before it is given up.
const PAGES_MAX: usize = 50;

const READ: Right = Right::role("look at what is in the namespace", roles::NAMESPACE);
const APPLY: Right = Right::role("apply an object in the namespace", roles::NAMESPACE);
const SCALE: Right = Right::role("scale a Deployment", roles::NAMESPACE);
const DELETE: Right = Right::role("delete an object in the namespace", roles::NAMESPACE);
const READ_ROUTE: Right = Right::role("look at the HTTPRoute of an environment", roles::ROUTES);
const APPLY_ROUTE: Right = Right::role("apply the HTTPRoute of an environment", roles::ROUTES);
const LOGS: Right = Right::role("read a pod's log", roles::NAMESPACE);

/// A kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Object {
    Deployment,
    Pod,
    Route,
    Secret,
    Service,
}

impl Object {
    /// The segments of its address before the namespace, and after it.
    fn path(self) -> (&'static [&'static str], &'static str) {
        match self {
            Self::Deployment => (&["apis", "apps", "v1"], "deployments"),
            Self::Pod => (&["api", "v1"], "pods"),
            Self::Route => (&["apis", "gateway.networking.k8s.io", "v1"], "httproutes"),
            Self::Secret => (&["api", "v1"], "secrets"),
            Self::Service => (&["api", "v1"], "services"),
        }
    }

    fn to_read(self) -> &'static Right {
        if self == Self::Route { &READ_ROUTE } else { &READ }
    }

    fn to_apply(self) -> &'static Right {
        if self == Self::Route { &APPLY_ROUTE } else { &APPLY }
    }
}

impl Kubernetes {
    async fn ask(
        &self,
        (method, object, below): (Method, Object, &[&str]),
        query: &[(&str, &str)],
        body: Body,
        right: &Right,
    ) -> Result<Answer, CallError> {
        let cluster = self.cluster().await?;
        let (head, plural) = object.path();
        let segments = [head, &["namespaces", &self.settings.namespace, plural], below].concat();
        let mut call = Call::new(method, http::join(&cluster.base, &segments, query), body, right);
        // A write at a version that is gone will not be taken however often it is sent.
        if matches!(&call.body, Body::JsonAs(_, body) if body["metadata"]["resourceVersion"].is_string()) {
            call = call.once();
        }
        let answer = cluster.client.call(call).await;
        if let Err(error) = &answer
            && error.status == 0
            && error.kind == Kind::Unavailable
        {
            self.forget().await;
        }
        match answer {
            Err(error) if object == Object::Route && is_unknown(&error, below) => Err(CallError::refused(
                SERVICE,
                format!(
                    "the cluster {} has no Gateway API (gateway.networking.k8s.io/v1): install it and a controller for it, \
                     or leave `route` out of the settings",
                    self.settings.cluster
                ),
            )),
            other => other,
        }
    }

    /// One object; None where it is not there.
    pub(super) async fn get<T: DeserializeOwned>(&self, object: Object, name: &str) -> Result<Option<T>> {
        match self.ask((Method::GET, object, &[name]), &[], Body::Nothing, object.to_read()).await {
            Ok(answer) => answer.json().map(Some).map_err(CallError::into_port),
            Err(error) if error.kind == Kind::Gone => Ok(None),
            Err(error) => Err(error.into_port()),
        }
    }

    /// All objects with a label.
    pub(super) async fn list<T: DeserializeOwned>(&self, object: Object, label: (&str, &str)) -> Result<Vec<T>> {
        let selector = format!("{}={}", label.0, label.1);
        let mut found = Vec::new();
        let mut go_on = String::new();
        for _ in 0..PAGES_MAX {
            let mut query = vec![("labelSelector", selector.as_str()), ("limit", PAGE)];
            if !go_on.is_empty() {
                query.push(("continue", &go_on));
            }
            let answer = self.ask((Method::GET, object, &[]), &query, Body::Nothing, object.to_read()).await;
            let page: List<T> = answer.and_then(|answer| answer.json()).map_err(CallError::into_port)?;
            found.extend(page.items);
            go_on = page.metadata.go_on;
            if go_on.is_empty() {
                break;
            }
        }
        Ok(found)
    }

    /// Makes an object what it is to be, as far as it is ours; whatever else is written on it stays.
    pub(super) async fn apply_object<T: DeserializeOwned>(&self, object: Object, name: &str, body: Value) -> Result<T> {
        let query = [MANAGER, ("force", "true"), ("fieldValidation", "Strict")];
        // JSON is YAML.
        let body = Body::JsonAs("application/apply-patch+yaml", body);
        let answer = self.ask((Method::PATCH, object, &[name]), &query, body, object.to_apply()).await;
        answer.and_then(|answer| answer.json()).map_err(CallError::into_port)
    }

    /// Ends all pods of a Deployment; the Deployment stays. One that is gone has none.
    pub(super) async fn scale_to_none(&self, name: &str) -> Result<()> {
        let body = Body::JsonAs("application/merge-patch+json", json!({"spec": {"replicas": 0}}));
        settled(self.ask((Method::PATCH, Object::Deployment, &[name, "scale"]), &[MANAGER], body, &SCALE).await)
    }

    /// Deletes an object and what belongs to it; one that is gone is deleted already.
    pub(super) async fn delete(&self, object: Object, name: &str) -> Result<()> {
        let query = [("propagationPolicy", "Background")];
        settled(self.ask((Method::DELETE, object, &[name]), &query, Body::Nothing, &DELETE).await)
    }

    /// The log of a pod's container from its beginning, at most so many bytes; empty before it runs.
    pub(super) async fn log(&self, pod: &str, container: &str, bytes: u64) -> Result<String> {
        let limit = bytes.to_string();
        let query = [("container", container), ("limitBytes", limit.as_str())];
        match self.ask((Method::GET, Object::Pod, &[pod, "log"]), &query, Body::Nothing, &LOGS).await {
            Ok(answer) => Ok(String::from_utf8_lossy(&answer.body).into_owned()),
            // So it answers for a container that waits to start.
            Err(error) if error.code == "BadRequest" || error.kind == Kind::Gone => Ok(String::new()),
            Err(error) => Err(error.into_port()),
        }
    }
}

/// Whether the server does not know the kind of object: of an object that is not there it says the name, or that of the
/// namespace that is not there.
fn is_unknown(error: &CallError, below: &[&str]) -> bool {
    error.kind == Kind::Gone && !error.says("namespace") && !below.iter().any(|name| error.says(name))
}

/// What is gone is as it was to be.
fn settled(answer: Result<Answer, CallError>) -> Result<()> {
    match answer {
        Ok(_) => Ok(()),
        Err(error) if error.kind == Kind::Gone => Ok(()),
        Err(error) => Err(error.into_port()),
    }
}
