//! Blobs in one piece and in blocks.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::{Blob, Container, Object, date, refused};
use crate::{Asked, Told};

/// Bytes of a block's id, at most.
const ID_MAX: usize = 64;

impl Blob {
    /// Put Blob.
    pub(super) fn write(&mut self, asked: &Asked<'_>, container: &str, name: &str) -> Result<Told, Told> {
        let missing = |what: &str| refused(asked, 400, "MissingRequiredHeader", &format!("{what} is not specified."));
        match asked.header("x-ms-blob-type") {
            "BlockBlob" => {}
            "" => return Err(missing("x-ms-blob-type")),
            _ => return Err(refused(asked, 400, "InvalidHeaderValue", "Only block blobs are kept here.")),
        }
        measured(asked)?;
        let etag = self.next_etag();
        let container = self.container(asked, container)?;
        expected(asked, container.blobs.get(name))?;
        container.blocks.remove(name);
        Ok(container.keep(asked, name, asked.bytes.to_vec(), BTreeMap::new(), etag))
    }

    /// Put Block.
    pub(super) fn stage(&mut self, asked: &Asked<'_>, container: &str, name: &str) -> Result<Told, Told> {
        measured(asked)?;
        let id = asked.query.get("blockid").cloned().unwrap_or_default();
        let wrong = |why: &str| refused(asked, 400, "InvalidQueryParameterValue", why);
        let is_id = BASE64.decode(&id).is_ok_and(|id| (1..=ID_MAX).contains(&id.len()));
        if !is_id {
            return Err(wrong("The block id is not Base64 of 1 to 64 bytes."));
        }
        let container = self.container(asked, container)?;
        let committed = container.blobs.get(name).map(|object| &object.blocks);
        let staged = container.blocks.get(name);
        let mut others = committed.into_iter().chain(staged).flat_map(|blocks| blocks.keys());
        if others.any(|other| other.len() != id.len()) {
            let message = "The specified blob or block content is invalid: all ids of a blob have one length.";
            return Err(refused(asked, 400, "InvalidBlobOrBlock", message));
        }
        container.blocks.entry(name.to_owned()).or_default().insert(id, asked.bytes.to_vec());
        Ok(Told::empty(201).with("x-ms-request-server-encrypted", "true"))
    }

    /// Put Block List.
    pub(super) fn commit(&mut self, asked: &Asked<'_>, container: &str, name: &str) -> Result<Told, Told> {
        measured(asked)?;
        let list = blocks(asked.bytes).ok_or_else(|| {
            refused(asked, 400, "InvalidXmlDocument", "The specified XML is not syntactically valid.")
        })?;
        let etag = self.next_etag();
        let container = self.container(asked, container)?;
        expected(asked, container.blobs.get(name))?;
        let committed = container.blobs.get(name).map(|object| object.blocks.clone()).unwrap_or_default();
        let staged = container.blocks.get(name).cloned().unwrap_or_default();
        let (mut body, mut kept) = (Vec::new(), BTreeMap::new());
        for (kind, id) in list {
            let block = match kind.as_str() {
                "Latest" => staged.get(&id).or_else(|| committed.get(&id)),
                "Uncommitted" => staged.get(&id),
                _ => committed.get(&id),
            };
            let block =
                block.ok_or_else(|| refused(asked, 400, "InvalidBlockList", "The specified block list is invalid."))?;
            body.extend_from_slice(block);
            kept.insert(id, block.clone());
        }
        container.blocks.remove(name);
        Ok(container.keep(asked, name, body, kept, etag))
    }

    pub(super) fn remove(&mut self, asked: &Asked<'_>, container: &str, name: &str) -> Result<Told, Told> {
        let container = self.container(asked, container)?;
        let Some(object) = container.blobs.get(name) else {
            return Err(refused(asked, 404, "BlobNotFound", "The specified blob does not exist."));
        };
        expected(asked, Some(object))?;
        container.blobs.remove(name);
        Ok(Told::empty(202).with("x-ms-delete-type-permanent", "true"))
    }
}

impl Container {
    fn keep(
        &mut self,
        asked: &Asked<'_>,
        name: &str,
        body: Vec<u8>,
        blocks: BTreeMap<String, Vec<u8>>,
        etag: String,
    ) -> Told {
        // The kind of a block list's document is not the blob's.
        let sent = if blocks.is_empty() { asked.header("content-type") } else { "" };
        let kinds = [asked.header("x-ms-blob-content-type"), sent];
        let content_type = kinds.into_iter().find(|kind| !kind.is_empty()).unwrap_or("application/octet-stream");
        let metadata = asked.headers.iter().filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix("x-ms-meta-")?;
            Some((name.to_owned(), value.to_str().ok()?.to_owned()))
        });
        let created = self.blobs.get(name).map_or(asked.now, |object| object.created);
        let object = Object {
            body,
            etag: etag.clone(),
            content_type: content_type.to_owned(),
            metadata: metadata.collect(),
            modified: asked.now,
            created,
            blocks,
        };
        self.blobs.insert(name.to_owned(), object);
        Told::empty(201)
            .with("etag", etag)
            .with("last-modified", date(asked.now))
            .with("x-ms-request-server-encrypted", "true")
    }
}

/// A body of no known length is not taken.
fn measured(asked: &Asked<'_>) -> Result<(), Told> {
    match asked.header("content-length") {
        "" => Err(refused(asked, 411, "MissingContentLengthHeader", "Content-Length was not specified.")),
        _ => Ok(()),
    }
}

/// Whether a blob is what a write expects of it.
fn expected(asked: &Asked<'_>, object: Option<&Object>) -> Result<(), Told> {
    let unmet =
        || Err(refused(asked, 412, "ConditionNotMet", "The condition specified using HTTP headers is not met."));
    match (asked.header("if-none-match"), object) {
        ("*", Some(_)) => {
            return Err(refused(asked, 409, "BlobAlreadyExists", "The specified blob already exists."));
        }
        (etag, Some(object)) if etag == object.etag => return unmet(),
        _ => {}
    }
    match (asked.header("if-match"), object) {
        ("", _) | ("*", Some(_)) => Ok(()),
        (etag, Some(object)) if etag == object.etag => Ok(()),
        _ => unmet(),
    }
}

/// Kinds and ids of a block list, in its order.
fn blocks(xml: &[u8]) -> Option<Vec<(String, String)>> {
    let text = std::str::from_utf8(xml).ok()?;
    let mut reader = Reader::from_str(text);
    let (mut list, mut kind, mut is_list) = (Vec::new(), None, false);
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => match tag.name().as_ref() {
                "BlockList" => is_list = true,
                name if is_list && ["Latest", "Committed", "Uncommitted"].contains(&name) => {
                    kind = Some(name.to_owned());
                }
                _ => return None,
            },
            Event::Text(id) => {
                if let Some(kind) = kind.clone() {
                    list.push((kind, id.trim().to_owned()));
                }
            }
            Event::End(_) => kind = None,
            Event::Eof => return is_list.then_some(list),
            _ => {}
        }
    }
}
