//! What is there, page by page.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use quick_xml::escape::escape;

use super::{Blob, Object, WITH_START_FROM, date, refused, version};
use crate::{Asked, Told};

/// Names of one answer, at most.
const PAGE: usize = 5000;

impl Blob {
    pub(super) fn page(&mut self, asked: &Asked<'_>, container: &str) -> Result<Told, Told> {
        let wrong = |name: &str| {
            let message = format!("One of the query parameters specified in the request URI is not valid: {name}.");
            refused(asked, 400, "OutOfRangeQueryParameterValue", &message)
        };
        const KNOWN: [&str; 8] =
            ["comp", "restype", "prefix", "marker", "maxresults", "startFrom", "include", "timeout"];
        let is_signature = |name: &str| ["sv", "sr", "sp", "se", "st", "spr", "sig"].contains(&name);
        if let Some(name) = asked.query.keys().find(|name| !KNOWN.contains(&name.as_str()) && !is_signature(name)) {
            return Err(wrong(name));
        }
        let text = |name: &str| asked.query.get(name).map(String::as_str).unwrap_or_default();
        let max = match text("maxresults") {
            "" => PAGE,
            max => max.parse::<usize>().ok().filter(|max| *max > 0).ok_or_else(|| wrong("maxresults"))?.min(PAGE),
        };
        let marker = match text("marker") {
            "" => String::new(),
            marker => {
                let name = marker.strip_prefix("2!").and_then(|name| BASE64.decode(name).ok());
                let name = name.and_then(|name| String::from_utf8(name).ok());
                name.ok_or_else(|| wrong("marker"))?
            }
        };
        let start = if version(asked).as_str() >= WITH_START_FROM { text("startFrom") } else { "" };
        let start = start.max(marker.as_str());
        let prefix = text("prefix");
        let blobs = &self.container(asked, container)?.blobs;
        let mut found = blobs.range(start.to_owned()..).filter(|(name, _)| name.starts_with(prefix));
        let page: Vec<_> = found.by_ref().take(max).collect();
        let next = found.next().map(|(name, _)| format!("2!{}", BASE64.encode(name))).unwrap_or_default();

        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"{}\" ContainerName=\"{container}\">",
            escape(format!("{}/", asked.address(asked.host)))
        );
        for (name, value) in [("Prefix", prefix), ("Marker", text("marker")), ("MaxResults", text("maxresults"))] {
            if !value.is_empty() {
                write!(xml, "<{name}>{}</{name}>", escape(value)).unwrap();
            }
        }
        xml += "<Blobs>";
        for (name, object) in page {
            xml += &entry(name, object, text("include").contains("metadata"));
        }
        write!(xml, "</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>").unwrap();
        Ok(Told::bytes(200, "application/xml", xml))
    }
}

fn entry(name: &str, object: &Object, with_metadata: bool) -> String {
    let mut metadata = String::new();
    if with_metadata && !object.metadata.is_empty() {
        for (name, value) in &object.metadata {
            write!(metadata, "<{name}>{}</{name}>", escape(value)).unwrap();
        }
        metadata = format!("<Metadata>{metadata}</Metadata>");
    }
    format!(
        "<Blob><Name>{}</Name><Properties><Creation-Time>{}</Creation-Time><Last-Modified>{}</Last-Modified>\
         <Etag>{}</Etag><Content-Length>{}</Content-Length><Content-Type>{}</Content-Type><BlobType>BlockBlob</BlobType>\
         <LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState><ServerEncrypted>true</ServerEncrypted>\
         </Properties>{metadata}</Blob>",
        escape(name),
        date(object.created),
        date(object.modified),
        // Lists have it without the quotation marks that headers have.
        object.etag.trim_matches('"'),
        object.body.len(),
        escape(&object.content_type),
    )
}
