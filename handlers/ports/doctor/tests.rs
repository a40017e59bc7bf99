//! What is looked at, by settings alone, and what is said when Azure does not answer.

use azure::Place;
use fake_azure::Fake;
use fake_azure::login::Application;
use serde_json::json;

use super::{Look, Looked, doctor};
use crate::ports::Services;
use crate::settings::Settings;

const GROUP: &str = "/subscriptions/s/resourceGroups/g";

fn of(given: &[(&str, String)]) -> Settings {
    Settings::of(given.iter().map(|(name, value)| ((*name).to_owned(), value.clone()))).unwrap()
}

/// Settings of many services, all at this address.
fn many(base: &str) -> Vec<(&'static str, String)> {
    let registry = |name: &str| json!({"subscription": "s", "resource_group": "g", "registry": name, "base": base, "timeout_secs": 3});
    let image = json!({"registry_server": "contoso.azurecr.io"});
    let identity = format!("{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/puller");
    let all = [
        ("TRAINYARD_JOBS", json!("azure_ml")),
        (
            "TRAINYARD_AZURE_ML",
            json!({"subscription": "s", "resource_group": "g", "workspace": "w", "compute": {"name": "cpu", "create": {"size": "Standard_DS3_v2", "nodes": 1}}, "base": base,
                "timeout_secs": 3}),
        ),
        ("TRAINYARD_IMAGES", json!("container_registry")),
        ("TRAINYARD_CONTAINER_REGISTRY", registry("contoso")),
        ("TRAINYARD_DEPLOYMENTS", json!({"qa": "container_instances", "prod": "kubernetes", "edge": "kubernetes"})),
        (
            "TRAINYARD_CONTAINER_INSTANCES",
            json!({"subscription": "s", "resource_group": "g", "location": "westeurope", "image": image, "base": base,
                "timeout_secs": 3, "pull": {"identity": identity}}),
        ),
        (
            "TRAINYARD_KUBERNETES",
            json!({"subscription": "s", "resource_group": "g", "cluster": "c", "namespace": "n", "image": image,
                "base": base, "timeout_secs": 3, "endpoint": "https://models.contoso.com", "route": {"gateway": "public"}}),
        ),
        ("TRAINYARD_ENVIRONMENT_REGISTRIES", json!({"prod": registry("contosoprod"), "nowhere": registry("other")})),
        ("TRAINYARD_INFRASTRUCTURE", json!("resource_manager")),
        (
            "TRAINYARD_RESOURCE_MANAGER",
            json!({"subscription": "s", "groups": {"one": "g", "two": "g2"}, "base": base, "timeout_secs": 3}),
        ),
        ("TRAINYARD_STORE", json!("blob")),
        ("TRAINYARD_BLOB", json!({"account": "https://contoso.blob.core.windows.net"})),
        ("TRAINYARD_BUS", json!("service_bus")),
        ("SERVICEBUS__fullyQualifiedNamespace", json!("contoso.servicebus.windows.net")),
        ("TRAINYARD_KEY_VAULT", json!({"vaults": {"prod": "https://contoso.vault.azure.net"}})),
    ];
    all.map(|(name, value)| (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned))).into()
}

#[test]
fn what_ports_use_is_looked_at_once() {
    let mut looked = Looked::default();
    let unknown = looked.take(&of(&many("https://management.azure.com"))).unwrap();
    let all = looked.settings();

    let shown: Vec<Vec<_>> = all.iter().map(|it| it.resources.iter().collect()).collect();
    let id = |below: &str| format!("{GROUP}/providers/{below}");
    let workspace = id("Microsoft.MachineLearningServices/workspaces/w");
    let registry = id("Microsoft.ContainerRegistry/registries/contoso");
    let production = id("Microsoft.ContainerRegistry/registries/contosoprod");
    let cluster = id("Microsoft.ContainerService/managedClusters/c");
    let other = "/subscriptions/s/resourceGroups/g2".to_owned();
    let first = vec![
        (&Place::Infrastructure, GROUP.to_owned()),
        (&Place::ContainerInstances, GROUP.to_owned()),
        (&Place::Workspace, workspace.clone()),
        (&Place::Computes, workspace),
        (&Place::Registry, registry),
        (&Place::ProductionRegistry, production),
        (&Place::Cluster, cluster.clone()),
        (&Place::Namespace, format!("{cluster}/namespaces/n")),
        (&Place::Routes, format!("{cluster}/namespaces/n")),
        (&Place::PullIdentity, id("Microsoft.ManagedIdentity/userAssignedIdentities/puller")),
    ];
    let shown: Vec<Vec<_>> =
        shown.into_iter().map(|it| it.into_iter().map(|(at, id)| (at, id.clone())).collect()).collect();
    assert_eq!(shown, [first, vec![(&Place::Infrastructure, other)]]);
    assert!(all.iter().all(|it| it.base == "https://management.azure.com" && it.timeout_secs == 3));
    assert_eq!(
        unknown.iter().map(|(place, _)| *place).collect::<Vec<_>>(),
        [Place::Storage, Place::ServiceBus, Place::Vault]
    );
}

