//! Images that somebody or something has changed.

use super::*;
use crate::images::oci::{Config, Execution, RootFs};

#[tokio::test]
async fn a_damaged_layer_is_found_before_anything_is_unpacked() {
    let bench = Bench::new();
    let spec = bench.spec("build", &FILES, b"model").await;
    let image = bench.build(&spec).await;
    let manifest: oci::Manifest = serde_json::from_slice(&fs::read(bench.images.layout.blob(&image)).unwrap()).unwrap();
    let layer = bench.images.layout.blob(&manifest.layers[0].digest);
    let mut bytes = fs::read(&layer).unwrap();
    let at = bytes.windows(5).rposition(|window| window == b"model").unwrap();
    bytes[at] = b'M';
    fs::write(&layer, bytes).unwrap();

    let error = bench.images.unpack(&image, &bench.path("unpacked")).await.unwrap_err();

    assert!(matches!(error, PortError::Permanent { .. }), "{error}");
    assert!(error.to_string().contains(manifest.layers[0].digest.as_str()), "{error}");
    assert!(!bench.path("unpacked").exists());

    let again = BuildSpec { name: "again".parse().unwrap(), ..spec };
    assert_eq!(bench.build(&again).await, image);
    bench.images.unpack(&image, &bench.path("unpacked")).await.unwrap();
}

#[tokio::test]
async fn a_damaged_manifest_is_no_image() {
    let bench = Bench::new();
    let image = bench.build(&bench.spec("build", &FILES, b"model").await).await;
    let path = bench.images.layout.blob(&image);
    let mut bytes = fs::read(&path).unwrap();
    bytes.push(b' ');
    fs::write(&path, bytes).unwrap();

    let error = bench.images.unpack(&image, &bench.path("unpacked")).await.unwrap_err();

    assert!(error.to_string().contains("is damaged"), "{error}");
}

#[tokio::test]
async fn an_image_that_is_not_there_says_so() {
    let bench = Bench::new();
    let absent = Digest::of(b"absent");

    let error = bench.images.unpack(&absent, &bench.path("unpacked")).await.unwrap_err();

    assert!(matches!(error, PortError::Permanent { .. }), "{error}");
    assert!(error.to_string().contains("is not there; build the image again"), "{error}");
}

#[tokio::test]
async fn an_image_from_elsewhere_cannot_write_outside_its_folder() {
    let bench = Bench::new();
    let traversal = hostile("app/../../escaped", EntryType::Regular, "");
    let absolute = hostile("/escaped", EntryType::Regular, "");
    let link = hostile("app/escape", EntryType::Symlink, "/");
    let hard_link = hostile("app/escape", EntryType::Link, "/etc/passwd");
    let device = hostile("app/device", EntryType::Char, "");
    let whiteout = hostile("app/.wh.score.py", EntryType::Regular, "");
    for layer in [traversal, absolute, link, hard_link, device, whiteout] {
        let image = image_of(&bench.images, &layer);

        let error = bench.images.unpack(&image, &bench.path("unpacked")).await.unwrap_err();

        assert!(matches!(error, PortError::Permanent { .. }), "{error}");
        assert!(!bench.path("unpacked").exists());
        assert!(!bench.path("escaped").exists());
    }
}

#[tokio::test]
async fn an_image_that_is_too_large_is_not_unpacked() {
    let bench = Bench::new();
    let image = bench.build(&bench.spec("build", &FILES, &[0; 5000]).await).await;
    for caps in [Caps { bytes: 4000, entries: 100 }, Caps { bytes: 1 << 20, entries: 3 }] {
        let images = bench.images.clone().with_caps(caps);

        let error = images.unpack(&image, &bench.path("unpacked")).await.unwrap_err();

        assert!(error.to_string().contains("it holds more than"), "{error}");
        assert!(!bench.path("unpacked").exists());
    }
}

#[tokio::test]
async fn a_folder_with_something_in_it_is_left_alone() {
    let bench = Bench::new();
    let image = bench.build(&bench.spec("build", &FILES, b"model").await).await;
    fs::create_dir(bench.path("full")).unwrap();
    fs::write(bench.path("full/mine"), "mine").unwrap();

    bench.images.unpack(&image, &bench.path("full")).await.unwrap_err();

    assert_eq!(files_below(&bench.path("full")), ["mine"]);
}

/// A layer that no builder of ours writes: the name goes into the header as it is.
fn hostile(path: &str, kind: EntryType, link: &str) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
    header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(0);
    header.set_cksum();
    let mut tar = header.as_bytes().to_vec();
    tar.resize(tar.len() + 1024, 0);
    tar
}

fn image_of(images: &LocalImages, layer: &[u8]) -> Digest {
    let layer = images.layout.put(oci::LAYER, layer).unwrap();
    let labels = [(oci::ENTRY, "score.py"), (oci::ENVIRONMENT_FILE, "requirements.txt")];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let config = Config {
        architecture: "amd64".into(),
        os: "linux".into(),
        config: Execution { labels, ..Execution::default() },
        rootfs: RootFs { kind: "layers".into(), diff_ids: vec![layer.digest.clone()] },
    };
    let config = images.layout.put(oci::CONFIG, &oci::to_bytes(&config)).unwrap();
    let manifest = oci::Manifest {
        schema_version: 2,
        media_type: oci::MANIFEST.into(),
        config,
        layers: vec![layer],
        annotations: BTreeMap::new(),
    };
    images.layout.put(oci::MANIFEST, &oci::to_bytes(&manifest)).unwrap().digest
}
