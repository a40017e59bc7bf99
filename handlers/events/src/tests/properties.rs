//! Whatever the bytes are: reading them ends, takes little, and says nothing that could hurt.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::samples;
use crate::reading::Reading;
use crate::{Limits, Watched, event_grid, github, mlflow};

type Sample = (&'static str, String, Vec<u8>);

/// All samples that are small enough to be changed thousands of times.
static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let mut samples = Vec::new();
    for sender in samples::SENDERS {
        let folder = samples::folder(sender);
        for (file, _) in samples::table::<Value>(&folder).samples {
            let body = samples::bytes(&folder, &file);
            if body.len() < 10_000 {
                samples.push((sender, file, body));
            }
        }
    }
    samples
});

/// The samples that are JSON, parsed.
static DOCUMENTS: LazyLock<Vec<(&'static str, String, Value)>> = LazyLock::new(|| {
    let parsed = |(sender, file, body): &Sample| Some((*sender, file.clone(), serde_json::from_slice(body).ok()?));
    SAMPLES.iter().filter_map(parsed).collect()
});

/// What a body may come to, however it looks.
fn check(readings: &[Reading], body: usize) {
    assert!(!readings.is_empty(), "a body always comes to something");
    let written = serde_json::to_string(readings).unwrap();
    assert!(written.len() < 100_000 + 8 * body, "{} bytes became {}", body, written.len());
    assert_eq!(serde_json::from_str::<Vec<Reading>>(&written).unwrap(), readings, "what is written can be read");
    assert_harmless(&serde_json::to_value(readings).unwrap());
    let sifted = Watched::default().sift(readings.to_vec());
    assert_eq!(sifted.len(), readings.len());
}

fn assert_harmless(value: &Value) {
    match value {
        Value::String(text) => assert!(!text.contains(char::is_control), "{text:?}"),
        Value::Array(items) => items.iter().for_each(assert_harmless),
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            assert!(!name.contains(char::is_control), "{name:?}");
            assert_harmless(member);
        }),
        _ => {}
    }
}

/// Puts a value somewhere into a document: `at` counts its values, depth first.
fn replace(document: &mut Value, at: &mut usize, with: &Value) {
    if *at == 0 {
        *document = with.clone();
    }
    *at = at.wrapping_sub(1);
    match document {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, at, with)),
        Value::Object(members) => members.values_mut().for_each(|member| replace(member, at, with)),
        _ => {}
    }
}

fn odd_value() -> impl Strategy<Value = Value> {
    const TEXTS: &[&str] =
        &["", "\u{0}", "\r\n", "..", "../../x", "\u{202e}", "refs/heads/$(x)", "https://x@y/", "é", "0", "-1"];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(TEXTS).prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        Just(Value::from("x".repeat(5_000))),
        Just(Value::from("\u{7}".repeat(5_000))),
        Just(json!([])),
        Just(json!({})),
        Just(json!([{"id": 1, "name": "refs/heads/x"}, null, "x"])),
    ]
}

