//! The storage behind registries: contexts and logs, by addresses that open themselves.

use serde_json::json;

use super::{ContainerRegistry, STORAGE};
use crate::{Asked, Told};

const SIGNED: &str = "sv=2021-08-06&sr=b&se=2026-01-01T12%3A00%3A00Z&sig=c2VjcmV0";

impl ContainerRegistry {
    pub(super) fn upload_url(&mut self, asked: &Asked<'_>) -> Told {
        let path = format!("tasks-source/{:012}.tar.gz", self.next());
        let url = format!("{}/source/{path}?{SIGNED}&sp=cw", asked.address(STORAGE));
        self.uploads.insert(path.clone(), Vec::new());
        Told::json(200, &json!({"uploadUrl": url, "relativePath": path}))
    }

    pub(super) fn log_url(&mut self, registry: &str, run: &str, asked: &Asked<'_>) -> Told {
        if self.log_of(registry, run).is_none() {
            return Told::error(404, "RunNotFound", "The requested run could not be found.");
        }
        let url = format!("{}/logs/{registry}/{run}/rawtext.log?{SIGNED}&sp=r", asked.address(STORAGE));
        Told::json(200, &json!({"logLink": url}))
    }

    /// The storage itself.
    pub fn storage(&mut self, asked: &Asked<'_>) -> Told {
        self.settle(asked.now);
        if !asked.query.contains_key("sig") {
            return refused(403, "AuthenticationFailed");
        }
        match (asked.method, &asked.segments()[..]) {
            ("PUT", ["source", below @ ..]) => {
                let Some(place) = self.uploads.get_mut(&below.join("/")) else {
                    return refused(403, "AuthorizationFailure");
                };
                if asked.header("x-ms-blob-type") != "BlockBlob" {
                    return refused(400, "InvalidHeaderValue");
                }
                *place = asked.bytes.to_vec();
                Told::empty(201)
            }
            ("GET", ["logs", registry, run, "rawtext.log"]) => match self.log_of(registry, run) {
                Some(log) if !log.is_empty() => ranged(log.as_bytes(), asked.header("range")),
                _ => refused(404, "BlobNotFound"),
            },
            _ => refused(404, "ResourceNotFound"),
        }
    }
}

fn refused(status: u16, code: &'static str) -> Told {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
    );
    Told::bytes(status, "application/xml", body).with("x-ms-error-code", code)
}

/// A part of a blob, as far as there is one.
fn ranged(blob: &[u8], range: &str) -> Told {
    let Some((from, to)) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Told::bytes(200, "text/plain", blob);
    };
    let (from, to) = (from.parse::<usize>().unwrap(), to.parse::<usize>().unwrap());
    if from >= blob.len() {
        return refused(416, "InvalidRange");
    }
    let end = (to + 1).min(blob.len());
    Told::bytes(206, "text/plain", &blob[from..end])
        .with("content-range", format!("bytes {from}-{}/{}", end - 1, blob.len()))
}
