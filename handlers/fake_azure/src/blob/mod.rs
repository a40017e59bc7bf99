//! Azure Blob Storage: accounts, containers, block blobs.
//!
//! Answers follow `blob.json` in
//! [Azure/azure-rest-api-specs](https://github.com/Azure/azure-rest-api-specs), folder
//! `specification/storage/data-plane/Microsoft.BlobStorage`, and the pages of the
//! [Blob service REST API](https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use uuid::Uuid;

use crate::{Asked, Told};

mod list;
mod read;
mod write;

/// The newest version that is known.
const NEWEST: &str = "2026-04-06";
/// The first version with `startFrom`.
const WITH_START_FROM: &str = "2026-02-06";
/// The first version that takes tokens.
const WITH_TOKENS: &str = "2017-11-09";

/// What is there.
#[derive(Debug, Default)]
pub struct Blob {
    /// By account and name.
    containers: BTreeMap<(String, String), Container>,
    /// Signatures that were handed out, with what they open.
    signatures: BTreeSet<(String, String, String)>,
    /// Counts writes, for versions.
    writes: u64,
}

#[derive(Debug, Default)]
struct Container {
    blobs: BTreeMap<String, Object>,
    /// Blocks that no list names yet, by blob and id.
    blocks: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
}

/// A blob.
#[derive(Debug, Clone)]
struct Object {
    body: Vec<u8>,
    etag: String,
    content_type: String,
    /// Names without `x-ms-meta-`.
    metadata: BTreeMap<String, String>,
    modified: Timestamp,
    created: Timestamp,
    /// With the blocks that it is made of.
    blocks: BTreeMap<String, Vec<u8>>,
}

impl Blob {
    /// Puts a blob there, and its container.
    pub fn put(&mut self, account: &str, container: &str, name: &str, bytes: impl Into<Vec<u8>>) {
        let etag = self.next_etag();
        let now = Timestamp::now();
        let object = Object {
            body: bytes.into(),
            etag,
            content_type: "application/octet-stream".into(),
            metadata: BTreeMap::new(),
            modified: now,
            created: now,
            blocks: BTreeMap::new(),
        };
        self.containers.entry(key(account, container)).or_default().blobs.insert(name.to_owned(), object);
    }

    /// A blob's bytes, if there is one.
    #[must_use]
    pub fn get(&self, account: &str, container: &str, name: &str) -> Option<Vec<u8>> {
        Some(self.containers.get(&key(account, container))?.blobs.get(name)?.body.clone())
    }

    /// The names of blobs that begin so.
    #[must_use]
    pub fn list(&self, account: &str, container: &str, prefix: &str) -> Vec<String> {
        let container = self.containers.get(&key(account, container));
        let names = container.into_iter().flat_map(|container| container.blobs.keys());
        names.filter(|name| name.starts_with(prefix)).cloned().collect()
    }

    /// A query that opens a container, which is made if it is not there.
    pub fn sas(&mut self, account: &str, container: &str) -> String {
        self.containers.entry(key(account, container)).or_default();
        let signature = Uuid::new_v4().simple().to_string();
        self.signatures.insert((account.to_owned(), container.to_owned(), signature.clone()));
        format!("sv=2025-11-05&sr=c&sp=racwdl&se=2099-01-01T00%3A00%3A00Z&spr=https&sig={signature}")
    }

    pub fn answer(&mut self, asked: &Asked<'_>) -> Told {
        let told = self.allowed(asked).and_then(|()| self.routed(asked)).unwrap_or_else(|refused| refused);
        let told = told
            .with("x-ms-request-id", Uuid::new_v4().to_string())
            .with("x-ms-version", version(asked))
            .with("server", "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0");
        match asked.header("x-ms-client-request-id") {
            "" => told,
            id => told.with("x-ms-client-request-id", id),
        }
    }

