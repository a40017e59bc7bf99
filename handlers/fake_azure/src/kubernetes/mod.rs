//! Azure Kubernetes Service, and the API server of a cluster.
//!
//! Sources: `managedClusters.json` of version 2024-09-01 in Azure/azure-rest-api-specs; `swagger.json` in
//! kubernetes-client/python. Server-side apply keeps who owns which field; a rollout goes on by the clock, as a test says of
//! its image.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{Asked, Told};

mod apply;
mod gateway;
mod known;
mod known_route;
mod object;
mod rollout;

pub use gateway::{Destination, GATEWAY_HOST, Gateway};
pub use object::{Kind, Object};

/// The host of the cluster.
pub const HOST: &str = "aksprod-dns-1a2b3c4d.hcp.westeurope.azmk8s.io";
/// The namespace that is there.
pub const NAMESPACE: &str = "scoring";

/// How a container does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// It starts, and answers.
    #[default]
    Fine,
    /// It starts, and never answers its probe.
    Deaf,
    /// It ends as often as it is started.
    Crashes,
    /// Its image is not to be had.
    NoImage,
    /// No node has room for it.
    NoRoom,
}

/// What is there.
#[derive(Debug)]
pub struct Kubernetes {
    pub objects: BTreeMap<(Kind, String), Object>,
    /// A part of an image's reference, and how its container does; the first that fits counts.
    pub behaviours: Vec<(String, Behaviour)>,
    /// The cluster knows no Entra ID, and hands out its administrator's certificate.
    pub is_open: bool,
    /// `Authorization` that opens the cluster; any, where there is none.
    pub authorization: Option<String>,
    pub start_secs: i64,
    pub address_secs: i64,
    /// Objects in a page of a list.
    pub page: usize,
    /// What all containers say.
    pub log: String,
    /// Who had the requests, the newest last: the selectors that a Service has had.
    pub switches: Vec<String>,
    /// The cluster has the Gateway API.
    pub has_gateway_api: bool,
    pub gateways: Vec<Gateway>,
    /// How long it takes until a controller has seen a change of a route.
    pub controller_secs: i64,
    /// The weights that routes have had, the newest last, in the order of names.
    pub shifts: Vec<Vec<(String, u64)>>,
    /// When a Deployment without progress is given up, instead of as it says itself.
    pub progress_secs: Option<i64>,
    /// Who is next to have a request.
    turn: u64,
    version: u64,
}

impl Default for Kubernetes {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            behaviours: Vec::new(),
            is_open: false,
            authorization: None,
            start_secs: 20,
            address_secs: 5,
            page: 2,
            log: "Server ready\n".into(),
            switches: Vec::new(),
            has_gateway_api: true,
            gateways: vec![Gateway::default()],
            controller_secs: 2,
            shifts: Vec::new(),
            progress_secs: None,
            turn: 0,
            version: 0,
        }
    }
}

impl Kubernetes {
    /// Whether pods stand behind a Service, by its name.
    #[must_use]
    pub fn serves(&self, host: &str, now: Timestamp) -> bool {
        let name = host.trim_end_matches(".example").to_owned();
        let Some(service) = self.objects.get(&(Kind::Service, name)) else { return false };
        let selector = service.value["spec"]["selector"].as_object().unwrap();
        let mut deployments = self.objects.iter().filter(|((kind, _), _)| *kind == Kind::Deployment);
        deployments.any(|(_, deployment)| {
            let labels = &deployment.value["spec"]["template"]["metadata"]["labels"];
            let is_selected = selector.iter().all(|(name, value)| labels[name] == *value);
            is_selected && self.available(deployment, now) > 0
        })
    }

    /// Azure Resource Manager.
    pub fn managed(&mut self, asked: &Asked<'_>) -> Told {
        if asked.query.get("api-version").map(String::as_str) != Some("2024-09-01") {
            return Told::error(400, "InvalidApiVersionParameter", "The api-version is not one of this provider's");
        }
        let segments = asked.segments();
        match (asked.method, &segments[..]) {
            (
                "POST",
                [
                    "subscriptions",
                    _,
                    "resourceGroups",
                    _,
                    "providers",
                    _,
                    "managedClusters",
                    "aksprod",
                    "listClusterUserCredential",
                ],
            ) if asked.query.get("format").map(String::as_str) == Some("exec") => {
                let value = BASE64.encode(self.kubeconfig(&asked.address(HOST)));
                Told::json(200, &json!({"kubeconfigs": [{"name": "clusterUser", "value": value}]}))
            }
            _ => Told::error(404, "ResourceNotFound", &format!("{} {}", asked.method, asked.path.join("/"))),
        }
    }

    fn kubeconfig(&self, server: &str) -> String {
        let authority = BASE64.encode(include_bytes!("../../fixtures/cluster_authority.pem"));
        let user = match self.is_open {
            true => "    client-certificate-data: c2VjcmV0\n    client-key-data: c2VjcmV0\n    token: secret\n".to_owned(),
            false => "    exec:\n      apiVersion: client.authentication.k8s.io/v1beta1\n      command: kubelogin\n      args:\n      \
                      - get-token\n      - --server-id\n      - 6dae42f8-4368-4678-94ff-3960e28e3630\n      env: null\n"
                .to_owned(),
        };
        format!(
            "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {authority}\n    server: {server}\n  \
             name: aksprod\ncontexts:\n- context:\n    cluster: aksprod\n    user: clusterUser_rg_aksprod\n  name: \
             aksprod\ncurrent-context: aksprod\nkind: Config\npreferences: {{}}\nusers:\n- name: clusterUser_rg_aksprod\n  \
             user:\n{user}"
        )
    }

