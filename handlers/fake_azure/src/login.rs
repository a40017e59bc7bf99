//! Microsoft Entra ID: tokens for applications, by secret or by a signed word.
//!
//! Source: [client credentials](https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64_URL;
use serde_json::{Value, json};

use crate::{Asked, Told};

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What is there.
#[derive(Debug, Default)]
pub struct Login {
    /// Applications by client id.
    pub applications: BTreeMap<String, Application>,
    /// The words that applications signed, the newest last.
    pub words: Vec<String>,
    /// How many tokens were given.
    pub given: usize,
}

/// An application.
#[derive(Debug, Clone, Default)]
pub struct Application {
    pub tenant: String,
    pub secret: Option<String>,
    /// SHA-256 of its certificate, as `x5t#S256` has it.
    pub thumbprint: Option<String>,
    /// The word of a cluster that it trusts.
    pub federated: Option<String>,
}

impl Login {
    pub fn answer(&mut self, asked: &Asked<'_>) -> Told {
        let segments = asked.segments();
        let ("POST", [tenant, "oauth2", "v2.0", "token"]) = (asked.method, &segments[..]) else {
            return Told::empty(404);
        };
        if !asked.header("content-type").starts_with("application/x-www-form-urlencoded") {
            return refuse(400, "invalid_request", 900_144, "The request body must contain the following parameter");
        }
        let form = asked.form();
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        if field("grant_type") != "client_credentials" {
            return refuse(400, "unsupported_grant_type", 70_003, "The app requested an unsupported grant type");
        }
        if !field("scope").ends_with("/.default") || field("scope").contains(' ') {
            return refuse(400, "invalid_scope", 1_002_012, "The provided value for scope is not valid");
        }
        if !self.applications.values().any(|application| application.tenant == *tenant) {
            let message = format!("Tenant '{tenant}' not found.");
            return refuse(400, "invalid_request", 90_002, &message);
        }
        let known = self.applications.get(field("client_id")).filter(|application| application.tenant == *tenant);
        let Some(application) = known else {
            let message = format!("Application with identifier '{}' was not found.", field("client_id"));
            return refuse(400, "unauthorized_client", 700_016, &message);
        };
        let told = match (form.get("client_secret"), form.get("client_assertion")) {
            (Some(secret), None) if application.secret.as_ref() == Some(secret) => Ok(()),
            (Some(_), None) => Err((7_000_215, "Invalid client secret provided.")),
            (None, Some(_)) if field("client_assertion_type") != ASSERTION => {
                Err((90_023, "The client_assertion_type is not known."))
            }
            (None, Some(word)) if application.federated.as_ref() == Some(word) => Ok(()),
            (None, Some(word)) => is_signed(word, field("client_id"), tenant, application),
            _ => Err((7_000_218, "The request body must contain 'client_assertion' or 'client_secret'.")),
        };
        if let Err((number, message)) = told {
            return refuse(401, "invalid_client", number, message);
        }
        self.words.extend(form.get("client_assertion").cloned());
        self.given += 1;
        let token = format!("eyJ0.{}.{}", field("client_id"), self.given);
        let body = json!({
            "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token,
        });
        Told::json(200, &body)
    }
}

/// What a word has to say, its signature left aside: whoever has the key's public part looks at that.
fn is_signed(word: &str, client_id: &str, tenant: &str, application: &Application) -> Result<(), (u64, &'static str)> {
    if application.thumbprint.is_none() {
        return Err((700_213, "No matching federated identity record found for presented assertion subject."));
    }
    let parts: Vec<Value> = word.split('.').take(2).map(part).collect();
    let [header, claims] = &parts[..] else { return Err((50_027, "JWT token is invalid or malformed.")) };
    if header["alg"] != "PS256" || header["x5t#S256"].as_str().map(str::to_owned) != application.thumbprint {
        return Err((700_027, "The certificate with identifier used to sign the client assertion is not registered."));
    }
    let audience = format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token");
    let is_good = claims["iss"] == client_id
        && claims["sub"] == client_id
        && claims["aud"] == audience
        && claims["jti"].as_str().is_some_and(|id| id.len() >= 16)
        && claims["exp"].as_i64() > claims["nbf"].as_i64();
    if is_good { Ok(()) } else { Err((700_024, "Client assertion is not within its valid time range.")) }
}

fn part(text: &str) -> Value {
    let bytes = BASE64_URL.decode(text).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

fn refuse(status: u16, error: &str, number: u64, message: &str) -> Told {
    let ids = "Trace ID: 0a1b Correlation ID: 2c3d Timestamp: 2026-01-01 00:00:00Z";
    let body = json!({
        "error": error, "error_description": format!("AADSTS{number}: {message} {ids}"), "error_codes": [number],
        "timestamp": "2026-01-01 00:00:00Z", "trace_id": "0a1b", "correlation_id": "2c3d",
        "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
    });
    Told::json(status, &body)
}
