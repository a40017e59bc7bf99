//! Settings that name backends.

use runner::memory::Machine;

use super::{Services, embedded, wire};
use crate::settings::Settings;

const REGISTRY: &str =
    r#"{"subscription": "s", "resource_group": "g", "registry": "contoso", "projects": ["diabetes"]}"#;
const AZURE_ML: &str = r#"{"subscription": "s", "resource_group": "g", "workspace": "w", "compute": {"name": "cpu"}}"#;
const GROUPS: &str = r#"{"subscription": "s", "resource_group": "g", "location": "westeurope",
    "image": {"registry_server": "contoso.azurecr.io"}}"#;
const CLUSTER: &str = r#"{"subscription": "s", "resource_group": "g", "cluster": "c", "namespace": "n",
    "image": {"registry_server": "contoso.azurecr.io"}}"#;

fn of(given: &[(&str, &str)]) -> Settings {
    Settings::of(given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).unwrap()
}

fn refusal(given: &[(&str, &str)]) -> String {
    let failure = wire(&Services::new(&of(given)), Some(Machine::new().ports())).unwrap_err();
    format!("{failure}")
}

#[test]
fn one_line_puts_one_port_on_azure_and_leaves_the_others() {
    let settings = of(&[("TRAINYARD_JOBS", "azure_ml"), ("TRAINYARD_AZURE_ML", AZURE_ML)]);
    let machine = Machine::new().ports();
    let ports = wire(&Services::new(&settings), Some(machine.clone())).unwrap();
    assert!(ports.jobs.to_string().starts_with("Azure ML workspace w trains"), "{}", ports.jobs);
    assert_eq!(ports.store.to_string(), machine.store.to_string());
    assert!(ports.ledger.is_atomic() == machine.ledger.is_atomic());
    assert!(embedded(&settings).contains(&"TRAINYARD_STORE") && !embedded(&settings).contains(&"TRAINYARD_JOBS"));
}

#[test]
fn what_trains_already_is_one_line_too() {
    const PIPELINE: &str = r#"{"subscription": "s", "resource_group": "g", "workspace": "w", "projects": {"diabetes": {
        "pipeline": {"published": "6d2f9c81-0b5e-4a47-b3d0-1e8f7c6a5b49"},
        "result": {"folder": "azureml://datastores/d/paths/{job}"}}}}"#;
    const ENDPOINT: &str = r#"{"subscription": "s", "resource_group": "g", "workspace": "w", "projects": {"diabetes": {
        "endpoint": "retrain",
        "outputs": {"model": {"type": "UriFolder", "uri": "azureml://datastores/d/paths/{job}"}}}}}"#;
    for (word, name, value, wanted) in [
        ("published_pipeline", "TRAINYARD_PUBLISHED_PIPELINE", PIPELINE, "published pipelines of Azure ML workspace w"),
        ("batch_endpoint", "TRAINYARD_BATCH_ENDPOINT", ENDPOINT, "batch endpoints of Azure ML workspace w"),
    ] {
        let settings = of(&[("TRAINYARD_JOBS", word), (name, value)]);
        let ports = wire(&Services::new(&settings), Some(Machine::new().ports())).unwrap();
        assert!(ports.jobs.to_string().starts_with(wanted), "{}", ports.jobs);
        let missing = refusal(&[("TRAINYARD_JOBS", word)]);
        assert!(missing.contains(&format!("{name} is not set")), "{missing}");
        let dialect = value.replace("UriFolder", "uri_folder").replace("\"published\"", "\"name\"");
        let refused = refusal(&[("TRAINYARD_JOBS", word), (name, &dialect)]);
        assert!(refused.contains(&format!("{name} cannot be read: unknown variant")), "{refused}");
    }
}

