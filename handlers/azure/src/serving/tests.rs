//! Names, references and pieces of logs.

use std::sync::Arc;

use async_trait::async_trait;
use pipeline::effect::{DeploymentSpec, ReplyTo};
use pipeline::event::{Step, StepKey};
use pipeline::names::Digest;
use pipeline::release::{Limits, Model, Release};
use reqwest::Url;

use runner::ports::{LogChunk, Result};

use super::*;

#[test]
fn a_name_is_one_for_every_service() {
    let long = "Credit_Risk-".repeat(10);
    for word in ["diabetes-qa-7-1a2b3c4d", "Diabetes__QA", "0-a", "-", "", "ä", "a-", &long] {
        for longest in [40, 52, 63] {
            let name = name(&["sub", "qa", word], longest);
            assert!((5..=longest).contains(&name.len()), "{word:?}: {name}");
            assert!(name.starts_with(|c: char| c.is_ascii_lowercase()), "{word:?}: {name}");
            assert!(!name.contains("--") && !name.ends_with('-'), "{word:?}: {name}");
            assert!(name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-')), "{word:?}: {name}");
        }
    }
    assert!(name(&["diabetes-qa-7"], 63).starts_with("diabetes-qa-7-"));
    assert_eq!(name(&["p", "a"], 63), name(&["p", "a"], 63));
    assert_ne!(name(&["p", "a-b"], 63), name(&["p", "a_b"], 63), "what looks alike is not the same");
    assert_ne!(name(&["p", "a"], 63), name(&["q", "a"], 63));
}

#[test]
fn a_log_is_read_on_from_where_the_last_piece_ended() {
    let log = format!("{}end\nhalf", "übung\n".repeat(20_000));
    let (mut from, mut read) = (0, String::new());
    loop {
        let piece = chunk(&log, from);
        if piece.text.is_empty() {
            break;
        }
        assert!(piece.text.len() <= 64 << 10);
        read += &piece.text;
        from = piece.next;
    }
    assert_eq!(read, log);
    assert_eq!(chunk("short\n", 100), LogChunk { text: String::new(), next: 100, ended: false });
    assert_eq!(chunk("ü\n", 1).text, "\n", "an offset inside a letter is moved behind it");
}

#[test]
fn a_path_goes_below_an_address() {
    for (address, wanted) in [
        ("http://10.0.0.4:5001", "http://10.0.0.4:5001/score"),
        ("https://models.contoso.com/diabetes/", "https://models.contoso.com/diabetes/score"),
    ] {
        assert_eq!(below(&Url::parse(address).unwrap(), "/score").as_str(), wanted);
    }
}

#[tokio::test]
async fn an_image_is_pulled_by_its_digest_from_where_settings_or_a_promotion_say() {
    let settings = |text: &str| -> ImageSettings { serde_json::from_str(text).unwrap() };
    let digest = Digest::of(b"image");
    let plain = Puller::new(settings(r#"{"registry_server": "contoso.azurecr.io"}"#), None).unwrap();
    assert_eq!(plain.reference(&spec()).await.unwrap(), format!("contoso.azurecr.io/trainyard/diabetes_2@{digest}"));

    let nested = r#"{"registry_server": "contoso.azurecr.io", "repository": "models/{project}/scoring"}"#;
    let nested = Puller::new(settings(nested), None).unwrap();
    assert!(nested.reference(&spec()).await.unwrap().starts_with("contoso.azurecr.io/models/diabetes_2/scoring@"));

    let promoted = Puller::new(settings(r#"{"registry_server": "c.azurecr.io"}"#), Some(Arc::new(Promoted))).unwrap();
    assert_eq!(promoted.reference(&spec()).await.unwrap(), format!("prod.azurecr.io/qa/r1@{digest}"));

    for wrong in ["", "https://contoso.azurecr.io", "contoso.azurecr.io/x"] {
        let settings = ImageSettings { registry_server: wrong.into(), repository: "x".into() };
        assert!(Puller::new(settings, None).is_err(), "{wrong}");
    }
}

#[derive(Debug)]
struct Promoted;

#[async_trait]
impl Promote for Promoted {
    async fn promote(&self, spec: &DeploymentSpec) -> Result<String> {
        Ok(format!("prod.azurecr.io/{}/{}@{}", spec.environment, spec.release.run, spec.release.image))
    }
}

fn spec() -> DeploymentSpec {
    DeploymentSpec {
        project: "Diabetes_2".parse().unwrap(),
        environment: "qa".parse().unwrap(),
        reply_to: ReplyTo { run: "r1".parse().unwrap(), step: StepKey::of(Step::Deploy), attempt: 1 },
        release: Release {
            deployment: "d1".parse().unwrap(),
            run: "r1".parse().unwrap(),
            number: 1,
            model: Model::in_image("m".parse().unwrap(), &Digest::of(b"image")),
            image: Digest::of(b"image"),
            config: Digest::of(b"config"),
            limits: Limits { cpu_cores: 0.5, memory_mib: 512 },
            deployed_at: None,
            endpoint: None,
        },
    }
}
