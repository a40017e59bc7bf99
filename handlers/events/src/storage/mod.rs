//! Azure Storage, through Event Grid: <https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage>.
//!
//! The account is the topic's and the blob the subject's. The address in the data is only compared with them: whoever
//! calls an address that an event brought calls whatever its writer wanted.

use crate::code::Code;
use crate::event_grid::Event;
use crate::fact::{BlobChange, Fact};
use crate::member::Object;
use crate::names::{ArmId, ContainerName};
use crate::percent;
use crate::reading::Refusal;
use crate::text::quoted;

/// What leaves a blob complete. A Data Lake's `CreateFile` and SFTP's `SftpCreate` come before there is any content.
const COMMITS: [&str; 5] = ["PutBlob", "PutBlockList", "CopyBlob", "FlushWithClose", "SftpCommit"];

/// The services of an account that hold blobs, as they are in its addresses.
const SERVICES: [&str; 2] = ["blob", "dfs"];

/// The clouds: global, Azure in China, for the US government, and accounts in DNS zones.
const CLOUDS: [&str; 4] = ["core.windows.net", "core.chinacloudapi.cn", "core.usgovcloudapi.net", "storage.azure.net"];

pub(crate) fn read(event: &Event<'_>) -> Result<Fact, Refusal> {
    let created = match event.kind() {
        "Microsoft.Storage.BlobCreated" => true,
        "Microsoft.Storage.BlobDeleted" => false,
        unknown => return Err(event.unknown(unknown)),
    };
    let data = event.data()?;
    let account = event.resource("storageAccounts")?;
    let subject = event.subject()?.ok_or_else(|| event.missing("subject"))?;
    let parts = subject.strip_prefix("/blobServices/default/containers/").and_then(|rest| rest.split_once("/blobs/"));
    let bad = |what: String| Refusal::quarantine(Code::BlobName, format!("the subject {what}"));
    let (container, blob) = parts.ok_or_else(|| bad(format!("{} names no blob", quoted(subject))))?;
    let container: ContainerName = container.parse().map_err(|error| bad(format!("has {error}")))?;
    let name = name(&data, &account, &container, blob)?;
    let blob = name.parse().map_err(|error| bad(format!("has {error}")))?;
    let api = data.maybe_named("api")?;
    let change = BlobChange {
        account,
        container,
        blob,
        committed: api.as_ref().is_none_or(|api| COMMITS.contains(&api.as_str())),
        etag: data.maybe_named("eTag")?.map(|etag| etag.trim_matches('"').to_owned()),
        length: data.maybe_number("contentLength")?,
        api,
        sequencer: data.maybe_named("sequencer")?,
    };
    Ok(if created { Fact::BlobCreated(change) } else { Fact::BlobDeleted(change) })
}

/// The blob's name, from the subject; the address has to be that of the same blob.
fn name(data: &Object<'_>, account: &ArmId, container: &ContainerName, blob: &str) -> Result<String, Refusal> {
    // A name that leads elsewhere is worse than an address that does not fit, and is told first.
    if let Err(error) = blob.parse::<crate::names::BlobName>() {
        return Err(Refusal::quarantine(Code::BlobName, format!("the subject has {error}")));
    }
    let Some(address) = data.maybe_text("url")? else { return Ok(blob.to_owned()) };
    let account = account.after("storageAccounts").unwrap_or_default();
    // What follows may be a signature.
    let shown = quoted(address.split(['?', '#']).next().unwrap_or_default());
    let not_ours = || {
        let reason = format!("`{}` is {shown}, which is not of the account {account}", data.path("url"));
        Refusal::quarantine(Code::UrlNotAllowed, reason)
    };
    let (host, path) = address.strip_prefix("https://").and_then(|rest| rest.split_once('/')).ok_or_else(not_ours)?;
    if !is_host_of(account, host) {
        return Err(not_ours());
    }
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let in_address = path.strip_prefix(container.as_str()).and_then(|path| path.strip_prefix('/')).unwrap_or_default();
    let decoded = percent::decoded(in_address.as_bytes(), b'+');
    match decoded {
        // The subject has the name as it is, or as it is in the address; both have been seen in other senders' events.
        Some(decoded) if decoded == blob || in_address == blob => Ok(decoded),
        _ => {
            let reason = format!("the subject says {} and `{}` {shown}", quoted(blob), data.path("url"));
            Err(Refusal::quarantine(Code::EventInconsistent, reason))
        }
    }
}

/// `{account}.blob.core.windows.net`, or with a DNS zone `{account}.z07.blob.storage.azure.net`.
fn is_host_of(account: &str, host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let rest = host.strip_prefix(&account.to_ascii_lowercase()).and_then(|rest| rest.strip_prefix('.'));
    let Some(cloud) = rest.and_then(|rest| CLOUDS.iter().find_map(|cloud| rest.strip_suffix(cloud)?.strip_suffix('.')))
    else {
        return false;
    };
    let (zone, service) = cloud.rsplit_once('.').map_or(("", cloud), |(zone, service)| (zone, service));
    SERVICES.contains(&service) && zone.chars().all(|c| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests;
