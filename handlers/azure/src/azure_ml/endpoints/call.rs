//! Asking what serves.

use pipeline::event::Answer;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, Url};
use runner::ports::Result;
use serde::Deserialize;

use super::{KEYS, OnlineEndpoints, Place};
use crate::credential::Token;
use crate::http::{Body, Call, CallError};
use crate::serving::ask;

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
            request = request.header(AUTHORIZATION, key);
        }
        Ok(ask(request, body).await)
    }
}
