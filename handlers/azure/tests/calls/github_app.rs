//! A GitHub App: what it signs, and what it gets for it.

use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use azure::{Credential, GithubApp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use runner::memory::TestClock;
use runner::ports::{Clock, PortError};
use serde_json::{Value, json};

/// What came: the word that was signed, and the permissions that were asked for.
type Came = Arc<Mutex<Vec<(String, Value)>>>;

pub struct Installation {
    base: String,
    came: Came,
    pem: String,
    public_key: Vec<u8>,
}

impl Installation {
    /// One that answers like this.
    pub async fn answering(status: u16, answer: Value) -> Self {
        let came = Came::default();
        let handler = async move |Path(number): Path<String>,
                                  State(came): State<Came>,
                                  headers: HeaderMap,
                                  Json(body): Json<Value>| {
            assert_eq!((number.as_str(), &headers["user-agent"]), ("4711", &"trainyard".parse().unwrap()));
            let word = headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned();
            came.lock().unwrap().push((word, body));
            (StatusCode::from_u16(status).unwrap(), Json(answer))
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router =
            Router::new().route("/app/installations/{number}/access_tokens", post(handler)).with_state(came.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
        let lines = BASE64.encode(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n");
        Self { base, came, pem, public_key: key.public_key().as_ref().to_vec() }
    }

    pub fn app(&self, clock: &TestClock) -> GithubApp {
        GithubApp::new(&self.base, "Iv23abc", 4711, self.pem.as_bytes(), Arc::new(clock.clone())).unwrap()
    }
}

#[tokio::test]
async fn an_app_signs_who_it_is_and_gets_a_token_for_an_hour() {
    let clock = TestClock::default();
    let given = json!({"token": "ghs_APPID_eyJ0eXAi", "expires_at": "2026-01-01T01:00:00Z", "permissions": {"checks": "write"}});
    let installation = Installation::answering(201, given).await;
    let app = installation.app(&clock);

    let token = app.token().await.unwrap();

    assert!(format!("{token:?}").contains("2026-01-01T01:00:00Z"), "{token:?}");
    assert!(!format!("{token:?} {app:?}").contains("ghs_"), "{token:?} {app:?}");
    let (word, wanted) = installation.came.lock().unwrap().pop().unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    let key = DecodingKey::from_rsa_der(&installation.public_key);
    let claims = jsonwebtoken::decode::<Value>(&word, &key, &validation).unwrap().claims;
    let now = clock.now().as_second();
    assert_eq!(claims, json!({"iss": "Iv23abc", "iat": now - 60, "exp": now + 540}));
    assert_eq!(wanted["permissions"]["contents"], "read", "no more than is needed");
}

#[tokio::test]
async fn an_app_that_gets_no_token_says_why_that_may_be() {
    for (status, is_final) in [(401, true), (404, true), (422, true), (429, false), (502, false)] {
        let installation = Installation::answering(status, json!({"message": "no"})).await;
        let error = installation.app(&TestClock::default()).token().await.unwrap_err();
        assert_eq!(matches!(error, PortError::Permanent { .. }), is_final, "{status}: {error}");
        assert!(error.to_string().contains("the GitHub App Iv23abc in installation 4711"), "{error}");
    }
}

#[test]
fn a_key_that_is_none_is_said() {
    let clock = Arc::new(TestClock::default());
    let error = GithubApp::new("https://api.github.com", "Iv23abc", 1, b"-----BEGIN", clock).unwrap_err();
    assert!(error.to_string().contains("the .pem file that GitHub hands out"), "{error}");
}
