//! What [`Deployments`] promises.

use std::time::Duration;

use pipeline::effect::DeploymentSpec;
use pipeline::event::Answer;
use pipeline::names::{DeploymentName, EnvironmentName};

use crate::ports::{DeploymentStatus, Deployments};

use super::fresh;

/// Releases that the promises may deploy.
#[derive(Debug)]
pub struct Example<'a> {
    /// The backend.
    pub deployments: &'a dyn Deployments,
    /// What gets ready. Environment and name of the deployment are replaced.
    pub spec: DeploymentSpec,
    /// What does not get healthy, if the backend has such a release.
    pub broken: Option<DeploymentSpec>,
    /// A body that the release answers.
    pub payload: Vec<u8>,
}

/// All promises of deployments, one after the other.
pub async fn all(example: &Example<'_>) {
    what_was_never_deployed_is_absent(example).await;
    a_ready_release_answers(example).await;
    applying_twice_is_applying_once(example).await;
    the_next_release_takes_the_place_of_the_one_before(example).await;
    a_release_that_was_replaced_can_come_back(example).await;
    environments_do_not_touch_each_other(example).await;
    removing_twice_is_removing_once(example).await;
    a_release_that_fails_leaves_the_one_before_serving(example).await;
    what_a_release_says_can_be_read(example).await;
}

/// It is no error to ask, and nobody answers there.
pub async fn what_was_never_deployed_is_absent(example: &Example<'_>) {
    let spec = release(example, &environment());

    assert_eq!(status(example, &spec).await, DeploymentStatus::Absent);
    assert!(!answers(example, &spec).await);
}

/// Ready means that it answers.
pub async fn a_ready_release_answers(example: &Example<'_>) {
    let spec = release(example, &environment());

    deployed(example, &spec).await;

    assert!(answers(example, &spec).await);
    removed(example, &spec).await;
}

/// A repeat changes nothing, while it starts and after.
pub async fn applying_twice_is_applying_once(example: &Example<'_>) {
    let spec = release(example, &environment());
    example.deployments.apply(&spec).await.unwrap();
    deployed(example, &spec).await;

    let again = example.deployments.apply(&spec).await.unwrap();

    assert!(matches!(again, DeploymentStatus::Ready { .. }), "{again:?}");
    assert!(answers(example, &spec).await);
    removed(example, &spec).await;
}

/// One release serves in an environment; the one before does not answer for it.
pub async fn the_next_release_takes_the_place_of_the_one_before(example: &Example<'_>) {
    let environment = environment();
    let (first, second) = (release(example, &environment), release(example, &environment));
    deployed(example, &first).await;

    deployed(example, &second).await;

    assert!(answers(example, &second).await);
    assert!(!answers(example, &first).await);
    assert_eq!(status(example, &first).await, DeploymentStatus::Absent);
    removed(example, &second).await;
}

/// A rollback is the deployment of an earlier release under its own name.
pub async fn a_release_that_was_replaced_can_come_back(example: &Example<'_>) {
    let environment = environment();
    let (first, second) = (release(example, &environment), release(example, &environment));
    deployed(example, &first).await;
    deployed(example, &second).await;

    deployed(example, &first).await;

    assert!(answers(example, &first).await);
    assert!(!answers(example, &second).await);
    removed(example, &first).await;
}

/// What happens in one is nothing to another.
pub async fn environments_do_not_touch_each_other(example: &Example<'_>) {
    let (here, there) = (release(example, &environment()), release(example, &environment()));
    deployed(example, &here).await;
    deployed(example, &there).await;

    removed(example, &there).await;

    assert!(answers(example, &here).await);
    removed(example, &here).await;
}

/// What is not there is removed already.
pub async fn removing_twice_is_removing_once(example: &Example<'_>) {
    let spec = release(example, &environment());
    removed(example, &spec).await;
    deployed(example, &spec).await;

    removed(example, &spec).await;
    removed(example, &spec).await;

    assert_eq!(status(example, &spec).await, DeploymentStatus::Absent);
    assert!(!answers(example, &spec).await);
}