fn sample() -> impl Strategy<Value = &'static Sample> {
    (0..SAMPLES.len()).prop_map(|index| &SAMPLES[index])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn bytes_that_are_flipped_cut_and_repeated_are_read_without_panic(
        (sender, file, body) in sample(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
        repeat in 1..3usize,
    ) {
        let mut body = body.clone();
        for (at, byte) in flips {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        let body = body.repeat(repeat);
        check(&samples::read(sender, file, &body), body.len());
    }

    #[test]
    fn any_member_may_be_anything(
        index in any::<prop::sample::Index>(),
        changes in prop::collection::vec((0..120usize, odd_value()), 1..4),
    ) {
        let (sender, file, document) = index.get(&DOCUMENTS[..]);
        let mut document = document.clone();
        for (mut at, value) in changes {
            replace(&mut document, &mut at, &value);
        }
        let body = serde_json::to_vec(&document).unwrap();
        check(&samples::read(sender, file, &body), body.len());
    }

    #[test]
    fn bytes_that_nobody_wrote_are_read_without_panic(
        body in prop::collection::vec(any::<u8>(), 0..300),
        sender in prop::sample::select(&["azure_devops", "databricks", "event_grid", "mlflow"][..]),
        dotnet in any::<bool>(),
        event in ".{0,20}",
    ) {
        let prefix = &b"@\x06string\x083http://schemas.microsoft.com/2003/10/Serialization/"[..];
        let body = if dotnet { [prefix, &body].concat() } else { body };
        check(&samples::read(sender, "", &body), body.len());
        check(&github::read(&event, &event, &body, Limits::GITHUB), body.len());
        check(&github::read("push", "", &[b"payload=", &body[..]].concat(), Limits::GITHUB), body.len());
    }

    #[test]
    fn a_document_that_is_wrapped_again_and_again_is_given_up(
        (sender, file, body) in sample(),
        wrappings in 0..8usize,
    ) {
        // A sample in .NET's XML form is wrapped as it is.
        let Some(text) = String::from_utf8(body.clone()).ok().filter(|text| !text.starts_with('<')) else {
            return Ok(());
        };
        let wrapped = (0..wrappings).fold(text, |text, _| serde_json::to_string(&text).unwrap());
        let readings = samples::read(sender, file, wrapped.as_bytes());
        check(&readings, wrapped.len());
        let plain = samples::read(sender, file, body);
        prop_assert_eq!(facts(&readings) == facts(&plain), wrappings <= 2 || facts(&plain).is_empty());
    }

    #[test]
    fn a_batch_s_readings_do_not_depend_on_its_order(
        (batch, shuffled) in batch().prop_flat_map(|batch| (Just(batch.clone()), Just(batch).prop_shuffle())),
    ) {
        let read = |batch: &[Value]| {
            let body = serde_json::to_vec(batch).unwrap();
            let mut readings = event_grid::read(&body, Limits::default());
            for reading in &mut readings {
                // A path begins with the place in the batch.
                if let Reading::Quarantined { reason, .. } | Reading::Ignored { reason, .. } = reading {
                    *reason = String::new();
                }
            }
            let mut readings: Vec<String> =
                readings.iter().map(|reading| serde_json::to_string(reading).unwrap()).collect();
            readings.sort();
            readings
        };
        prop_assert_eq!(read(&batch), read(&shuffled));
    }

    #[test]
    fn a_batch_is_its_events_one_by_one(batch in batch()) {
        let alone = batch.iter().map(|event| {
            let body = serde_json::to_vec(event).unwrap();
            facts(&event_grid::read(&body, Limits::default()))
        });
        let together = event_grid::read(&serde_json::to_vec(&batch).unwrap(), Limits::default());
        // The second of two that are the same is a duplicate.
        let mut seen = std::collections::BTreeSet::new();
        let alone: Vec<String> = alone.flatten().filter(|fact| seen.insert(fact.clone())).collect();
        prop_assert_eq!(facts(&together), alone);
    }

    #[test]
    fn a_signature_is_good_for_its_body_alone(body in ".{0,50}", other in ".{0,50}", secret in ".{1,40}") {
        let signature = github::tests::sign(secret.as_bytes(), body.as_bytes());
        prop_assert!(github::verify(&[&secret], Some(&signature), body.as_bytes()).is_ok());
        prop_assert_eq!(
            github::verify(&[&secret], Some(&signature), other.as_bytes()).is_ok(),
            body == other
        );
        prop_assert!(github::verify(&[&secret], Some(&other), body.as_bytes()).is_err());
        let headers = mlflow::Headers { signature: Some(&signature), delivery: Some(&other), timestamp: Some(&other) };
        let now = jiff::Timestamp::UNIX_EPOCH;
        prop_assert!(mlflow::verify(&[&secret], headers, body.as_bytes(), now).is_err());
    }
}

/// Some events of Event Grid, good and bad, some of them twice; no two that differ have the same id.
fn batch() -> impl Strategy<Value = Vec<Value>> {
    let events: Vec<Value> = DOCUMENTS
        .iter()
        .filter(|(sender, file, _)| {
            !matches!(*sender, "azure_devops" | "databricks" | "github" | "mlflow") && !file.contains("webhook")
        })
        .flat_map(|(_, _, document)| document.as_array().cloned().unwrap_or_else(|| vec![document.clone()]))
        .collect();
    let picked = prop::collection::vec((any::<prop::sample::Index>(), 0..4usize, any::<bool>()), 1..12);
    picked.prop_map(move |picks| {
        let mut batch = Vec::new();
        for (index, kind, twice) in picks {
            let place = index.index(events.len());
            let mut event = events[place].clone();
            match kind {
                0 => event["data"] = json!("oops"),
                1 => event["subject"] = json!(7),
                _ => {}
            }
            event["id"] = json!(format!("{place}-{kind}"));
            batch.extend(std::iter::repeat_n(event, 1 + usize::from(twice)));
        }
        batch
    })
}

/// What was read, without the envelopes.
fn facts(readings: &[Reading]) -> Vec<String> {
    let fact = |reading: &Reading| match reading {
        Reading::Read(notice) => {
            Some(format!("{}{}", notice.envelope.id, serde_json::to_string(&notice.fact).unwrap()))
        }
        _ => None,
    };
    readings.iter().filter_map(fact).collect()
}
