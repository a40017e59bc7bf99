//! What [`Images`] promises.

use pipeline::effect::BuildSpec;
use pipeline::names::{BuildName, Digest};

use crate::ports::{BuildStatus, Images};

use super::fresh;

/// Images that the promises may build.
#[derive(Debug)]
pub struct Example<'a> {
    /// The backend. It builds at once.
    pub images: &'a dyn Images,
    /// What can be built. Name, run and step of the build are replaced.
    pub spec: BuildSpec,
    /// What can be built too, and differs from the first in its model.
    pub other: BuildSpec,
}

/// All promises of images, one after the other.
pub async fn all(example: &Example<'_>) {
    what_was_never_built_is_not_there(example).await;
    a_built_image_is_there(example).await;
    building_a_name_twice_is_building_it_once(example).await;
    the_same_inputs_give_the_same_digest(example).await;
    another_model_gives_another_digest(example).await;
}

/// Neither is an error.
pub async fn what_was_never_built_is_not_there(example: &Example<'_>) {
    let images = example.images;
    let digest = Digest::of(fresh("no-such-image").as_bytes());

    assert_eq!(images.status(&build_name()).await.unwrap(), BuildStatus::Unknown);
    assert!(!images.has(&digest).await.unwrap());
}

/// A build answers its digest, and by that the image is found.
pub async fn a_built_image_is_there(example: &Example<'_>) {
    let spec = renamed(&example.spec, build_name(), 1);

    let digest = built(example.images, &spec).await;

    assert_eq!(example.images.status(&spec.name).await.unwrap(), BuildStatus::Built { digest: digest.clone() });
    assert!(example.images.has(&digest).await.unwrap());
}

/// A repeat finds what the first time made, also when its try is another.
pub async fn building_a_name_twice_is_building_it_once(example: &Example<'_>) {
    let name = build_name();
    let first = built(example.images, &renamed(&example.spec, name.clone(), 1)).await;

    let again = built(example.images, &renamed(&example.spec, name, 2)).await;

    assert_eq!(again, first);
}

/// Neither the build's name nor the run nor the time is in an image.
pub async fn the_same_inputs_give_the_same_digest(example: &Example<'_>) {
    let first = renamed(&example.spec, build_name(), 1);
    let mut second = renamed(&example.spec, build_name(), 2);
    second.reply_to.run = fresh("r").parse().unwrap();

    let (first, second) = (built(example.images, &first).await, built(example.images, &second).await);

    assert_eq!(first, second);
}

/// An image is of one model.
pub async fn another_model_gives_another_digest(example: &Example<'_>) {
    let first = renamed(&example.spec, build_name(), 1);
    let second = renamed(&example.other, build_name(), 1);

    let (first, second) = (built(example.images, &first).await, built(example.images, &second).await);

    assert_ne!(first, second);
}

async fn built(images: &dyn Images, spec: &BuildSpec) -> Digest {
    match images.build(spec).await.unwrap() {
        BuildStatus::Built { digest } => digest,
        status => panic!("{} is {status:?}", spec.name),
    }
}

fn renamed(spec: &BuildSpec, name: BuildName, attempt: u32) -> BuildSpec {
    let mut spec = BuildSpec { name, ..spec.clone() };
    spec.reply_to.attempt = attempt;
    spec
}

fn build_name() -> BuildName {
    fresh("build").parse().unwrap()
}