#[test]
fn what_trains_already_is_looked_at_by_what_starting_it_takes() {
    let place = json!({"subscription": "s", "resource_group": "g", "workspace": "w", "projects": {}}).to_string();
    for (word, name, wanted) in [
        ("published_pipeline", "TRAINYARD_PUBLISHED_PIPELINE", Place::PublishedPipelines),
        ("batch_endpoint", "TRAINYARD_BATCH_ENDPOINT", Place::BatchEndpoints),
    ] {
        let mut looked = Looked::default();
        looked.take(&of(&[("TRAINYARD_JOBS", word.into()), (name, place.clone())])).unwrap();
        let all = looked.settings();
        let id = format!("{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/w");
        assert_eq!((all.len(), all[0].resources.clone()), (1, [(wanted, id)].into()));
    }
}

#[tokio::test]
async fn one_machine_has_nothing_to_look_at() {
    let settings = of(&[("TRAINYARD_AZURE_ML", "{\"not\": \"used\"}".into())]);
    assert_eq!(doctor(&Services::new(&settings)).unwrap().check().await, []);
    let keys = "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=a2V5;EndpointSuffix=core.windows.net";
    let settings = of(&[("TRAINYARD_STORE", "blob".into()), ("AzureWebJobsStorage", keys.into())]);
    assert_eq!(doctor(&Services::new(&settings)).unwrap().check().await, []);
}

#[tokio::test]
async fn rights_that_are_missing_are_found_at_the_address_of_the_same_settings() {
    let fake = Fake::start().await;
    {
        let world = &mut *fake.world();
        let application =
            Application { tenant: "t".into(), secret: Some("app-secret".into()), ..Application::default() };
        world.login.applications.insert("app".into(), application);
        let storage = format!("{GROUP}/providers/Microsoft.Storage/storageAccounts/contoso");
        world.resource_manager.grant(&storage, &[], &["*"]);
        world.resource_manager.grant(GROUP, &["Microsoft.Resources/*"], &[]);
    }
    let mut given = many(&fake.host("management.azure.com"));
    given.extend(as_application(&fake));
    let storage = format!("{GROUP}/providers/Microsoft.Storage/storageAccounts/contoso");
    let more = json!({"resources": {"storage": storage}, "base": fake.host("management.azure.com"), "timeout_secs": 3});
    given.push(("TRAINYARD_DOCTOR", more.to_string()));
    let settings = of(&given);
    let doctor = doctor(&Services::new(&settings)).unwrap();
    assert_eq!(fake.count(), 0, "nobody has asked yet");

    let looks = doctor.check().await;

    assert_eq!(looks[0].what, "identity");
    assert!(looks[0].found.contains("app"), "{looks:?}");
    assert_eq!(ok(&looks, "what provision needs on resource group g"), Some(true), "{looks:#?}");
    assert_eq!(ok(&looks, "what every step needs on Microsoft.Storage/storageAccounts contoso"), Some(true));
    let missing = looks.iter().find(|it| it.what.starts_with("what package needs on")).unwrap();
    assert!(!missing.ok && missing.advice.as_ref().unwrap().contains("--role \"AcrPush\""), "{missing:?}");
    assert_eq!(ok(&looks, "the rights on the storage account"), None, "its id was said");
    assert_eq!(ok(&looks, "the rights on the namespace of Service Bus"), Some(true));
    assert!(!format!("{doctor:?}{looks:?}").contains("app-secret"));
}

#[tokio::test]
async fn an_azure_that_does_not_answer_is_found_and_is_no_error() {
    let fake = Fake::start().await;
    let mut given = many(&fake.host("management.azure.com"));
    given.extend(as_application(&fake));
    let looks = doctor(&Services::new(&of(&given))).unwrap().check().await;
    let rights = looks.iter().filter(|it| it.what.starts_with("the rights on") && !it.ok).count();
    assert_eq!(rights, 11, "the application is not known: {looks:#?}");
}

fn as_application(fake: &Fake) -> Vec<(&'static str, String)> {
    vec![
        ("AZURE_TENANT_ID", "t".into()),
        ("AZURE_CLIENT_ID", "app".into()),
        ("AZURE_CLIENT_SECRET", "app-secret".into()),
        ("AZURE_AUTHORITY_HOST", fake.host("login.microsoftonline.com")),
    ]
}

fn ok(looks: &[Look], what: &str) -> Option<bool> {
    looks.iter().find(|it| it.what == what).map(|it| it.ok)
}
