use super::*;

#[test]
fn a_reference_is_what_git_takes_for_one() {
    takes::<Reference>(
        &["refs/heads/main", "refs/heads/$(curl${IFS}a|sh)", "refs/heads/--upload-pack=x", "refs/heads/%2e%2e%2f"],
        &["", "main", "@", "/etc/passwd", "refs/heads/", "refs//heads/a", "refs/heads/../a", "refs/heads/.git/config"],
    );
    takes::<Reference>(
        &["refs/heads/a.b", "refs/heads/@", "refs/heads/ünïcode", "refs/heads/a&&b;c'\"<>`!"],
        &["refs/heads/a.lock", "refs/heads/a.lock/b", "refs/heads/x@{1}", "refs/heads/a.", "refs/heads/a b"],
    );
    takes::<Reference>(&[], &["refs/heads/a\tb", "refs/heads/a\u{7f}", "refs/heads/a\\b", "refs/heads/a\u{0}"]);
    takes::<Reference>(&[], &["refs/heads/a:b", "refs/heads/a?", "refs/heads/a*", "refs/heads/[", "refs/heads/a~1"]);
}

#[test]
fn a_reference_says_what_it_names() {
    let kind = |text: &str| format!("{:?}", text.parse::<Reference>().unwrap().kind());
    assert_eq!(kind("refs/heads/feature/a"), r#"Branch("feature/a")"#);
    assert_eq!(kind("refs/tags/v1"), r#"Tag("v1")"#);
    assert_eq!(kind("refs/pull/7/merge"), r#"Other("refs/pull/7/merge")"#);
    assert_eq!("refs/pull/7/merge".parse::<Reference>().unwrap().pull_request(), Some(7));
    assert_eq!("refs/heads/--x".parse::<Reference>().unwrap().branch(), None, "git takes it, a delivery does not");
}

#[test]
fn an_image_is_named_as_the_distribution_grammar_says() {
    takes::<ImageRepository>(
        &["nginx", "library/nginx", "a__b/c-d.e_f", "scoring/diabetes-regression", "a---b"],
        &["", "../../library/nginx", "a//b", "/a", "a/", "A", "a..b", "a___b", "-a", "a-", "a b", "a:1", "a.-b"],
    );
    takes::<ImageTag>(
        &["latest", "20-2f22765d", "_a", "V1.0"],
        &["", "-a", ".a", "a b", "--privileged $(id)", "latest@sha256:0", &"a".repeat(129)],
    );
}

#[test]
fn a_model_s_version_is_a_number_that_counts_or_a_name() {
    takes::<ModelVersion>(
        &["1", "20", "18446744073709551615", "latest", "1.5", "2026-03-17"],
        &["", "0", "007", "-20", "18446744073709551616", " 1", "a b", "é"],
    );
    assert_eq!("20".parse::<ModelVersion>().unwrap().number(), Some(20));
    assert_eq!("latest".parse::<ModelVersion>().unwrap().number(), None);
}

#[test]
fn a_blob_stays_in_its_container() {
    takes::<BlobName>(
        &["a", "diabetes/2026/batch 0007 (été)#1.csv", "a..b", "...", "a//b", "a%2fb"],
        &["", "..", "../a", "a/../b", "a/./b", "a/%2e%2E/b", "a\\..\\b", "a\nb", &"a".repeat(1025)],
    );
    takes::<BlobName>(
        &["a%5cb", "a%2F..b", "%"],
        &["a/..%2fb", "..%2F..%2Fb", "a%2f.", "a/..%5Cb", "%2e%2E%5c", "a%2f%2e%2e%2fb"],
    );
    takes::<ContainerName>(&["training-data", "$web"], &["", "ab", "A-b", "a/b", "..", "$other"]);
}

#[test]
fn a_host_and_a_resource_are_compared_whole_and_without_case() {
    let host = |text: &str| text.parse::<HostName>().unwrap();
    assert!(host("crdiabetes.azurecr.io").is(&host("CRdiabetes.azurecr.io")));
    assert!(!host("crdiabetes.azurecr.io").is(&host("crdiabetes.azurecr.io.attacker.example")));
    takes::<HostName>(&["a"], &["", "a@b", "a:443", "a..b", ".a", "a/b", "-a"]);
    let id = |text: &str| text.parse::<ArmId>().unwrap();
    let vault = id("/subscriptions/0/resourceGroups/rg/providers/Microsoft.X/workspaces/W");
    assert!(vault.is(&id("/Subscriptions/0/resourcegroups/RG/providers/microsoft.x/workspaces/w")));
    assert_eq!(vault.after("Workspaces"), Some("W"));
    takes::<ArmId>(
        &["/subscriptions/0"],
        &["", "/", "x", "/subscriptions/", "/subscriptions/../x", "/subscriptions/a?b"],
    );
}

#[test]
fn an_object_s_id_is_normalised_and_zeros_are_none() {
    assert_eq!(object_id(&"0".repeat(40)), Ok(None));
    assert_eq!(object_id(&"0".repeat(64)), Ok(None));
    assert_eq!(object_id(&"A".repeat(40)).unwrap().unwrap().as_str(), "a".repeat(40));
    for bad in ["", "HEAD", &"a".repeat(39), &"a".repeat(41), "d3d3d3d3-eeee-ffff-aaaa-b4b4b4b4b4b4"] {
        assert!(object_id(bad).is_err(), "{bad}");
    }
}

fn takes<Name: FromStr>(good: &[&str], bad: &[&str]) {
    for text in good {
        assert!(text.parse::<Name>().is_ok(), "{text:?} is refused");
    }
    for text in bad {
        assert!(text.parse::<Name>().is_err(), "{text:?} is taken");
    }
}
