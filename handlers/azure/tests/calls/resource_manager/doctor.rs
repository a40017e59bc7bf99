//! What an identity may do, and how much there is left.

use std::sync::Arc;

use azure::{Doctor, DoctorSettings, Place};
use runner::memory::TestClock;
use serde_json::json;

use super::{GROUP, SUBSCRIPTION, ann};
use crate::fake::{Fake, Fault};

const REGISTRY: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/contoso-models/providers/Microsoft.ContainerRegistry/registries/contoso";

fn doctor(fake: &Fake, resources: &[(Place, &str)], location: Option<&str>) -> Doctor {
    let resources = resources.iter().map(|(place, id)| (*place, (*id).to_owned())).collect();
    let base = fake.host("management.azure.com");
    let settings = DoctorSettings { resources, location: location.map(Into::into), base, timeout_secs: 3 };
    Doctor::new(settings, ann(), Arc::new(TestClock::default())).unwrap()
}

#[tokio::test]
async fn a_doctor_says_which_role_is_missing_and_how_to_grant_it() {
    let fake = Fake::start().await;
    let group = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}");
    fake.world().resource_manager.grant(&group, &["*/read", "Microsoft.Resources/deployments/*"], &[]);
    fake.world().resource_manager.grant(
        REGISTRY,
        &["Microsoft.ContainerRegistry/registries/pull/read", "Microsoft.ContainerRegistry/registries/push/write"],
        &[],
    );
    let doctor = doctor(&fake, &[(Place::Infrastructure, &group), (Place::Registry, REGISTRY)], None);

    let findings = doctor.check().await;

    let told: Vec<_> = findings.iter().map(|finding| (finding.what.as_str(), finding.ok)).collect();
    assert_eq!(
        told,
        [
            ("what provision needs on resource group contoso-models", true),
            ("what check, package and test_image needs on Microsoft.ContainerRegistry/registries contoso", false),
            ("what package and deploy needs on Microsoft.ContainerRegistry/registries contoso", true),
            ("what package needs on Microsoft.ContainerRegistry/registries contoso", true),
        ]
    );
    let advice = &findings[1].advice;
    for words in [
        "the personal access token of ann may not Microsoft.ContainerRegistry/registries/listBuildSourceUploadUrl/action",
        "--role \"Container Registry Tasks Contributor\" --scope /subscriptions/",
    ] {
        assert!(advice.contains(words), "{advice}");
    }
}

#[tokio::test]
async fn data_need_roles_of_their_own() {
    let fake = Fake::start().await;
    let vault =
        format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.KeyVault/vaults/contoso");
    fake.world().resource_manager.grant(&vault, &["*"], &[]);
    let doctor = doctor(&fake, &[(Place::Vault, &vault)], None);

    assert!(!doctor.check().await[0].ok, "an owner may not read what is in a vault");
    fake.world().resource_manager.grant(&vault, &[], &["Microsoft.KeyVault/vaults/secrets/getSecret/action"]);
    assert!(doctor.check().await[0].ok);
}

#[tokio::test]
async fn a_doctor_sees_what_is_scarce_and_says_what_it_could_not_see() {
    let fake = Fake::start().await;
    let usage = |name: &str, current: i64, limit: i64| {
        json!({
            "id": format!("/subscriptions/{SUBSCRIPTION}/usages"), "type": "Microsoft.MachineLearningServices/vmFamily/usages",
            "unit": "Count", "currentValue": current, "limit": limit, "name": {"value": name, "localizedValue": name},
        })
    };
    let usages = vec![
        usage("Clusters", 7, 100),
        usage("Standard D Family Cluster Dedicated vCPUs", 44, 48),
        usage("Standard NC Family Cluster Dedicated vCPUs", 0, 0),
    ];
    fake.world().resource_manager.usages = usages;
    let doctor = doctor(&fake, &[(Place::Registry, REGISTRY)], Some("westeurope"));

    let quota = doctor.check().await.pop().unwrap();
    fake.spoil(1, Fault::Status(403));
    let unseen = doctor.check().await.remove(0);

    assert_eq!(quota.what, "the quotas of Azure Machine Learning in westeurope");
    assert!(!quota.ok && quota.advice.contains("Standard D Family Cluster Dedicated vCPUs: 44 of 48."), "{quota:?}");
    assert!(!unseen.ok && unseen.advice.contains("Reader on the resource"), "{unseen:?}");
}
