//! Asking what serves.

use pipeline::event::Answer;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Url};
use runner::ports::Result;
use serde::Deserialize;

use super::{KEYS, OnlineEndpoints, Place};
use crate::credential::Token;
use crate::http::{Body, Call, CallError, bounded};

/// So much of an answer is kept, in bytes.
const KEPT: usize = 64 << 10;
/// The header that names the deployment, and no other, that is to answer.
const DEPLOYMENT: &str = "azureml-model-deployment";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Keys {
    primary_key: Option<String>,
}

impl OnlineEndpoints {
    /// The key of the endpoint, as its callers show it. It may be changed at any time, so it is not kept.
    async fn key(&self, place: &Place) -> Result<Option<HeaderValue>> {
        let url = self.endpoint_url(place, &["listKeys"]);
        let call = Call::new(Method::POST, url, Body::Nothing, &KEYS);
        let keys: Keys = self.client.read(call).await.map_err(CallError::into_port)?;
        match keys.primary_key {
            Some(key) => Ok(Token::bearer(&key, None)?.header()),
            None => Ok(None),
        }
    }

    /// Posts a body to the endpoint.
    pub(super) async fn score(&self, place: &Place, address: &str, body: Vec<u8>) -> Result<Answer> {
        let unreachable = |reason: String| Ok(Answer::Unreachable { reason });
        let Ok(address) = Url::parse(address) else {
            return unreachable(format!("{address:?} is no address that could be called"));
        };
        let mut request = self.scoring.client()?.post(address).header(DEPLOYMENT, &place.deployment);
        if let Some(key) = self.key(place).await? {
            request = request.header(reqwest::header::AUTHORIZATION, key);
        }
        let request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return unreachable(error.without_url().to_string()),
        };
        let status = response.status().as_u16();
        match bounded(response).await {
            Ok(mut body) => {
                body.truncate(KEPT);
                Ok(Answer::Answered { status, body: String::from_utf8_lossy(&body).into_owned() })
            }
            Err(cut) => unreachable(cut.to_string()),
        }
    }
}
