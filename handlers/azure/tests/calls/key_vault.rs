//! Azure Key Vault.

use std::sync::Arc;

use azure::{KeyVault, KeyVaultSettings, PersonalAccessToken};
use pipeline::names::{EnvironmentName, SecretName};
use runner::conformance;
use runner::memory::TestClock;
use runner::ports::{PortError, Result, Secrets};

use crate::fake::Fake;
use crate::weather::{self, Named};

const QA: &str = "contoso-qa.vault.azure.net";
const PROD: &str = "contoso-prod.vault.azure.net";

/// Two vaults, with a secret in each.
#[derive(Debug)]
struct Bench {
    fake: Fake,
    clock: TestClock,
    vaults: KeyVault,
}

impl weather::Bench for Bench {
    async fn new() -> Self {
        let clock = TestClock::default();
        let fake = Fake::by(Arc::new(clock.clone())).await;
        let vaults = [("qa", QA), ("prod", PROD)].map(|(name, host)| (environment(name), fake.host(host)));
        fake.world().key_vault.add(QA);
        fake.world().key_vault.set(QA, "api-key", "hidden");
        fake.world().key_vault.add(PROD);
        let settings = KeyVaultSettings { vaults: vaults.into(), kept_secs: 300, timeout_secs: 3 };
        let credential = Arc::new(PersonalAccessToken::of_github("ann", "token-secret").unwrap());
        let vaults = KeyVault::new(&settings, credential, Arc::new(clock.clone())).unwrap();
        Self { fake, clock, vaults }
    }

    fn fake(&self) -> &Fake {
        &self.fake
    }

    fn clock(&self) -> &TestClock {
        &self.clock
    }

    fn seen(&self) -> String {
        format!("{:?}", self.fake.world().key_vault)
    }
}

#[tokio::test]
async fn vaults_keep_their_promises() {
    let bench = <Bench as weather::Bench>::new().await;
    let fake = bench.fake.clone();
    let set = move |environment: &EnvironmentName, name: &SecretName, value: &str| {
        let host = format!("contoso-{environment}.vault.azure.net");
        fake.world().key_vault.set(&host, name.as_str(), value);
    };
    let environments = ["qa", "prod"].map(environment);
    conformance::secrets::all(&conformance::secrets::Example { secrets: &bench.vaults, environments, set: &set }).await;
}

#[tokio::test]
async fn a_value_is_kept_for_some_minutes() {
    let bench = <Bench as weather::Bench>::new().await;
    assert_eq!(bench.get("qa", "api-key").await.unwrap(), "hidden");
    bench.fake.world().key_vault.set(QA, "api-key", "exchanged");

    bench.clock.advance_secs(299);
    assert_eq!(bench.get("qa", "api-key").await.unwrap(), "hidden");
    bench.clock.advance_secs(1);
    assert_eq!(bench.get("qa", "api-key").await.unwrap(), "exchanged");

    let asked = format!("GET /{QA}/secrets/api-key/");
    assert_eq!(bench.fake.asked(), [asked.clone(), asked]);
}

#[tokio::test]
async fn who_may_not_read_is_told_what_to_grant() {
    let bench = <Bench as weather::Bench>::new().await;
    bench.fake.spoil(1, crate::fake::Fault::Status(403));
    let error = bench.get("qa", "api-key").await.unwrap_err().to_string();
    for words in
        ["the personal access token of ann may not", "Key Vault Secrets User on the vault", "(about api-key of qa)"]
    {
        assert!(error.contains(words), "{error}");
    }

    bench.fake.world().key_vault.vaults.get_mut(QA).unwrap().get_mut("api-key").unwrap().enabled = false;
    let error = bench.get("qa", "api-key").await.unwrap_err().to_string();
    assert!(error.contains("not allowed on a disabled"), "{error}");

    let error = bench.get("dev", "api-key").await.unwrap_err().to_string();
    assert!(error.contains("no vault is set for dev"), "{error}");
}

#[tokio::test]
async fn a_vault_that_is_not_there_is_no_absent_secret() {
    let bench = <Bench as weather::Bench>::new().await;
    bench.fake.world().key_vault.vaults.remove(PROD);
    let error = bench.get("prod", "api-key").await.unwrap_err();
    assert!(matches!(error, PortError::Permanent { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_meets_every_fault() {
    let calls: [Named<Bench>; 1] = [("get", |bench| {
        Box::pin(async {
            bench.vaults.forget(&environment("qa"), &"api-key".parse().unwrap()).await?;
            bench.get("qa", "api-key").await.map(|value| assert_eq!(value, "hidden"))
        })
    })];
    assert_eq!(weather::every_call_meets_every_fault(&calls).await, weather::FAULTS.len());
}

impl Bench {
    async fn get(&self, environment: &str, name: &str) -> Result<String> {
        let secret = self.vaults.get(&self::environment(environment), &name.parse().unwrap()).await?;
        Ok(secret.map(|secret| secret.expose().to_owned()).unwrap_or_default())
    }
}

fn environment(name: &str) -> EnvironmentName {
    name.parse().unwrap()
}
