use serde_json::json;

use super::samples;
use crate::reading::{Notice, Outcome, Reading};
use crate::{Code, Watched};

/// What the samples' organisation watches.
pub(super) fn contoso() -> Watched {
    let group = "/subscriptions/0f8fad5b-d9cb-469f-a165-70867728950e/resourceGroups/rg-mlops-diabetes/providers";
    serde_json::from_value(json!({
        "repositories": [
            {"host": "azure_devops", "id": "95092E07-0B1C-562E-9B6D-69B0503AED24"},
            {"host": "github", "id": "791204417"},
        ],
        "projects": ["94bdb2e9-8525-5139-aeae-de33f008d16b"],
        "workspaces": [format!("{group}/microsoft.machinelearningservices/workspaces/MLW-diabetes")],
        "registries": [{
            "host": "CRdiabetesmlops.azurecr.io",
            "id": format!("{group}/Microsoft.ContainerRegistry/registries/crdiabetesmlops"),
        }],
        "storage_accounts": [format!("{group}/Microsoft.Storage/storageAccounts/stdiabetesmlops")],
        "databricks_workspaces": ["7405611922083144"],
        "resources": [format!("{group}/Microsoft.ContainerService/managedClusters/aks-diabetes-prod")],
    }))
    .unwrap()
}

#[test]
fn all_samples_are_of_what_is_watched_but_those_that_name_nothing() {
    let watched = contoso();
    for notice in notices() {
        let admitted = watched.admit(&notice);
        // A test message, and a page's example of a run without its containers.
        let nameless = ["sha256:", "f592e508-fe69-5364-9330-f19178837614"];
        if nameless.iter().any(|id| notice.envelope.id.starts_with(id)) {
            assert_eq!(admitted.unwrap_err().code, Code::RepoNotAllowed);
        } else {
            assert_eq!(admitted, Ok(()), "{notice:?}");
        }
    }
}

#[test]
fn a_list_allows_what_is_on_it_and_nothing_that_looks_like_it() {
    for (watched, told) in [
        ("repositories", (Outcome::Ignore, Code::RepoNotAllowed)),
        ("workspaces", (Outcome::Quarantine, Code::TopicNotAllowed)),
        ("registries", (Outcome::Quarantine, Code::RegistryNotAllowed)),
        ("storage_accounts", (Outcome::Quarantine, Code::TopicNotAllowed)),
        ("databricks_workspaces", (Outcome::Quarantine, Code::TopicNotAllowed)),
        ("resources", (Outcome::Ignore, Code::TopicNotAllowed)),
    ] {
        let mut without = serde_json::to_value(contoso()).unwrap();
        without[watched] = json!([]);
        without["projects"] = json!([]);
        let without: Watched = serde_json::from_value(without).unwrap();
        let refused = notices().into_iter().filter_map(|notice| without.admit(&notice).err());
        let found = refused.filter(|refusal| (refusal.outcome, refusal.code) == told).count();
        assert!(found > 0, "{watched}");
    }
}

#[test]
fn a_registry_is_its_host_and_its_id_together() {
    let mut watched = contoso();
    let image = notices().into_iter().find(|notice| notice.envelope.kind.ends_with("ImagePushed")).unwrap();
    assert_eq!(watched.admit(&image), Ok(()));
    watched.registries[0].id = None;
    assert!(watched.admit(&image).is_err(), "an event of Event Grid has an id, and it has to be known");
    let mut watched = contoso();
    watched.registries[0].host = "other.azurecr.io".parse().unwrap();
    assert!(watched.admit(&image).is_err(), "the id is ours and the host is not");
}

#[test]
fn a_list_with_a_word_that_is_none_is_refused() {
    assert!(serde_json::from_value::<Watched>(json!({"repository": []})).is_err());
    assert!(serde_json::from_value::<Watched>(json!({"workspaces": ["../x"]})).is_err());
}

fn notices() -> Vec<Notice> {
    let mut notices = Vec::new();
    for sender in samples::SENDERS {
        let folder = samples::folder(sender);
        for file in samples::table::<serde_json::Value>(&folder).samples.keys() {
            for reading in samples::read(sender, file, &samples::bytes(&folder, file)) {
                if let Reading::Read(notice) = reading {
                    notices.push(*notice);
                }
            }
        }
    }
    assert!(notices.len() > 150, "{}", notices.len());
    notices
}
