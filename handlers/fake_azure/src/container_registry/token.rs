//! Tokens for a registry's data. Each says what it opens and until when, as real ones do; nobody signs them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::data::refused;
use crate::{Asked, Told};

const REFRESH: SignedDuration = SignedDuration::from_hours(3);
const ACCESS: SignedDuration = SignedDuration::from_mins(75);

pub(super) fn exchange(asked: &Asked<'_>) -> Told {
    let form = asked.form();
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if !asked.header("content-type").starts_with("application/x-www-form-urlencoded")
        || field("grant_type") != "access_token"
        || field("service") != asked.host
    {
        return refused(400, "BAD_REQUEST", "the form is not one");
    }
    if field("access_token").is_empty() {
        return refused(401, "UNAUTHORIZED", "authentication required");
    }
    let claims = json!({
        "grant_type": "refresh_token", "aud": asked.host, "exp": (asked.now + REFRESH).as_second(),
    });
    Told::json(200, &json!({"refresh_token": written(&claims)}))
}

pub(super) fn token(asked: &Asked<'_>) -> Told {
    let form = asked.form();
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if field("grant_type") != "refresh_token" || field("service") != asked.host {
        return refused(400, "BAD_REQUEST", "the form is not one");
    }
    let claims = read(field("refresh_token"));
    let is_good = claims["grant_type"] == "refresh_token"
        && claims["aud"] == asked.host
        && claims["exp"].as_i64().is_some_and(|end| end > asked.now.as_second());
    if !is_good {
        return refused(401, "UNAUTHORIZED", "authentication required");
    }
    let mut access = Vec::new();
    for scope in field("scope").split(' ') {
        let mut words = scope.splitn(2, ':');
        let (kind, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let Some((name, actions)) = rest.rsplit_once(':').filter(|_| matches!(kind, "repository" | "registry")) else {
            return refused(400, "BAD_REQUEST", "the scope is not one");
        };
        let actions: Vec<&str> = actions.split(',').collect();
        access.push(json!({"type": kind, "name": name, "actions": actions}));
    }
    let claims = json!({"aud": asked.host, "exp": (asked.now + ACCESS).as_second(), "access": access});
    Told::json(200, &json!({"access_token": written(&claims)}))
}

/// Whether the caller may do this with a repository.
pub(super) fn opens(asked: &Asked<'_>, repository: &str, action: &str) -> bool {
    let claims = read(asked.header("authorization").strip_prefix("Bearer ").unwrap_or_default());
    let is_of = |it: &&Value| it["type"] == "repository" && it["name"] == repository;
    claims["aud"] == asked.host
        && claims["exp"].as_i64().is_some_and(|end| end > asked.now.as_second())
        && claims["access"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(is_of)
            .any(|it| it["actions"].as_array().into_iter().flatten().any(|known| known == action || known == "*"))
}

fn written(claims: &Value) -> String {
    let part = |value: &Value| BASE64.encode(value.to_string());
    format!("{}.{}.c2VjcmV0", part(&json!({"alg": "RS256", "typ": "JWT"})), part(claims))
}

fn read(token: &str) -> Value {
    let claims = token.split('.').nth(1).and_then(|part| BASE64.decode(part).ok());
    claims.and_then(|claims| serde_json::from_slice(&claims).ok()).unwrap_or_default()
}
