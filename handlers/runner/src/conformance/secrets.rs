//! What [`Secrets`] promises.

use pipeline::names::{EnvironmentName, SecretName};

use super::fresh;
use crate::ports::Secrets;

/// Secrets that the promises may look at.
#[expect(missing_debug_implementations, reason = "it lends a function")]
pub struct Example<'a> {
    /// The backend.
    pub secrets: &'a dyn Secrets,
    /// Environments that have secrets of their own.
    pub environments: [EnvironmentName; 2],
    /// Gives a secret a value, as a person does who keeps it.
    pub set: &'a (dyn Fn(&EnvironmentName, &SecretName, &str) + Send + Sync),
}

/// All promises of secrets, one after the other.
pub async fn all(example: &Example<'_>) {
    a_secret_that_nobody_set_is_not_there(example).await;
    a_secret_is_its_environment_s_alone(example).await;
    a_forgotten_secret_is_read_anew(example).await;
    a_value_is_not_shown(example).await;
}

/// Looking for it and forgetting it are no errors.
pub async fn a_secret_that_nobody_set_is_not_there(example: &Example<'_>) {
    let (secrets, name, [environment, _]) = (example.secrets, name(), &example.environments);

    secrets.forget(environment, &name).await.unwrap();

    assert_eq!(secrets.get(environment, &name).await.unwrap(), None);
}

/// The same name is another secret elsewhere.
pub async fn a_secret_is_its_environment_s_alone(example: &Example<'_>) {
    let (secrets, name, [here, there]) = (example.secrets, name(), &example.environments);
    (example.set)(here, &name, "one");
    assert_eq!(secrets.get(there, &name).await.unwrap(), None);

    (example.set)(there, &name, "another");

    assert_eq!(value(secrets, here, &name).await, "one");
    assert_eq!(value(secrets, there, &name).await, "another");
}

/// Whoever keeps it has exchanged it.
pub async fn a_forgotten_secret_is_read_anew(example: &Example<'_>) {
    let (secrets, name, [environment, _]) = (example.secrets, name(), &example.environments);
    (example.set)(environment, &name, "old");
    assert_eq!(value(secrets, environment, &name).await, "old");

    (example.set)(environment, &name, "new");
    secrets.forget(environment, &name).await.unwrap();

    assert_eq!(value(secrets, environment, &name).await, "new");
}

/// Neither by the secret nor by who keeps it.
pub async fn a_value_is_not_shown(example: &Example<'_>) {
    let (secrets, name, [environment, _]) = (example.secrets, name(), &example.environments);
    (example.set)(environment, &name, "hidden");

    let secret = secrets.get(environment, &name).await.unwrap().unwrap();

    let shown = format!("{secret:?} {secrets:?} {secrets}");
    assert!(!shown.contains("hidden"), "{shown}");
}

async fn value(secrets: &dyn Secrets, environment: &EnvironmentName, name: &SecretName) -> String {
    secrets.get(environment, name).await.unwrap().unwrap().expose().to_owned()
}

fn name() -> SecretName {
    fresh("key").parse().unwrap()
}
