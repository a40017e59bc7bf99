//! The identity of Azure that the environment chooses, and what it gets tokens for.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use axum::extract::{Request, State};
use axum::routing::get;
use axum::{Json, Router};
use azure::{Cloud, Credential, Identity};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64_URL};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use runner::ports::{PortError, Result};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::fake::login::Application;
use crate::fake::{Fake, Fault};

type Answers = Arc<dyn Fn(&Request) -> (u16, Value) + Send + Sync>;

async fn endpoint(State(answers): State<Answers>, request: Request) -> (axum::http::StatusCode, Json<Value>) {
    let (status, body) = answers(&request);
    (axum::http::StatusCode::from_u16(status).unwrap(), Json(body))
}

async fn serve(answers: impl Fn(&Request) -> (u16, Value) + Send + Sync + 'static) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/msi/token", listener.local_addr().unwrap());
    let router = Router::new().route("/msi/token", get(endpoint)).with_state(Arc::new(answers) as Answers);
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// The identity that these variables are about.
fn identity(variables: &[(&str, &str)]) -> Result<Identity> {
    let find = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Identity::from_environment(&find)
}

/// Variables, and who they are about or what is wrong with them.
type Case = (&'static [(&'static str, &'static str)], Result<&'static str, &'static str>);

#[test]
fn an_identity_is_chosen_by_its_variables() {
    const ENDPOINT: (&str, &str) = ("IDENTITY_ENDPOINT", "http://127.0.0.1:1/msi/token");
    const GUARD: (&str, &str) = ("IDENTITY_HEADER", "guard");
    const TENANT: (&str, &str) = ("AZURE_TENANT_ID", "t1");
    const CLIENT: (&str, &str) = ("AZURE_CLIENT_ID", "c1");
    const SECRET: (&str, &str) = ("AZURE_CLIENT_SECRET", "hidden");
    const FILE: (&str, &str) = ("AZURE_FEDERATED_TOKEN_FILE", "/var/run/token");
    const PEM: (&str, &str) = ("AZURE_CLIENT_CERTIFICATE_PATH", "/app.pem");
    let cases: [Case; 17] = [
        (&[ENDPOINT, GUARD], Ok("the managed identity of the app")),
        (&[ENDPOINT, GUARD, CLIENT, TENANT], Ok("the managed identity c1")),
        (&[ENDPOINT], Err("IDENTITY_ENDPOINT is set and IDENTITY_HEADER is not")),
        (&[GUARD], Err("IDENTITY_HEADER is set and none of IDENTITY_ENDPOINT is")),
        (&[("IDENTITY_ENDPOINT", "msi"), GUARD], Err("IDENTITY_ENDPOINT is \"msi\"")),
        (&[TENANT, CLIENT, SECRET], Ok("the application c1 of tenant t1 (client secret)")),
        (&[TENANT, CLIENT, FILE], Ok("the application c1 of tenant t1 (workload identity)")),
        (&[TENANT, CLIENT, PEM], Ok("the application c1 of tenant t1 (certificate)")),
        (&[CLIENT, SECRET], Err("AZURE_CLIENT_SECRET is set and AZURE_TENANT_ID is not")),
        (&[TENANT, FILE], Err("AZURE_FEDERATED_TOKEN_FILE is set and AZURE_CLIENT_ID is not")),
        (&[TENANT, CLIENT, SECRET, PEM], Err("AZURE_CLIENT_SECRET and AZURE_CLIENT_CERTIFICATE_PATH are both set")),
        (&[ENDPOINT, GUARD, TENANT, CLIENT, SECRET], Err("IDENTITY_ENDPOINT and AZURE_CLIENT_SECRET are both set")),
        (&[CLIENT, TENANT, ("AZURE_CLIENT_SECRET", " ")], Err("AZURE_CLIENT_ID is set and none of")),
        (&[("WEBSITE_INSTANCE_ID", "9f")], Err("switch on its managed identity")),
        (&[], Ok("who is signed in to the Azure CLI (`az login`)")),
        (&[TENANT], Ok("who is signed in to the Azure CLI, in tenant t1")),
        (
            &[TENANT, CLIENT, SECRET, ("AZURE_AUTHORITY_HOST", "http://login.example")],
            Err("secrets are sent there, so it must be https"),
        ),
    ];
    for (variables, wanted) in cases {
        let found = identity(variables);
        match (wanted, found) {
            (Ok(words), Ok(found)) => {
                assert_eq!(found.to_string(), words);
                assert_eq!(format!("{found:?}"), format!("{words} in AzureCloud"));
            }
            (Err(words), Err(error)) => {
                assert!(error.to_string().contains(words), "{error}");
                assert!(
                    matches!(error, PortError::Permanent { .. }) && !error.to_string().contains("hidden"),
                    "{error}"
                );
            }
            (wanted, found) => panic!("{variables:?}: wanted {wanted:?}, got {found:?}"),
        }
    }
}

#[test]
fn a_cloud_has_hosts_and_scopes_of_its_own() {
    let cloud = |name: &str| identity(&[("AZURE_CLOUD", name)]).map(|identity| identity.cloud());
    assert_eq!(cloud("AzureUSGovernment").unwrap(), Cloud::UsGovernment);
    assert_eq!(cloud("azurechinacloud").unwrap().hosts().key_vault_scope, "https://vault.azure.cn/.default");
    assert_eq!(serde_json::to_value(Cloud::China).unwrap(), "AzureChinaCloud");
    let error = cloud("AzureGermanCloud").unwrap_err().to_string();
    assert!(error.contains("the clouds are AzureCloud, AzureUSGovernment, AzureChinaCloud"), "{error}");
    for cloud in [Cloud::Public, Cloud::UsGovernment, Cloud::China] {
        let hosts = cloud.hosts();
        for host in [hosts.authority, hosts.resource_manager] {
            assert!(host.starts_with("https://") && !host.ends_with('/'), "{host}");
        }
        for ending in [hosts.blob, hosts.key_vault, hosts.service_bus, hosts.container_registry, hosts.azure_ml] {
            assert!(ending.starts_with('.'), "{ending}");
        }
    }
}

const VAULT: &str = "https://vault.azure.net/.default";

/// An application of the fake, and the variables that prove to be it.
async fn application(proof: (&str, &str), known: Application) -> (Fake, Identity) {
    let fake = Fake::start().await;
    fake.world().login.applications.insert("c1".into(), Application { tenant: "t1".into(), ..known });
    let authority = fake.host("login.microsoftonline.com");
    let variables = [("AZURE_TENANT_ID", "t1"), ("AZURE_CLIENT_ID", "c1"), ("AZURE_AUTHORITY_HOST", &authority), proof];
    let identity = identity(&variables).unwrap();
    (fake, identity)
}

#[tokio::test]
async fn an_application_with_a_secret_gets_a_token_each_time_it_asks() {
    let known = Application { secret: Some("hidden".into()), ..Application::default() };
    let (fake, identity) = application(("AZURE_CLIENT_SECRET", "hidden"), known).await;
    let credential = identity.credential(VAULT);

    let (first, second) = (credential.token().await.unwrap(), credential.token().await.unwrap());

    assert_eq!(fake.world().login.given, 2, "who calls keeps the token, so that one that is worthless is not kept");
    assert_eq!(fake.asked()[0], "POST /login.microsoftonline.com/t1/oauth2/v2.0/token");
    let shown = format!("{first:?} {second:?} {credential:?} {identity:?}");
    assert!(!shown.contains("hidden") && !shown.contains("eyJ0"), "{shown}");
}

#[tokio::test]
async fn a_cluster_s_word_is_read_anew_each_time() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let known = Application { federated: Some("word-2".into()), ..Application::default() };
    let path = file.path().to_str().unwrap();
    let (fake, identity) = application(("AZURE_FEDERATED_TOKEN_FILE", path), known).await;
    let credential = identity.credential(VAULT);

    std::fs::write(file.path(), "word-1\n").unwrap();
    let error = credential.token().await.unwrap_err().to_string();
    std::fs::write(file.path(), "word-2\n").unwrap();
    credential.token().await.unwrap();
    drop(file);
    let gone = credential.token().await.unwrap_err();

    assert!(error.contains("(workload identity) gets no token for https://vault.azure.net: AADSTS"), "{error}");
    assert!(error.contains("add a federated credential"), "{error}");
    assert_eq!(fake.world().login.words, ["word-2"]);
    assert!(matches!(gone, PortError::Permanent { .. }) && gone.to_string().contains("cannot be read"), "{gone}");
}

#[tokio::test]
async fn an_application_with_a_certificate_signs_who_it_is() {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
    let block =
        |label: &str, der: &[u8]| format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64.encode(der));
    // Nobody but Entra ID looks into a certificate.
    let certificate = b"a certificate";
    let file = tempfile::NamedTempFile::new().unwrap();
    let pem = block("CERTIFICATE", certificate) + &block("PRIVATE KEY", der.as_ref());
    std::fs::write(file.path(), pem).unwrap();
    let thumbprint = BASE64_URL.encode(Sha256::digest(certificate));
    let known = Application { thumbprint: Some(thumbprint), ..Application::default() };
    let path = file.path().to_str().unwrap();
    let (fake, identity) = application(("AZURE_CLIENT_CERTIFICATE_PATH", path), known).await;
    let credential = identity.credential(VAULT);

    credential.token().await.unwrap();

    let mut wanted = Validation::new(Algorithm::PS256);
    wanted.set_audience(&["https://login.microsoftonline.com/t1/oauth2/v2.0/token"]);
    let public = DecodingKey::from_rsa_der(key.public_key().as_ref());
    let word = fake.world().login.words[0].clone();
    jsonwebtoken::decode::<Value>(&word, &public, &wanted).unwrap();
    std::fs::write(file.path(), block("PRIVATE KEY", der.as_ref())).unwrap();
    let error = credential.token().await.unwrap_err().to_string();
    assert!(error.contains("there is no certificate in it"), "{error}");
}

