//! Secrets of one machine: environment variables of the process that needs them.
//!
//! `TRAINYARD_SECRET_<ENVIRONMENT>_<NAME>`, in capitals and with `_` for `-`: the secret `api-key` of `qa` is
//! `TRAINYARD_SECRET_QA_API_KEY`. Nothing is written to the home, where it would lie open in a file.

use std::fmt;

use async_trait::async_trait;
use pipeline::names::{EnvironmentName, SecretName};
use runner::ports::{Result, Secret, Secrets};

type Lookup = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Secrets in variables. They are read each time, so there is nothing to forget.
pub struct VariableSecrets {
    lookup: Lookup,
}

impl VariableSecrets {
    /// The variables of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self::of(|name| std::env::var(name).ok())
    }

    /// The variables that `lookup` finds.
    #[must_use]
    pub fn of(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { lookup: Box::new(lookup) }
    }

    /// The variable that has this secret.
    #[must_use]
    pub fn variable(environment: &EnvironmentName, name: &SecretName) -> String {
        let word = |text: &str| text.to_ascii_uppercase().replace('-', "_");
        format!("TRAINYARD_SECRET_{}_{}", word(environment.as_str()), word(name.as_str()))
    }
}

impl fmt::Display for VariableSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("variables TRAINYARD_SECRET_*")
    }
}

impl fmt::Debug for VariableSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[async_trait]
impl Secrets for VariableSecrets {
    async fn get(&self, environment: &EnvironmentName, name: &SecretName) -> Result<Option<Secret>> {
        let value = (self.lookup)(&Self::variable(environment, name));
        Ok(value.filter(|value| !value.is_empty()).map(Secret::new))
    }

    async fn forget(&self, _: &EnvironmentName, _: &SecretName) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use runner::conformance;

    use super::*;

    #[tokio::test]
    async fn they_keep_their_promises() {
        let variables: Arc<Mutex<BTreeMap<String, String>>> = Arc::default();
        let known = Arc::clone(&variables);
        let secrets = VariableSecrets::of(move |name| known.lock().unwrap().get(name).cloned());
        let set = |environment: &EnvironmentName, name: &SecretName, value: &str| {
            variables.lock().unwrap().insert(VariableSecrets::variable(environment, name), value.to_owned());
        };
        let environments = ["qa".parse().unwrap(), "prod".parse().unwrap()];

        conformance::secrets::all(&conformance::secrets::Example { secrets: &secrets, environments, set: &set }).await;
    }

    #[test]
    fn a_variable_is_named_for_its_secret() {
        let variable = VariableSecrets::variable(&"qa-eu".parse().unwrap(), &"api-key".parse().unwrap());
        assert_eq!(variable, "TRAINYARD_SECRET_QA_EU_API_KEY");
    }
}
