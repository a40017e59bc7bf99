//! Jobs in Python environments.

use super::*;

#[tokio::test]
async fn an_environment_is_built_once_for_two_jobs() {
    let bench = Bench::new();
    fs::write(bench.home.layout().dir().join("own-python"), "").unwrap();
    let jobs = bench.open().await;
    let script = "import os, sys; print('env', sys.prefix == os.environ['VIRTUAL_ENV'] != sys.base_prefix)";
    let line = format!("python -c {}", shlex::try_quote(script).unwrap());
    let mut one = bench.spec("one", &[("say", &line)], &[("requirements.txt", "# nothing\n")]).await;
    one.environments = vec!["requirements.txt".into()];
    let mut two = bench.spec("two", &[("say", &line)], &[("other.txt", "\n")]).await;
    two.environments = vec!["other.txt".into()];
    jobs.submit(&one).await.unwrap();
    jobs.submit(&two).await.unwrap();

    let mut built = 0;
    for spec in [&one, &two] {
        completed(end_of(&jobs, &spec.name).await);
        let log = jobs.logs(&spec.name, 0).await.unwrap().text;
        assert!(log.contains("env True"), "{log}");
        built += log.matches("building an environment").count();
    }
    assert_eq!(built, 1);
    let python = bench.home.layout().dir().join("python");
    let folders = fs::read_dir(python).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir());
    assert_eq!(folders.count(), 1);
}

#[tokio::test]
async fn a_job_is_canceled_while_its_environment_is_built() {
    let bench = Bench::new();
    fs::write(bench.home.layout().dir().join("own-python"), "").unwrap();
    let jobs = bench.open().await;
    let mut spec = bench.spec("waits", &[("say", "true")], &[("requirements.txt", "")]).await;
    spec.environments = vec!["requirements.txt".into()];
    jobs.submit(&spec).await.unwrap();
    while !jobs.logs(&spec.name, 0).await.unwrap().text.contains("building an environment") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    jobs.cancel(&spec.name).await.unwrap();

    assert_eq!(end_of(&jobs, &spec.name).await, JobResult::Canceled);
    let python = bench.home.layout().dir().join("python");
    let folders = fs::read_dir(python).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir());
    assert_eq!(folders.count(), 0, "nothing half done is left behind");
}

/// The example as a newcomer runs it. Needs a package index and minutes.
#[tokio::test]
#[ignore = "installs scikit-learn"]
async fn the_example_is_checked_and_trained() {
    let bench = Bench::new();
    let jobs = bench.open().await;
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/diabetes_regression");
    let copy = bench.file("example");
    let copied = std::process::Command::new("cp").arg("-r").arg(example).arg(&copy).status().unwrap();
    assert!(copied.success());
    let commit = crate::source::init_repository(&copy, "The example").unwrap();
    let (store, artifacts) = (Arc::new(bench.home.store()), Arc::new(bench.home.artifacts()));
    let source = crate::source::LocalSource::new(store, artifacts);
    let project = "diabetes".parse().unwrap();
    source.register(&project, &copy).await.unwrap();
    let snapshot = runner::ports::Source::snapshot(&source, &project, &commit).await.unwrap();

    let lint = "ruff check --output-format junit --output-file lint-testresults.xml .";
    let test = "pytest --junitxml=unit-testresults.xml --cov=training --cov=scoring --cov-report=xml";
    let mut check = bench.spec("check", &[("lint", lint), ("test", test)], &[]).await;
    check.environments = vec!["requirements-ci.txt".into()];
    check.reports = ["lint-testresults.xml", "unit-testresults.xml", "coverage.xml"].map(Into::into).into();
    let mut train = bench.spec("train", &[("train", "python training/train.py")], &[]).await;
    train.environments = vec!["requirements.txt".into()];
    train.parameters = Some("parameters.json".into());
    train.data = Some("data/diabetes.csv".into());
    train.required = vec!["metrics.json".into(), "diabetes_regression_model.pkl".into()];
    (check.source, train.source) = (snapshot.clone(), snapshot);

    let began = std::time::Instant::now();
    for spec in [&check, &train] {
        let outputs = completed(run(&jobs, spec).await);
        println!("{} after {:?}: {outputs:#?}", spec.name, began.elapsed());
    }
}