#[tokio::test]
async fn what_entra_id_refuses_is_said_with_what_to_do() {
    let known = Application { secret: Some("another".into()), ..Application::default() };
    let (fake, identity) = application(("AZURE_CLIENT_SECRET", "hidden"), known).await;
    let credential = identity.credential(VAULT);

    let error = credential.token().await.unwrap_err();

    let words = "the application c1 of tenant t1 (client secret) gets no token for https://vault.azure.net: \
                 AADSTS7000215: Invalid client secret provided. AZURE_CLIENT_SECRET is not the application's; set the \
                 secret's value, not its id";
    assert_eq!(error, PortError::permanent("Microsoft Entra ID", words));
    for (fault, is_final) in [
        (Fault::Status(500), false),
        (Fault::Wait(429, "3"), false),
        (Fault::Garbage, false),
        (Fault::Cut, false),
        (Fault::Status(403), true),
    ] {
        fake.spoil(1, fault);
        let error = credential.token().await.unwrap_err();
        assert_eq!(matches!(error, PortError::Permanent { .. }), is_final, "{fault:?}: {error}");
        assert!(!error.to_string().contains("hidden"), "{error}");
    }
}

/// A program `az` that does this, and the folders in which it is found.
fn program(script: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("az");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let folders = format!("{}:/usr/bin:/bin", folder.path().display());
    (folder, folders)
}

