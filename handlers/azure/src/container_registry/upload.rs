//! Bringing to the registry what is to be built.

use reqwest::Method;
use reqwest::header::HeaderValue;
use serde::Deserialize;

use super::log::STORAGE_VERSION;
use super::registry::{Registry, order};
use crate::http::{Body, Call, CallError, Right};
use crate::roles;

const UPLOAD: Right = Right::role("upload what is to be built", roles::TASKS);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    upload_url: String,
    relative_path: String,
}

impl Registry {
    /// Uploads a context (a packed tar); answers where it is, in the words of a run's request.
    pub async fn upload(&self, context: Vec<u8>) -> Result<String, CallError> {
        let place: Place = self.client.read(order(self.tasks(&["listBuildSourceUploadUrl"]), &UPLOAD)).await?;
        let url = self.handed_out(&place.upload_url, &UPLOAD)?;
        let call = Call::new(Method::PUT, url, Body::Bytes("application/octet-stream", context), &UPLOAD)
            .with("x-ms-blob-type", HeaderValue::from_static("BlockBlob"))
            .with("x-ms-version", HeaderValue::from_static(STORAGE_VERSION));
        self.storage.call(call).await?;
        Ok(place.relative_path)
    }
}
