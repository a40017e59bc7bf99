//! An image goes into another registry by its digest, and is found there by whoever asks again.

use azure::Promote;
use pipeline::names::Digest;
use runner::ports::PortError;

use super::{REPOSITORY, Registries};
use crate::fake::Fault;
use crate::support::{project, run};

/// An image in the first registry.
fn image(registries: &Registries, name: &str) -> Digest {
    let mut world = registries.fake.world();
    world.container_registry.registry("mlopsacr").keep(REPOSITORY, name, name).parse().unwrap()
}

fn imports(registries: &Registries) -> usize {
    registries.fake.asked().iter().filter(|asked| asked.ends_with("/importImage")).count()
}

#[tokio::test]
async fn an_image_is_brought_once_and_then_is_there() {
    let registries = Registries::new().await;
    let image = image(&registries, "package-1");
    let promote = async || registries.promotion.promote(&project(), &image, "prod-r8-1").await.unwrap();

    assert!(!promote().await, "it is on its way");
    registries.clock.advance_secs(10);
    assert!(promote().await);
    assert!(promote().await);

    assert_eq!(imports(&registries), 1);
    let mut world = registries.fake.world();
    let there = &world.container_registry.registry("prodacr").repositories[REPOSITORY];
    assert_eq!(there.tags["prod-r8-1"], image.as_str());
    let body = &world.seen.iter().find(|it| it.path.contains("/importImage")).unwrap().body;
    assert_eq!(body["source"]["sourceImage"], format!("{REPOSITORY}@{image}"));
    assert_eq!(body["mode"], "NoForce");
    drop(world);
    assert_eq!(registries.promotion.reference(&project(), &image), format!("prodacr.azurecr.io/{REPOSITORY}@{image}"));
}

#[tokio::test]
async fn an_image_that_is_on_its_way_is_not_brought_again() {
    let registries = Registries::new().await;
    let image = image(&registries, "package-1");
    let promote = async || registries.promotion.promote(&project(), &image, "prod-r8-1").await;

    for _ in 0..5 {
        assert!(!promote().await.unwrap());
    }
    assert_eq!(imports(&registries), 1);

    // What the service does not remember is begun anew, and may find that it is there.
    registries.fake.spoil(2, Fault::Status(404));
    assert!(!promote().await.unwrap());
    assert!(!promote().await.unwrap());
    assert_eq!(imports(&registries), 2);
    registries.clock.advance_secs(10);
    assert!(promote().await.unwrap());
}

#[tokio::test]
async fn a_release_waits_until_its_image_is_there() {
    let registries = Registries::new().await;
    let image = image(&registries, "package-1");
    let mut spec = crate::serving::release("prod", "prod-1", "image");
    (spec.project, spec.release.image, spec.release.run) = (project(), image.clone(), run(1));
    let bring = async || Promote::promote(&registries.promotion, &spec).await;

    let error = bring().await.unwrap_err();
    assert!(matches!(&error, PortError::Transient { reason, .. } if reason.contains("on its way")), "{error}");
    registries.clock.advance_secs(10);

    assert_eq!(bring().await.unwrap(), format!("prodacr.azurecr.io/{REPOSITORY}@{image}"));
    let mut world = registries.fake.world();
    let tags = &world.container_registry.registry("prodacr").repositories[REPOSITORY].tags;
    assert_eq!(tags.keys().collect::<Vec<_>>(), [&format!("prod-{}", run(1))]);
}

#[tokio::test]
async fn a_tag_of_another_image_is_never_taken() {
    let registries = Registries::new().await;
    let image = image(&registries, "package-1");
    registries.fake.world().container_registry.registry("prodacr").keep(REPOSITORY, "prod-r8-1", "other");

    let error = registries.promotion.promote(&project(), &image, "prod-r8-1").await.unwrap_err();

    assert!(matches!(&error, PortError::Permanent { reason, .. } if reason.contains("is of image")), "{error}");
    assert_eq!(imports(&registries), 0);
}

#[tokio::test]
async fn an_import_whose_answer_got_lost_is_found_by_its_tag() {
    let registries = Registries::new().await;
    registries.fake.world().container_registry.pace_secs = Some(0);
    let image = image(&registries, "package-1");
    let promote = async || registries.promotion.promote(&project(), &image, "prod-r8-1").await;
    // Two for a token, one for the tag; then the import.
    registries.fake.spoil(4, Fault::LostReply);

    let error = promote().await.unwrap_err();
    assert!(matches!(error, PortError::Transient { .. }), "{error}");

    assert!(promote().await.unwrap());
    assert_eq!(imports(&registries), 1);
}

#[tokio::test]
async fn a_refusal_because_of_a_tag_is_held_against_the_tag() {
    let registries = Registries::new().await;
    let image = image(&registries, "package-1");
    registries.fake.spoil(4, Fault::Status(409));

    let is_there = registries.promotion.promote(&project(), &image, "prod-r8-1").await.unwrap();

    assert!(!is_there, "somebody else's import is on its way");
    assert_eq!(imports(&registries), 1, "and is not hurried");
}

#[tokio::test]
async fn an_image_that_is_nowhere_is_an_error() {
    let registries = Registries::new().await;
    let lost = Digest::of(b"lost");

    let error = registries.promotion.promote(&project(), &lost, "prod-r8-1").await.unwrap_err();

    assert!(matches!(error, PortError::Permanent { .. }), "{error}");
}

#[tokio::test]
async fn an_image_that_stays_in_its_registry_only_has_to_be_there() {
    let registries = Registries::new().await;
    let there = image(&registries, "package-1");
    let settings = super::settings(&registries.fake, "mlopsacr", "mlops-rg");
    let clock = std::sync::Arc::new(registries.clock.clone());
    let (management, data) = (super::secret("management-secret"), super::secret("registry-secret"));
    let promotion = azure::Promotion::new(settings.clone(), settings, management, data, clock).unwrap();

    assert!(promotion.promote(&project(), &there, "prod-r8-1").await.unwrap());
    let error = promotion.promote(&project(), &Digest::of(b"lost"), "prod-r8-1").await.unwrap_err();

    assert!(matches!(error, PortError::Permanent { .. }), "{error}");
    assert_eq!(imports(&registries), 0);
}
