//! Commits on both code hosts: the same as on one machine, to the digest.

use std::sync::Arc;

use azure::{GithubSettings, Repositories};
use pipeline::names::{CommitId, Digest, Project};
use runner::conformance::source::{Example, all};
use runner::memory::Machine;
use runner::ports::{Artifacts, Build, BuildLookup, BuildResult, PortError, Revision, Source};
use runner::snapshot::{Kind, Snapshot};

use crate::fake::git::{File, Repository};
use crate::support::{Bench, commit, dead_commit, devops, github, project};

/// A host, and its repository in the fake.
type Host<'a> = (&'a dyn Source, fn(&mut crate::fake::World) -> &mut Repository);

fn hosts(bench: &Bench) -> [Host<'_>; 2] {
    [(&bench.devops, |world| &mut world.devops.repository), (&bench.github, |world| &mut world.github.repository)]
}

#[tokio::test]
async fn code_hosts_keep_the_promises_of_sources() {
    let bench = Bench::new().await;
    for (source, repository) in hosts(&bench) {
        let commit = |files: &[(&str, &str)]| {
            repository(&mut bench.fake.world()).commit("release/1.0", files).parse::<CommitId>().unwrap()
        };
        all(&Example {
            source,
            artifacts: &*bench.artifacts,
            project: project(),
            branch: "release/1.0".parse().unwrap(),
            commit: &commit,
        })
        .await;
    }
}

#[tokio::test]
async fn a_branch_and_a_tag_are_taken_by_their_whole_names() {
    let bench = Bench::new().await;
    for (source, repository) in hosts(&bench) {
        let (main, release) = {
            let mut world = bench.fake.world();
            let repository = repository(&mut world);
            for nth in 0..250 {
                repository.commit(&format!("feature/{nth:03}"), &[("a.txt", &nth.to_string())]);
            }
            let release = repository.commit("feature/x", &[("a.txt", "release")]);
            repository.annotate("v2026.3", &release);
            repository.commit("mai", &[("a.txt", "other")]);
            repository.commit("maintenance", &[("a.txt", "other")]);
            (repository.branches["main"].clone(), release)
        };
        let resolve = async |revision| source.resolve(&project(), &revision).await;
        let branch = |name: &str| Revision::Branch(name.parse().unwrap());

        assert_eq!(resolve(branch("main")).await.unwrap().as_str(), main);
        assert_eq!(resolve(branch("feature/x")).await.unwrap().as_str(), release);
        for tag in ["v1", "v2"] {
            assert_eq!(resolve(Revision::Tag(tag.into())).await.unwrap().as_str(), main, "{tag}");
        }
        assert_eq!(resolve(Revision::Tag("v2026.3".into())).await.unwrap().as_str(), release);
        for (absent, words) in [
            (branch("feature"), "has no branch feature:"),
            (branch("mainte"), "has no branch mainte:"),
            (Revision::Tag("v".into()), "has no tag v:"),
            (Revision::Commit(dead_commit()), "has no commit deaddead"),
        ] {
            let error = resolve(absent).await.unwrap_err();
            assert!(matches!(error, PortError::Permanent { .. }) && error.to_string().contains(words), "{error}");
        }
    }
}

