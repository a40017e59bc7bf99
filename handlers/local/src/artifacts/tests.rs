use std::fs;

use pipeline::names::Digest;
use runner::conformance;
use runner::ports::{Artifacts, PortError};
use tempfile::TempDir;

use super::LocalArtifacts;

#[tokio::test]
async fn the_artifacts_keep_their_promises() {
    let (artifacts, _dir) = artifacts();
    conformance::artifacts::all(&artifacts).await;
}

#[tokio::test]
async fn a_damaged_file_is_an_error_that_names_it_and_putting_it_again_mends_it() {
    let (artifacts, _dir) = artifacts();
    let digest = artifacts.put(b"model".to_vec()).await.unwrap();
    let path = artifacts.path(&digest);
    fs::remove_file(&path).unwrap();
    fs::write(&path, b"mode1").unwrap();

    let error = artifacts.get(&digest).await.unwrap_err();
    assert!(matches!(error, PortError::Permanent { .. }), "{error}");
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");

    artifacts.put(b"model".to_vec()).await.unwrap();
    assert_eq!(artifacts.get(&digest).await.unwrap(), b"model");
}

#[tokio::test]
async fn a_file_is_kept_as_its_bytes_are() {
    let (artifacts, dir) = artifacts();
    let path = dir.path().join("model.pkl");
    fs::write(&path, b"weights").unwrap();

    let digest = artifacts.put_file(&path).await.unwrap();

    assert_eq!(digest, Digest::of(b"weights"));
    assert!(artifacts.has(&digest));
    assert_eq!(fs::read(artifacts.path(&digest)).unwrap(), b"weights");
    let error = artifacts.put_file(dir.path().join("absent")).await.unwrap_err();
    assert!(matches!(error, PortError::Permanent { .. }), "{error}");
}

#[tokio::test]
async fn nothing_half_written_is_left_and_kept_files_are_read_only() {
    let (artifacts, dir) = artifacts();
    let digest = artifacts.put(b"once".to_vec()).await.unwrap();
    artifacts.put(b"once".to_vec()).await.unwrap();
    artifacts.put_file(artifacts.path(&digest)).await.unwrap();

    let aside = dir.path().join("artifacts/aside");
    assert_eq!(fs::read_dir(&aside).unwrap().count(), 0);
    assert!(fs::metadata(artifacts.path(&digest)).unwrap().permissions().readonly());
    fs::write(aside.join("half"), b"on").unwrap();
    artifacts.clean().unwrap();
    artifacts.clean().unwrap();
    assert!(!aside.exists());
}

fn artifacts() -> (LocalArtifacts, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (LocalArtifacts::new(dir.path().join("artifacts")), dir)
}
