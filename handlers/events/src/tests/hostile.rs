//! Malformed and adversarial bodies, one at a time.

use std::path::Path;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use super::samples::{self, assert_has, bytes};
use crate::reading::Reading;
use crate::signature::SignatureError;
use crate::{Limits, Watched, azure_devops, container_registry, event_grid, github};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    through: String,
    event: Option<String>,
    readings: Option<Value>,
    signature: Option<String>,
}

static FOLDER: LazyLock<std::path::PathBuf> = LazyLock::new(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("hostile"));

fn read(told: &Told, body: &[u8]) -> Vec<Reading> {
    match told.through.as_str() {
        "azure_devops" => azure_devops::read(body, Limits::default()),
        "event_grid" => event_grid::read(body, Limits::default()),
        "container_registry" => container_registry::read_webhook(body, Limits::default()),
        "github" => github::read(told.event.as_ref().unwrap(), samples::DELIVERY, body, Limits::GITHUB),
        other => panic!("{other} is no sender"),
    }
}

/// The door's order: the signature, the body, what is watched.
#[test]
fn every_hostile_body_comes_to_what_it_should() {
    let watched = super::watched::contoso();
    for (file, told) in &samples::table::<Told>(&FOLDER).samples {
        let body = bytes(&FOLDER, file);
        if let Some(code) = &told.signature {
            let headers = samples::json(&samples::folder("github"), "push.headers.json");
            let signature = headers["X-Hub-Signature-256"].as_str();
            let error = github::verify(&[SECRET], signature, &body).unwrap_err();
            assert_eq!((error, error.code().as_str()), (SignatureError::Mismatch, code.as_str()), "{file}");
        } else {
            let readings = serde_json::to_value(watched.sift(read(told, &body))).unwrap();
            assert_has(file, &readings, told.readings.as_ref().unwrap());
        }
    }
}

/// Without the list, what is only not ours reads well: the list is what stops it.
#[test]
fn an_empty_list_lets_nothing_through() {
    let mut stopped = 0;
    for (file, told) in &samples::table::<Told>(&FOLDER).samples {
        for reading in Watched::default().sift(read(told, &bytes(&FOLDER, file))) {
            if let Reading::Read(notice) = reading {
                assert!(notice.envelope.kind.contains("SubscriptionValidation"), "{file}: {notice:?}");
            } else {
                stopped += 1;
            }
        }
    }
    assert!(stopped > 60, "{stopped}");
}

/// The secret that GitHub's documentation signs its example with.
const SECRET: &str = "It's a Secret to Everybody";