#[tokio::test]
async fn a_snapshot_is_what_one_machine_makes_of_the_same_commit() {
    let bench = Bench::new().await;
    let long = format!("{}/file", "folder".repeat(30));
    let files = [
        ("data/a.csv", File::Text(b"1,2\r\n".to_vec())),
        ("data/link", File::Link("../run.sh".into())),
        ("data/same.csv", File::Text(b"1,2\r\n".to_vec())),
        ("model.bin", File::Text((0..=255).collect())),
        ("model.onnx", File::Text(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n".to_vec())),
        ("run.sh", File::Program(b"#!/bin/sh\n".to_vec())),
        (long.as_str(), File::Text(Vec::new())),
        // What archives leave out or change is there as it was committed.
        (".gitattributes", File::Text(b"tests/test.py export-ignore\nversion.txt export-subst\n".to_vec())),
        ("tests/test.py", File::Text(b"assert True".to_vec())),
        ("version.txt", File::Text(b"$Format:%H$".to_vec())),
    ];
    let wanted = canonical(&files);
    for (source, repository) in hosts(&bench) {
        let commit = repository(&mut bench.fake.world()).commit_files("main", files.clone()).parse().unwrap();
        bench.fake.world().devops.left_out.insert("data/a.csv".into());
        assert_eq!(source.snapshot(&project(), &commit).await.unwrap(), wanted, "{source}");
        assert!(bench.artifacts.get(&wanted).await.unwrap().len() > 1024);
        let link = source.read(&project(), &commit, "data/link").await.unwrap();
        assert_eq!(link, None, "{source}: a link is no file");
    }
}

#[tokio::test]
async fn a_commit_of_nothing_is_a_snapshot_of_nothing() {
    let bench = Bench::new().await;
    for (source, repository) in hosts(&bench) {
        let commit = repository(&mut bench.fake.world()).commit("main", &[]).parse().unwrap();
        assert_eq!(source.snapshot(&project(), &commit).await.unwrap(), canonical(&[]));
    }
}

#[tokio::test]
async fn what_makes_no_snapshot_is_said() {
    let bench = Bench::new().await;
    let large = File::Text(vec![7; (1 << 20) + 1]);
    let half = File::Text(vec![0; 600 << 10]);
    let cases: [(&[(&str, File)], &str); 6] = [
        (&[("vendor/other", File::Submodule("1".repeat(40)))], "vendor/other is a submodule"),
        (&[("secrets", File::Link("/etc/passwd".into()))], "secrets is a link to /etc/passwd, outside"),
        (&[("a/b", File::Link("../../c".into()))], "a/b is a link to ../../c, outside"),
        (&[("../a", File::Text(b"1".to_vec()))], "leads out of the repository"),
        (&[("data.csv", large)], "more than 1 MiB; keep data in a storage account"),
        (&[("a.csv", half.clone()), ("b.csv", half)], "more than 1 MiB"),
    ];
    for (source, repository) in hosts(&bench) {
        for (files, words) in &cases {
            let commit = repository(&mut bench.fake.world()).commit_files("main", files.to_vec()).parse().unwrap();
            let error = source.snapshot(&project(), &commit).await.unwrap_err();
            assert!(matches!(error, PortError::Permanent { .. }), "{error}");
            assert!(error.to_string().contains(words) && error.to_string().contains(&format!("{commit}")), "{error}");
        }
    }
}

#[tokio::test]
async fn a_list_that_is_not_all_of_a_commit_is_not_taken_for_it() {
    let bench = Bench::new().await;
    for (source, repository) in hosts(&bench) {
        let commit = {
            let mut world = bench.fake.world();
            let repository = repository(&mut world);
            let commit = repository.commit("main", &[("a.txt", "1"), ("data/a.csv", "1"), ("data/b.csv", "2")]);
            let folder = repository.at(&commit, "data").unwrap();
            repository.trees.get_mut(&folder.id).unwrap().remove("b.csv");
            commit.parse().unwrap()
        };
        let error = source.snapshot(&project(), &commit).await.unwrap_err();
        assert!(error.to_string().contains("the list of its files is not all of it"), "{error}");
    }
}

#[tokio::test]
async fn a_content_that_is_not_what_the_commit_names_is_not_taken() {
    let bench = Bench::new().await;
    for (source, repository) in hosts(&bench) {
        let commit = {
            let mut world = bench.fake.world();
            let repository = repository(&mut world);
            let commit = repository.commit("main", &[("train.py", "print(1)")]);
            *repository.blobs.values_mut().find(|content| *content == b"print(1)").unwrap() = b"print(2)".to_vec();
            commit.parse().unwrap()
        };
        let error = source.snapshot(&project(), &commit).await.unwrap_err();
        assert!(matches!(error, PortError::Transient { .. }), "{error}");
        assert!(error.to_string().contains("is something else"), "{error}");
    }
}

#[tokio::test]
async fn an_archive_is_fetched_from_the_host_that_keeps_them_and_without_a_token() {
    let bench = Bench::new().await;
    bench.github.snapshot(&project(), &commit()).await.unwrap();
    let asked = bench.fake.asked();
    assert!(
        asked.last().unwrap().starts_with("GET /codeload.github.com/contoso/diabetes/legacy.zip/aaaa"),
        "{asked:?}"
    );
    assert_eq!(bench.fake.world().seen.last().unwrap().authorization, "");

    let elsewhere = GithubSettings { archives: "https://codeload.contoso.example".into(), ..github(&bench.fake) };
    let error = bench.github_by(elsewhere).snapshot(&project(), &commit()).await.unwrap_err();
    assert!(error.to_string().contains("set `archives` to the host that keeps them"), "{error}");
    assert!(!error.to_string().contains("download-secret"), "{error}");
}

#[tokio::test]
async fn a_build_is_what_azure_devops_says_of_it() {
    let bench = Bench::new().await;
    let head = bench.fake.world().devops.repository.branches["main"].clone();
    let build = async |number| bench.devops.build(&project(), number).await.unwrap();
    let wanted = Build {
        commit: Some(head.parse().unwrap()),
        branch: Some("main".parse().unwrap()),
        result: BuildResult::Succeeded,
        pipeline: "diabetes-regression-ci".into(),
        pipeline_number: 37,
    };
    assert_eq!(build(88121).await, BuildLookup::Found(wanted.clone()));
    for (member, value, changed) in [
        ("status", "inProgress", Build { result: BuildResult::Running, ..wanted.clone() }),
        ("result", "partiallySucceeded", Build { result: BuildResult::Failed, ..wanted.clone() }),
        ("sourceBranch", "refs/pull/12/merge", Build { branch: None, ..wanted.clone() }),
        ("sourceVersion", "C4711", Build { commit: None, ..wanted.clone() }),
    ] {
        bench.fake.world().devops.build(7, "main", &head, "succeeded");
        bench.fake.world().devops.builds.get_mut(&7).unwrap()[member] = value.into();
        assert_eq!(build(7).await, BuildLookup::Found(changed), "{member}");
    }
    bench.fake.world().devops.builds.get_mut(&7).unwrap()["repository"]["id"] = "another".into();
    for number in [7, 8, u64::MAX] {
        assert_eq!(build(number).await, BuildLookup::Absent, "{number}");
    }
    assert_eq!(bench.github.build(&project(), 88121).await.unwrap(), BuildLookup::Absent);
}

#[tokio::test]
async fn each_project_is_read_where_it_is() {
    let bench = Bench::new().await;
    let (there, elsewhere): (Project, Project) = ("on_github".parse().unwrap(), "embedded".parse().unwrap());
    let mut settings = github(&bench.fake);
    settings.repositories = [(there.clone(), settings.repositories[&project()].clone())].into();
    let github = Arc::new(bench.github_by(settings));
    let devops = Arc::new(bench.devops_as(Arc::new(azure::PersonalAccessToken::of_azure_devops("ann", "s").unwrap())));
    let machine = Machine::new();
    let main = "main".parse().unwrap();
    let embedded = machine.source.commit(&elsewhere, &main, [("a.txt", "embedded")]);
    bench.fake.world().github.repository.commit("main", &[("a.txt", "on GitHub")]);
    bench.fake.world().devops.repository.commit("main", &[("a.txt", "on Azure DevOps")]);
    let all = |others| {
        let projects: Vec<_> = devops.projects().cloned().collect();
        let repositories = Repositories::new(others).with(devops.clone(), projects).unwrap();
        repositories.with(github.clone(), github.projects().cloned().collect::<Vec<_>>()).unwrap()
    };

    let repositories = all(Some(machine.source.clone() as Arc<dyn Source>));

    for (project, text) in [(&project(), "on Azure DevOps"), (&there, "on GitHub"), (&elsewhere, "embedded")] {
        let head = repositories.resolve(project, &Revision::Branch(main.clone())).await.unwrap();
        let read = repositories.read(project, &head, "a.txt").await.unwrap();
        assert_eq!(read.as_deref(), Some(text.as_bytes()));
        repositories.snapshot(project, &head).await.unwrap();
        assert_eq!(repositories.changed(project, None, &head).await.unwrap(), ["a.txt"]);
    }
    assert_eq!(repositories.to_string(), "Azure DevOps contoso, GitHub at 127.0.0.1, model repositories in memory");
    let error = all(None).resolve(&elsewhere, &Revision::Commit(embedded)).await.unwrap_err();
    assert!(error.to_string().contains("no repository is set for project embedded"), "{error}");
    let twice = all(None).with(github.clone(), [project()]).unwrap_err();
    assert!(twice.to_string().contains("has a repository at Azure DevOps contoso and one at GitHub"), "{twice}");
}

#[tokio::test]
async fn settings_of_both_hosts_are_short() {
    let bench = Bench::new().await;
    let text =
        r#"{"organization": "contoso", "repositories": {"diabetes": {"project": "ML Ops", "repository": "diabetes"}}}"#;
    let read: azure::DevopsSettings = serde_json::from_str(text).unwrap();
    assert_eq!((read.base.as_str(), read.snapshot_mib), ("https://dev.azure.com", 128));
    assert_eq!(read.repositories, devops(&bench.fake).repositories);
    let text = r#"{"repositories": {"diabetes": {"owner": "contoso", "repository": "diabetes"}}}"#;
    let read: GithubSettings = serde_json::from_str(text).unwrap();
    assert_eq!((read.archives.as_str(), read.snapshot_mib), ("https://codeload.github.com", 128));
}

/// As the embedded source would make it.
fn canonical(files: &[(&str, File)]) -> Digest {
    let mut sorted: Vec<_> = files.iter().collect();
    sorted.sort_by_key(|(path, _)| *path);
    let mut snapshot = Snapshot::new();
    for (path, file) in sorted {
        let (kind, content) = match file {
            File::Text(content) => (Kind::File, content.clone()),
            File::Program(content) => (Kind::Program, content.clone()),
            File::Link(target) => (Kind::Link, target.clone().into_bytes()),
            File::Submodule(_) => (Kind::Submodule, Vec::new()),
        };
        snapshot.add(path.as_bytes(), kind, &content).unwrap();
    }
    Digest::of(&snapshot.finish().unwrap())
}
