//! What is read of a blob.

use super::{Blob, Object, date, refused};
use crate::{Asked, Told};

impl Blob {
    pub(super) fn read(&mut self, asked: &Asked<'_>, container: &str, name: &str) -> Result<Told, Told> {
        let Some(object) = self.container(asked, container)?.blobs.get(name) else {
            return Err(refused(asked, 404, "BlobNotFound", "The specified blob does not exist."));
        };
        let wanted = asked.header("if-match");
        if !wanted.is_empty() && wanted != "*" && wanted != object.etag {
            return Err(refused(
                asked,
                412,
                "ConditionNotMet",
                "The condition specified using HTTP headers is not met.",
            ));
        }
        if asked.header("if-none-match") == object.etag {
            return Err(refused(asked, 304, "ConditionNotMet", "It has not changed."));
        }
        if asked.method == "HEAD" {
            return Ok(described(Told::empty(200), object).with("content-length", object.body.len().to_string()));
        }
        let range = [asked.header("x-ms-range"), asked.header("range")].into_iter().find(|range| !range.is_empty());
        let Some(range) = range else {
            return Ok(described(Told { body: object.body.clone(), ..Told::empty(200) }, object));
        };
        let length = object.body.len();
        let Some((first, last)) = bounds(range).filter(|(first, _)| *first < length) else {
            let told = refused(asked, 416, "InvalidRange", "The range specified is invalid for the current size.");
            return Err(told.with("content-range", format!("bytes */{length}")));
        };
        let last = last.unwrap_or(usize::MAX).min(length - 1);
        let told = Told { body: object.body[first..=last].to_vec(), ..Told::empty(206) };
        Ok(described(told, object).with("content-range", format!("bytes {first}-{last}/{length}")))
    }
}

/// `bytes=0-3`, or `bytes=0-`.
fn bounds(range: &str) -> Option<(usize, Option<usize>)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let last = if last.is_empty() { None } else { Some(last.parse().ok()?) };
    Some((first.parse().ok()?, last))
}

fn described(told: Told, object: &Object) -> Told {
    let told = told
        .with("content-type", &object.content_type)
        .with("etag", &object.etag)
        .with("last-modified", date(object.modified))
        .with("x-ms-creation-time", date(object.created))
        .with("x-ms-blob-type", "BlockBlob")
        .with("x-ms-lease-state", "available")
        .with("x-ms-lease-status", "unlocked")
        .with("x-ms-server-encrypted", "true")
        .with("accept-ranges", "bytes");
    object.metadata.iter().fold(told, |told, (name, value)| told.with(format!("x-ms-meta-{name}"), value))
}