    fn allowed(&self, asked: &Asked<'_>) -> Result<(), Told> {
        let version = version(asked);
        let looks_well = version.len() == NEWEST.len() && version.split('-').all(|part| part.parse::<u16>().is_ok());
        if !looks_well || version.as_str() > NEWEST {
            return Err(refused(
                asked,
                400,
                "InvalidHeaderValue",
                "The value for one of the HTTP headers is not known.",
            ));
        }
        let no = |why: &str| Err(refused(asked, 403, "AuthenticationFailed", why));
        if let Some(signature) = asked.query.get("sig") {
            let account = account(asked).to_owned();
            let container = asked.path.first().cloned().unwrap_or_default();
            let is_known = self.signatures.contains(&(account, container, signature.clone()));
            return if is_known { Ok(()) } else { no("Signature did not match.") };
        }
        let authorization = asked.header("authorization");
        if let Some(signed) = authorization.strip_prefix("SharedKey ") {
            let is_well =
                signed.strip_prefix(account(asked)).is_some_and(|rest| rest.starts_with(':') && rest.len() > 40);
            return if is_well && !asked.header("x-ms-date").is_empty() { Ok(()) } else { no("The MAC is not right.") };
        }
        let is_token = authorization.starts_with("Bearer ") && version.as_str() >= WITH_TOKENS;
        if is_token { Ok(()) } else { no("The scheme is not supported in this version.") }
    }

    fn routed(&mut self, asked: &Asked<'_>) -> Result<Told, Told> {
        let [container, name @ ..] = &asked.path[..] else {
            return Err(refused(asked, 400, "InvalidUri", "There is no container in the address."));
        };
        let name = name.join("/");
        let query = |name: &str| asked.query.get(name).map(String::as_str).unwrap_or_default();
        if name.is_empty() {
            return match (asked.method, query("restype"), query("comp")) {
                ("PUT", "container", "") => self.make(asked, container),
                ("GET" | "HEAD", "container", "") => self.look(asked, container),
                ("GET", "container", "list") => self.page(asked, container),
                _ => Err(unsupported(asked)),
            };
        }
        match (asked.method, query("comp")) {
            ("GET" | "HEAD", "") => self.read(asked, container, &name),
            ("PUT", "") => self.write(asked, container, &name),
            ("PUT", "block") => self.stage(asked, container, &name),
            ("PUT", "blocklist") => self.commit(asked, container, &name),
            ("DELETE", "") => self.remove(asked, container, &name),
            _ => Err(unsupported(asked)),
        }
    }

    fn make(&mut self, asked: &Asked<'_>, container: &str) -> Result<Told, Told> {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !(3..=63).contains(&container.len()) || !container.chars().all(is_name) || container.starts_with('-') {
            return Err(refused(asked, 400, "InvalidResourceName", "The name has characters that are not valid."));
        }
        let key = key(account(asked), container);
        if self.containers.contains_key(&key) {
            return Err(refused(asked, 409, "ContainerAlreadyExists", "The specified container already exists."));
        }
        self.containers.insert(key, Container::default());
        Ok(Told::empty(201).with("etag", self.next_etag()).with("last-modified", date(asked.now)))
    }

    fn look(&mut self, asked: &Asked<'_>, container: &str) -> Result<Told, Told> {
        self.container(asked, container)?;
        Ok(Told::empty(200).with("etag", "\"0x8DE0000000000AA\"").with("last-modified", date(asked.now)))
    }

    fn container(&mut self, asked: &Asked<'_>, container: &str) -> Result<&mut Container, Told> {
        let missing = || refused(asked, 404, "ContainerNotFound", "The specified container does not exist.");
        self.containers.get_mut(&key(account(asked), container)).ok_or_else(missing)
    }

    fn next_etag(&mut self) -> String {
        self.writes += 1;
        format!("\"0x{:X}\"", 0x008D_E000_0000_0000_u64 + self.writes)
    }
}

fn key(account: &str, container: &str) -> (String, String) {
    (account.to_owned(), container.to_owned())
}

/// The account that a host is of.
fn account<'a>(asked: &Asked<'a>) -> &'a str {
    asked.host.split('.').next().unwrap_or_default()
}

/// The version that is asked for: a signature brings its own.
fn version(asked: &Asked<'_>) -> String {
    match asked.header("x-ms-version") {
        "" => asked.query.get("sv").cloned().unwrap_or_else(|| "2009-09-19".into()),
        version => version.to_owned(),
    }
}

fn date(at: Timestamp) -> String {
    DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap()
}

fn unsupported(asked: &Asked<'_>) -> Told {
    refused(asked, 405, "UnsupportedHttpVerb", "The resource doesn't support the specified Http Verb.")
}

/// An error in the words of the service; of `HEAD` only the header is seen.
fn refused(asked: &Asked<'_>, status: u16, code: &str, message: &str) -> Told {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{message}\nTime:{}</Message></Error>",
        asked.now
    );
    let told = if asked.method == "HEAD" || status == 304 {
        Told::empty(status)
    } else {
        Told::bytes(status, "application/xml", text)
    };
    told.with("x-ms-error-code", code)
}