    /// The API server.
    pub fn answer(&mut self, asked: &Asked<'_>) -> Told {
        if self.authorization.as_deref().is_some_and(|wanted| asked.header("authorization") != wanted) {
            return failure(401, "Unauthorized", "Unauthorized");
        }
        let segments = asked.segments();
        let (kind, below) = match &segments[..] {
            ["apis", "gateway.networking.k8s.io", ..] if !self.has_gateway_api => return Self::unknown_group(),
            ["api", "v1", "namespaces", NAMESPACE, plural, below @ ..]
            | ["apis", "apps" | "gateway.networking.k8s.io", "v1", "namespaces", NAMESPACE, plural, below @ ..] => {
                let is_at = |kind: &Kind| {
                    asked.path.join("/").starts_with(&format!("{}/{}/namespaces/", segments[0], kind.api_version()))
                };
                match Kind::of(segments[0], plural).filter(is_at) {
                    Some(kind) => (kind, below),
                    None => return failure(404, "NotFound", "the server could not find the requested resource"),
                }
            }
            ["api" | "apis", ..] if segments.contains(&"namespaces") => {
                return failure(404, "NotFound", &format!("namespaces {:?} not found", segments[segments.len() - 3]));
            }
            _ => return failure(404, "NotFound", "the server could not find the requested resource"),
        };
        match (asked.method, below) {
            ("GET", []) => self.list(asked, kind),
            ("GET", [pod, "log"]) if kind == Kind::Pod => self.read_log(asked, pod),
            ("GET", [name]) => match self.objects.get(&(kind, (*name).to_owned())) {
                Some(object) => Told::json(200, &self.shown(kind, object, asked.now)),
                None => missing(kind, name),
            },
            ("PATCH", [name]) => self.apply(asked, kind, name),
            ("PATCH", [name, "scale"]) if kind == Kind::Deployment => self.scale(asked, name),
            ("DELETE", [name]) => match self.objects.remove(&(kind, (*name).to_owned())) {
                // So it has been for Services since version 1.21.
                Some(object) if kind == Kind::Service => Told::json(200, &self.shown(kind, &object, asked.now)),
                Some(_) => {
                    let details = json!({"name": name, "kind": kind.plural()});
                    let status = json!({
                        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
                    });
                    Told::json(200, &status)
                }
                None => missing(kind, name),
            },
            _ => failure(405, "MethodNotAllowed", "the server does not allow this method on the requested resource"),
        }
    }

    fn list(&self, asked: &Asked<'_>, kind: Kind) -> Told {
        let selector = asked.query.get("labelSelector").cloned().unwrap_or_default();
        let all: Vec<Value> = match kind {
            Kind::Pod => self.pods(asked.now),
            _ => {
                let of_kind = self.objects.iter().filter(|((it, _), _)| *it == kind);
                of_kind.map(|(_, object)| self.shown(kind, object, asked.now)).collect()
            }
        };
        let is_selected = |object: &&Value| {
            selector.split(',').filter(|term| !term.is_empty()).all(|term| {
                let (name, value) = term.split_once('=').unwrap();
                object["metadata"]["labels"][name] == value
            })
        };
        let found: Vec<Value> = all.iter().filter(is_selected).cloned().collect();
        let skip: usize = asked.query.get("continue").map_or(0, |token| token.parse().unwrap());
        let limit = asked.query.get("limit").map_or(usize::MAX, |limit| limit.parse().unwrap()).min(self.page);
        let mut metadata = json!({"resourceVersion": self.version.to_string()});
        if skip + limit < found.len() {
            metadata["continue"] = (skip + limit).to_string().into();
        }
        let mut items: Vec<Value> = found.into_iter().skip(skip).take(limit).collect();
        for item in &mut items {
            // A list says once what its items are.
            item.as_object_mut().unwrap().retain(|name, _| name != "kind" && name != "apiVersion");
        }
        let (api, name) = (kind.api_version(), kind.name());
        Told::json(
            200,
            &json!({"apiVersion": api, "kind": format!("{name}List"), "metadata": metadata, "items": items}),
        )
    }

    fn read_log(&self, asked: &Asked<'_>, pod: &str) -> Told {
        let pods = self.pods(asked.now);
        let Some(pod) = pods.iter().find(|it| it["metadata"]["name"] == pod) else { return missing(Kind::Pod, pod) };
        if asked.query.get("container").map(String::as_str) != Some("scoring") {
            return failure(400, "BadRequest", "container is not valid for pod");
        }
        if pod["status"]["containerStatuses"][0]["state"].get("running").is_none() {
            return failure(400, "BadRequest", "container \"scoring\" in pod is waiting to start: ContainerCreating");
        }
        let limit = asked.query.get("limitBytes").map_or(usize::MAX, |limit| limit.parse().unwrap());
        let bytes = self.log.as_bytes();
        Told::bytes(200, "text/plain", &bytes[..bytes.len().min(limit)])
    }
}

fn missing(kind: Kind, name: &str) -> Told {
    let group = if kind == Kind::HttpRoute { ".gateway.networking.k8s.io" } else { "" };
    failure(404, "NotFound", &format!("{}{group} {name:?} not found", kind.plural()))
}

/// An error in the words of the API server.
fn failure(code: u16, reason: &str, message: &str) -> Told {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason,
        "code": code,
    });
    Told::json(code, &status)
}
