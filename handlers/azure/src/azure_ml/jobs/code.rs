//! The code of a job: the snapshot and the launcher, kept by the workspace under the name of their content.

use pipeline::effect::JobSpec;
use pipeline::names::Digest;
use reqwest::Method;
use runner::ports::Result;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::{AzureMl, READ, ROLE, refused};
use crate::blob::Container;
use crate::credential::Anybody;
use crate::http::{Call, CallError, Right};
use crate::launcher;

const UPLOAD: Right = Right::role("upload the code of a job", ROLE);

/// The launcher, in the code.
pub(super) const PROGRAM: &str = "launch.py";
/// The snapshot, in the code. In one piece: it unpacks as it was packed, and two files are there sooner than hundreds.
pub(super) const SNAPSHOT: &str = "source.tar";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Upload {
    blob_reference_for_consumption: Option<Reference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    blob_uri: Option<String>,
    credential: Option<Signature>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signature {
    sas_uri: Option<String>,
}

impl AzureMl {
    /// Has the code there, and answers its id and whether it was made just now.
    pub(super) async fn ensure_code(&self, spec: &JobSpec, snapshot: Vec<u8>) -> Result<(String, bool)> {
        let content = format!("{} {}", spec.source, Digest::of(launcher::script().as_bytes()));
        let version = Digest::of(content.as_bytes());
        let name = format!("trainyard-{}", spec.project);
        let segments = ["codes", name.as_str(), "versions", &version.hex()[..40]];
        let id = self.workspace.address.id(&segments);
        // The version is made last: where it is, the files are.
        if self.workspace.find::<Value>(&segments, &READ).await?.is_some() {
            return Ok((id, false));
        }
        let start = [&segments[..], &["startPendingUpload"]].concat();
        let body = json!({"pendingUploadType": "TemporaryBlobReference"});
        let call = Call::send(Method::POST, self.workspace.address.at(&start, &[]), body, &UPLOAD);
        let upload: Upload = self.workspace.client.read(call).await.map_err(CallError::into_port)?;
        let opened = upload.blob_reference_for_consumption.and_then(|reference| {
            let signature = reference.credential?.sas_uri?;
            Some((reference.blob_uri?, signature))
        });
        let Some((place, signature)) = opened else {
            return Err(refused(format!("{self} names no place for the code of a job")));
        };
        let container = Container::at(&signature, std::sync::Arc::new(Anybody), self.workspace.clock.clone())?;
        container.put(PROGRAM, launcher::script().as_bytes().to_vec()).await?;
        container.put(SNAPSHOT, snapshot).await?;
        let body = json!({"properties": {
            "codeUri": place,
            "isAnonymous": true,
            "properties": {"trainyardSource": spec.source},
        }});
        let _: Value = self.workspace.make(&segments, body, &UPLOAD).await?;
        Ok((id, true))
    }
}