#[tokio::test]
async fn the_azure_cli_is_asked_by_its_command() {
    let script = r#"[ "$*" = "account get-access-token -o json --scope https://vault.azure.net/.default --tenant t1" ] || exit 3
echo '{"accessToken": "eyJ0", "expires_on": 1767229200, "tokenType": "Bearer"}'"#;
    let (_folder, path) = program(script);
    let credential = identity(&[("PATH", &path), ("AZURE_TENANT_ID", "t1")]).unwrap().credential(VAULT);

    let token = credential.token().await.unwrap();

    assert!(format!("{token:?}").contains("2026-01-01T01:00:00Z"), "{token:?}");
}

#[tokio::test]
async fn who_is_not_signed_in_to_the_azure_cli_is_told_so() {
    let (_folder, path) = program("echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1");
    let error = identity(&[("PATH", &path)]).unwrap().credential(VAULT).token().await.unwrap_err();
    assert!(matches!(error, PortError::Permanent { .. }), "{error}");
    assert!(error.to_string().contains("Please run 'az login'"), "{error}");

    let error = identity(&[("PATH", "/nowhere")]).unwrap().credential(VAULT).token().await.unwrap_err();
    assert!(error.to_string().contains("az not found on PATH"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_azure_cli_that_does_not_answer_is_not_waited_for() {
    let (_folder, path) = program("sleep 600");
    let error = identity(&[("PATH", &path)]).unwrap().credential(VAULT).token().await.unwrap_err();
    assert!(matches!(error, PortError::Transient { .. }), "{error}");
    assert!(error.to_string().contains("took more than 30 s"), "{error}");
}

/// The managed identity behind this endpoint.
fn managed(address: &str, more: &[(&str, &str)]) -> Arc<dyn Credential> {
    let variables = [&[("IDENTITY_ENDPOINT", address), ("IDENTITY_HEADER", "guard")], more].concat();
    identity(&variables).unwrap().credential(Cloud::AZURE_DEVOPS_SCOPE)
}

#[tokio::test]
async fn a_managed_identity_asks_the_platform_s_endpoint() {
    let address = serve(|request| {
        assert_eq!(request.headers()["x-identity-header"], "guard");
        let query = request.uri().query().unwrap();
        let resource = "499b84ac-1321-427f-aa17-267ca6975798";
        assert_eq!(query, format!("api-version=2019-08-01&resource={resource}&client_id=c1"));
        (200, json!({"access_token": "eyJ0", "expires_on": "1767229200", "token_type": "Bearer", "resource": resource}))
    })
    .await;
    let identity = managed(&address, &[("AZURE_CLIENT_ID", "c1")]);

    let token = identity.token().await.unwrap();

    let end: Timestamp = "2026-01-01T01:00:00Z".parse().unwrap();
    assert_eq!(format!("{token:?}"), format!("Token {{ expires_at: Some({end:?}), .. }}"));
    assert_eq!(format!("{identity:?}"), "the managed identity c1");
}

#[tokio::test]
async fn an_identity_that_is_not_assigned_is_final_and_an_endpoint_that_is_away_is_not() {
    for (status, is_final) in [(400, true), (404, true), (429, false), (500, false)] {
        let address = serve(move |_| (status, json!({"message": "no", "statusCode": status}))).await;
        let error = managed(&address, &[]).token().await.unwrap_err();
        assert_eq!(matches!(error, PortError::Permanent { .. }), is_final, "{status}: {error}");
        assert!(error.to_string().contains("the managed identity of the app"), "{error}");
    }
}