#[test]
fn all_of_azure_needs_no_machine() {
    let settings = of(&[
        ("TRAINYARD_STORE", "blob"),
        ("TRAINYARD_ARTIFACTS", "blob"),
        ("TRAINYARD_BLOB", r#"{"account": "https://contoso.blob.core.windows.net"}"#),
        ("TRAINYARD_BUS", "service_bus"),
        ("SERVICEBUS__fullyQualifiedNamespace", "contoso.servicebus.windows.net"),
        ("TRAINYARD_SOURCE", "code_hosts"),
        ("TRAINYARD_GITHUB", r#"{"repositories": {"diabetes": {"owner": "contoso", "repository": "diabetes"}}}"#),
        ("GITHUB_TOKEN", "t"),
        ("TRAINYARD_JOBS", "azure_ml"),
        ("TRAINYARD_CHECKS", "container_registry"),
        ("TRAINYARD_MODELS", "azure_ml"),
        ("TRAINYARD_AZURE_ML", AZURE_ML),
        ("TRAINYARD_IMAGES", "container_registry"),
        ("TRAINYARD_CONTAINER_REGISTRY", REGISTRY),
        ("TRAINYARD_DEPLOYMENTS", r#"{"qa": "container_instances", "prod": "kubernetes"}"#),
        ("TRAINYARD_CONTAINER_INSTANCES", GROUPS),
        ("TRAINYARD_KUBERNETES", CLUSTER),
        ("TRAINYARD_INFRASTRUCTURE", "resource_manager"),
        ("TRAINYARD_RESOURCE_MANAGER", r#"{"subscription": "s", "groups": {"diabetes": "g"}}"#),
        ("IDENTITY_ENDPOINT", "http://127.0.0.1:1/msi/token"),
        ("IDENTITY_HEADER", "h"),
    ]);
    assert_eq!(embedded(&settings), [""; 0]);
    let ports = wire(&Services::new(&settings), None).unwrap();
    assert!(!ports.ledger.is_atomic(), "documents are saved before messages are sent");
    let deployments = ports.deployments.to_string();
    assert!(deployments.contains("prod: ") && deployments.contains("qa: "), "{deployments}");
}

#[test]
fn what_is_missing_or_contradicts_itself_is_named() {
    let all = [
        (vec![("TRAINYARD_JOBS", "azure_ml")], "TRAINYARD_AZURE_ML is not set"),
        (vec![("TRAINYARD_STORE", "blob")], "TRAINYARD_BLOB is not set"),
        (vec![("TRAINYARD_BUS", "service_bus")], "no namespace is set"),
        (vec![("TRAINYARD_SOURCE", "code_hosts")], "no host is set"),
        (vec![("TRAINYARD_IMAGES", "azure_ml")], "it may be embedded, container_registry"),
        (vec![("TRAINYARD_DEPLOYMENTS", "aci")], "allowed are embedded, container_instances"),
        (vec![("TRAINYARD_DEPLOYMENTS", r#"{"qa": 1}"#)], "has for qa neither a word"),
        (
            vec![("TRAINYARD_JOBS", "azure_ml"), ("TRAINYARD_AZURE_ML", r#"{"workspace": "w", "computer": "cpu"}"#)],
            "TRAINYARD_AZURE_ML cannot be read: unknown field `computer`",
        ),
        (
            vec![("TRAINYARD_JOBS", "azure_ml"), ("TRAINYARD_AZURE_ML", AZURE_ML), ("AZURE_CLIENT_SECRET", "s")],
            "AZURE_TENANT_ID is not",
        ),
    ];
    for (given, wanted) in all {
        let refusal = refusal(&given);
        assert!(refusal.contains(wanted), "{given:?}: {refusal}");
    }
    let failure = refusal(&[
        ("TRAINYARD_BUS", "service_bus"),
        ("SERVICEBUS__fullyQualifiedNamespace", "contoso.servicebus.windows.net"),
        ("TRAINYARD_LINK", "/home/ann/.trainyard/link.sock"),
    ]);
    assert!(failure.contains("would reach nobody"), "{failure}");
    let failure = wire(&Services::new(&of(&[])), None).unwrap_err().to_string();
    assert!(failure.contains("is `embedded`, and this is no machine with `trainyard up`"), "{failure}");
}

#[test]
fn another_cloud_has_other_addresses() {
    let settings = of(&[
        ("TRAINYARD_JOBS", "azure_ml"),
        ("TRAINYARD_AZURE_ML", AZURE_ML),
        ("TRAINYARD_IMAGES", "container_registry"),
        ("TRAINYARD_CONTAINER_REGISTRY", REGISTRY),
        ("AZURE_CLOUD", "AzureChinaCloud"),
    ]);
    let services = Services::new(&settings);
    let registry = services.registry().unwrap();
    assert_eq!(registry.base, "https://management.chinacloudapi.cn");
    assert_eq!(registry.login_server.as_deref(), Some("contoso.azurecr.cn"));
    let own = of(&[("TRAINYARD_CONTAINER_REGISTRY", REGISTRY)]);
    assert_eq!(Services::new(&own).registry().unwrap().login_server, None, "the usual one");
}

#[test]
fn a_webhook_is_looked_after_as_whom_it_is_for() {
    const APP: &str = r#"[{"hook": {"app": {}}}]"#;
    const REPOSITORY: &str =
        r#"[{"hook": {"repository": {"owner": "contoso", "repository": "diabetes", "number": 7}}}]"#;
    let hooks = |given: &[(&str, &str)]| {
        let settings = of(given);
        let made = Services::new(&settings).hooks();
        made.map(|hooks| hooks.iter().map(ToString::to_string).collect::<Vec<_>>()).map_err(|failure| failure.sentence)
    };
    assert_eq!(hooks(&[]), Ok(Vec::new()));
    let made = hooks(&[("TRAINYARD_GITHUB_HOOKS", REPOSITORY), ("GITHUB_TOKEN", "t")]);
    assert_eq!(made, Ok(vec!["webhook 7 of contoso/diabetes".to_owned()]));
    for (given, wanted) in [
        (vec![("TRAINYARD_GITHUB_HOOKS", APP)], "GITHUB_APP is not set"),
        (vec![("TRAINYARD_GITHUB_HOOKS", REPOSITORY)], "GITHUB_TOKEN is not set"),
        (vec![("TRAINYARD_GITHUB_HOOKS", APP), ("GITHUB_APP", "a"), ("GITHUB_TOKEN", "t")], "keep one"),
        (vec![("TRAINYARD_GITHUB_HOOKS", "[{}]"), ("GITHUB_TOKEN", "t")], "missing field `hook`"),
    ] {
        let refused = hooks(&given).unwrap_err();
        assert!(refused.contains(wanted), "{given:?}: {refused}");
    }
}
