//! What [`ModelRegistry`] promises.

use std::collections::BTreeMap;

use futures::future::join_all;
use pipeline::effect::Registration;
use pipeline::names::{Digest, ModelName};
use pipeline::release::Lineage;

use crate::ports::{ModelRegistry, PortError};

use super::fresh;

/// All promises of a model registry, one after the other.
pub async fn all(models: &dyn ModelRegistry) {
    versions_are_counted_from_one(models).await;
    each_name_has_its_own_count(models).await;
    a_repeat_answers_the_same_version(models).await;
    many_at_once_leave_no_gap(models).await;
    the_newest_version_is_listed_first(models).await;
    tags_take_the_newer_value(models).await;
    an_unknown_version_is_not_there(models).await;
}

/// The first version is 1, the next 2, each with what it was registered with.
pub async fn versions_are_counted_from_one(models: &dyn ModelRegistry) {
    let name = name("counted");
    let first = registration(&name, "r1");
    let second = registration(&name, "r2");

    let one = models.register(&first).await.unwrap();
    let two = models.register(&second).await.unwrap();

    assert_eq!((one.version, two.version), (1, 2));
    let held = models.get(&first.name, 1).await.unwrap().unwrap();
    assert_eq!(held.model, one);
    assert_eq!(held.model.digest, first.digest);
    assert_eq!(held.model.metrics, first.metrics);
    assert_eq!(held.lineage, first.lineage);
    assert_eq!(held.tags, first.tags);
}

/// Names are counted each for itself.
pub async fn each_name_has_its_own_count(models: &dyn ModelRegistry) {
    let one = models.register(&registration(&name("alone"), "r1")).await.unwrap();
    let other = models.register(&registration(&name("alone"), "r1")).await.unwrap();

    assert_eq!((one.version, other.version), (1, 1));
}

/// A second registration for the same run answers the first one's version, later ones or not.
pub async fn a_repeat_answers_the_same_version(models: &dyn ModelRegistry) {
    let name = name("repeated");
    let first = models.register(&registration(&name, "r1")).await.unwrap();
    models.register(&registration(&name, "r2")).await.unwrap();

    let again = models.register(&registration(&name, "r1")).await.unwrap();

    assert_eq!(again, first);
    assert_eq!(models.versions(&name, 10).await.unwrap().len(), 2);
}

/// Many runs at the same moment, each twice, get one version each, and no number is left out.
pub async fn many_at_once_leave_no_gap(models: &dyn ModelRegistry) {
    let name = name("crowded");
    let registrations: Vec<_> = (0..24).map(|n| registration(&name, &format!("r{}", n / 2))).collect();

    let registered = join_all(registrations.iter().map(|one| models.register(one))).await;

    let versions: Vec<u64> = registered.into_iter().map(|model| model.unwrap().version).collect();
    for pair in versions.chunks(2) {
        assert_eq!(pair[0], pair[1], "a run got two versions: {versions:?}");
    }
    let mut distinct: Vec<u64> = versions.iter().step_by(2).copied().collect();
    distinct.sort_unstable();
    assert_eq!(distinct, (1..=12).collect::<Vec<u64>>());
}

/// A listing begins with the newest and ends at the limit.
pub async fn the_newest_version_is_listed_first(models: &dyn ModelRegistry) {
    let name = name("listed");
    for run in ["r1", "r2", "r3"] {
        models.register(&registration(&name, run)).await.unwrap();
    }

    let listed = models.versions(&name, 2).await.unwrap();

    let versions: Vec<u64> = listed.iter().map(|held| held.model.version).collect();
    assert_eq!(versions, [3, 2]);
}

/// The same tag twice takes the newer value; the others stay.
pub async fn tags_take_the_newer_value(models: &dyn ModelRegistry) {
    let registration = registration(&name("tagged"), "r1");
    models.register(&registration).await.unwrap();
    let tags = |value: &str| BTreeMap::from([("latency_ms_p95".to_owned(), value.to_owned())]);

    models.tag(&registration.name, 1, &tags("7")).await.unwrap();
    models.tag(&registration.name, 1, &tags("8")).await.unwrap();

    let held = models.get(&registration.name, 1).await.unwrap().unwrap();
    assert_eq!(held.tags["latency_ms_p95"], "8");
    assert_eq!(held.tags["mse"], registration.tags["mse"]);
}

/// What is not there is None; a tag for it is a `Permanent` error.
pub async fn an_unknown_version_is_not_there(models: &dyn ModelRegistry) {
    let name = name("unknown");

    assert_eq!(models.get(&name, 1).await.unwrap(), None);
    assert_eq!(models.get(&name, u64::MAX).await.unwrap(), None);
    assert!(models.versions(&name, 10).await.unwrap().is_empty());
    let refused = models.tag(&name, 1, &BTreeMap::new()).await.unwrap_err();
    assert!(matches!(refused, PortError::Permanent { .. }), "{refused}");
}

fn name(name: &str) -> ModelName {
    fresh(name).parse().unwrap()
}

fn registration(name: &ModelName, run: &str) -> Registration {
    Registration {
        name: name.clone(),
        digest: Digest::of(run.as_bytes()),
        lineage: Lineage {
            run: run.parse().unwrap(),
            number: 1,
            commit: None,
            job: Some(format!("{run}-train").parse().unwrap()),
            data: None,
            by: "somebody".into(),
        },
        metrics: BTreeMap::from([("mse".into(), 3298.5)]),
        tags: BTreeMap::from([("mse".into(), "3298.5".into())]),
    }
}
