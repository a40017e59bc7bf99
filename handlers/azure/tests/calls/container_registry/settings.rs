//! Settings that cannot work are refused at the start.

use azure::{RegistryImages, RegistrySettings};
use runner::memory::{Machine, TestClock};
use std::sync::Arc;

use super::secret;
use crate::support::project;

fn refused(change: impl Fn(&mut RegistrySettings)) -> String {
    let mut settings = RegistrySettings::new("s", "mlops-rg", "mlopsacr", vec![project()]);
    change(&mut settings);
    let (management, data) = (secret("a"), secret("b"));
    RegistryImages::new(settings, management, data, Machine::new().artifacts, Arc::new(TestClock::default()))
        .unwrap_err()
        .to_string()
}

#[test]
fn what_cannot_work_is_refused_with_what_would() {
    for (wanted, error) in [
        ("5 to 50 letters and digits", refused(|it| it.registry = "ml-ops".into())),
        ("no subscription or resource group", refused(|it| it.resource_group = " ".into())),
        ("lower-case words", refused(|it| it.repository = "Trainyard/{project}".into())),
        ("lower-case words", refused(|it| it.repository = "trainyard//x".into())),
        ("`projects` must name", refused(|it| it.projects.clear())),
        ("no name of an image", refused(|it| it.python_image = "python\nRUN evil".into())),
        ("must look like https://host", refused(|it| it.base = "management.azure.com".into())),
    ] {
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn the_smallest_settings_are_three_names() {
    let text =
        r#"{"subscription": "s", "resource_group": "mlops-rg", "registry": "mlopsacr", "projects": ["diabetes"]}"#;
    let read: RegistrySettings = serde_json::from_str(text).unwrap();
    assert_eq!(read, RegistrySettings::new("s", "mlops-rg", "mlopsacr", vec![project()]));
    assert!(serde_json::from_str::<RegistrySettings>(&text.replace("projects", "project")).is_err());
}

#[tokio::test]
async fn an_image_is_named_by_server_repository_and_digest() {
    let digest = pipeline::names::Digest::of(b"image");
    let project = "ML_-Ops-".parse().unwrap();
    let (management, data) = (secret("a"), secret("b"));
    let settings = RegistrySettings::new("s", "mlops-rg", "MlOpsAcr", vec![project]);
    let project = settings.projects[0].clone();
    let images =
        RegistryImages::new(settings, management, data, Machine::new().artifacts, Arc::new(TestClock::default()))
            .unwrap();

    assert_eq!(images.reference(&project, &digest), format!("mlopsacr.azurecr.io/trainyard/ml_ops@{digest}"));
    assert_eq!(images.to_string(), "Azure Container Registry MlOpsAcr");
    assert!(!format!("{images:?}").contains("secret"), "{images:?}");
}