/// A release gets the requests when it is healthy, and not before.
pub async fn a_release_that_fails_leaves_the_one_before_serving(example: &Example<'_>) {
    let Some(broken) = &example.broken else {
        return;
    };
    let environment = environment();
    let good = release(example, &environment);
    let broken = placed(broken, &environment);
    deployed(example, &good).await;

    example.deployments.apply(&broken).await.unwrap();

    match settled(example, &broken).await {
        DeploymentStatus::Failed { reason } => assert!(!reason.is_empty()),
        status => panic!("a release that cannot get healthy is {status:?}"),
    }
    assert!(!answers(example, &broken).await);
    assert!(answers(example, &good).await);
    removed(example, &good).await;
    removed(example, &broken).await;
}

/// A log is read on from where the last piece ended.
pub async fn what_a_release_says_can_be_read(example: &Example<'_>) {
    let spec = release(example, &environment());
    deployed(example, &spec).await;
    let DeploymentSpec { project, environment, .. } = &spec;
    let name = &spec.release.deployment;

    let log = example.deployments.logs(project, environment, name, 0).await.unwrap();
    let rest = example.deployments.logs(project, environment, name, log.next).await.unwrap();

    assert!(log.next >= log.text.len() as u64);
    assert!(rest.next >= log.next);
    removed(example, &spec).await;
}

async fn deployed(example: &Example<'_>, spec: &DeploymentSpec) {
    example.deployments.apply(spec).await.unwrap();
    match settled(example, spec).await {
        DeploymentStatus::Ready { endpoint } => assert!(!endpoint.is_empty()),
        status => panic!("{} is {status:?}", spec.release.deployment),
    }
}

/// How it does when it starts no longer. Asked as the poll of a wait asks.
async fn settled(example: &Example<'_>, spec: &DeploymentSpec) -> DeploymentStatus {
    loop {
        match status(example, spec).await {
            DeploymentStatus::Starting => tokio::time::sleep(Duration::from_millis(20)).await,
            status => return status,
        }
    }
}

async fn status(example: &Example<'_>, spec: &DeploymentSpec) -> DeploymentStatus {
    let DeploymentSpec { project, environment, release, .. } = spec;
    example.deployments.status(project, environment, &release.deployment).await.unwrap()
}

async fn answers(example: &Example<'_>, spec: &DeploymentSpec) -> bool {
    let DeploymentSpec { project, environment, release, .. } = spec;
    let body = example.payload.clone();
    match example.deployments.call(project, environment, &release.deployment, body).await.unwrap() {
        Answer::Answered { status, body } => {
            assert_eq!(status, 200, "{body}");
            true
        }
        Answer::Unreachable { reason } => {
            assert!(!reason.is_empty());
            false
        }
    }
}

async fn removed(example: &Example<'_>, spec: &DeploymentSpec) {
    let DeploymentSpec { project, environment, release, .. } = spec;
    example.deployments.remove(project, environment, &release.deployment).await.unwrap();
}

fn release(example: &Example<'_>, environment: &EnvironmentName) -> DeploymentSpec {
    placed(&example.spec, environment)
}

fn placed(spec: &DeploymentSpec, environment: &EnvironmentName) -> DeploymentSpec {
    let mut spec = DeploymentSpec { environment: environment.clone(), ..spec.clone() };
    spec.release.deployment = deployment();
    spec
}

fn deployment() -> DeploymentName {
    fresh("deployment").parse().unwrap()
}

/// A name of at most 20 letters that was not used before.
fn environment() -> EnvironmentName {
    let fresh = fresh("e");
    let tail: String = fresh.chars().rev().filter(char::is_ascii_alphanumeric).take(18).collect();
    format!("e{tail}").parse().unwrap()
}
