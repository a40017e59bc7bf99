use serde_json::{Value, json};

use super::*;
use crate::Limits;
use crate::reading::Reading;
use crate::tests::samples;

#[test]
fn every_sample_reads_as_told() {
    samples::read_as_told("storage");
}

#[test]
fn an_address_is_of_the_account_whose_event_it_is() {
    for (host, ours) in [
        ("stdiabetesmlops.blob.core.windows.net", true),
        ("STdiabetesmlops.dfs.core.windows.net", true),
        ("stdiabetesmlops.z07.blob.storage.azure.net", true),
        ("stdiabetesmlops.blob.core.chinacloudapi.cn", true),
        ("stdiabetesmlops.blob.core.windows.net.attacker.example", false),
        ("stdiabetesmlops.blob.core.windows.net@attacker.example", false),
        ("stdiabetesmlops.attacker.example.blob.core.windows.net", false),
        ("stdiabetesmlops2.blob.core.windows.net", false),
        ("stdiabetesmlops.queue.core.windows.net", false),
        ("stdiabetesmlops.blob.core.windows.net:443", false),
        ("169.254.169.254", false),
        ("", false),
    ] {
        assert_eq!(is_host_of("stdiabetesmlops", host), ours, "{host}");
    }
}

#[test]
fn a_blob_s_name_is_decoded_once_if_it_came_encoded() {
    let mut event = samples::json(&samples::folder("storage"), "BlobCreated.eventgrid.json");
    let base = "/blobServices/default/containers/training-data/blobs/";
    let address = "https://stdiabetesmlops.blob.core.windows.net/training-data/";
    for (subject, path, name) in [
        ("a b", "a%20b", Ok("a b")),
        ("a%20b", "a%20b", Ok("a b")),
        ("a%20b", "a%2520b", Ok("a%20b")),
        ("a+b", "a+b", Ok("a+b")),
        ("a", "a?sv=1", Ok("a")),
        ("a", "b", Err(Code::EventInconsistent)),
        ("a/b", "a/../b", Err(Code::EventInconsistent)),
        ("%2e%2e/b", "%2e%2e/b", Err(Code::BlobName)),
        ("%252e%252e/b", "%252e%252e/b", Err(Code::BlobName)),
        ("a\\b", "a%5Cb", Err(Code::BlobName)),
    ] {
        event[0]["subject"] = json!(format!("{base}{subject}"));
        event[0]["data"]["url"] = json!(format!("{address}{path}"));
        assert_eq!(blob(&event), name.map(str::to_owned), "{subject} {path}");
    }
    event[0]["data"]["url"] = Value::Null;
    event[0]["subject"] = json!(format!("{base}a b"));
    assert_eq!(blob(&event).unwrap(), "a b", "an address is optional");
}

#[test]
fn a_subject_names_a_container_and_a_blob() {
    let mut event = samples::json(&samples::folder("storage"), "BlobCreated.eventgrid.json");
    for subject in
        ["", "/", "/blobServices/default/containers/a/blobs/x", "/blobServices/default/containers/training-data/x"]
    {
        event[0]["subject"] = json!(subject);
        assert!(blob(&event).is_err(), "{subject}");
    }
}

#[test]
fn a_reason_does_not_show_the_signature_of_an_address() {
    let mut event = samples::json(&samples::folder("storage"), "BlobCreated.eventgrid.json");
    for address in ["https://elsewhere.example/a", "https://stdiabetesmlops.blob.core.windows.net/training-data/b"] {
        event[0]["data"]["url"] = json!(format!("{address}?sv=1&sig=hunter2"));
        let readings = crate::event_grid::read(event.to_string().as_bytes(), Limits::default());
        let shown = format!("{readings:?}");
        assert!(shown.contains(address) && !shown.contains("hunter2"), "{shown}");
    }
}

fn blob(event: &Value) -> Result<String, Code> {
    match crate::event_grid::read(event.to_string().as_bytes(), Limits::default()).remove(0) {
        Reading::Read(notice) => match notice.fact {
            Fact::BlobCreated(blob) => Ok(blob.blob.to_string()),
            other => panic!("{other:?}"),
        },
        Reading::Ignored { code, .. } | Reading::Quarantined { code, .. } => Err(code),
    }
}
