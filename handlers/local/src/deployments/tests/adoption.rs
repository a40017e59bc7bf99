//! Hosts that end and start while servers run.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_outlives_the_host_and_is_adopted() {
    let bench = bench_or_skip!();
    let deployments = bench.open().await;
    let spec = bench.spec("d1", GOOD).await;
    bench.ready(&deployments, &spec).await;
    let process = bench.process_of(&deployments, &spec).await;
    drop(deployments);

    let deployments = bench.open().await;

    // At once: an adopted server needs no start.
    let DeploymentSpec { project, environment, release, .. } = &spec;
    let answer = deployments.call(project, environment, &release.deployment, b"{}".to_vec()).await.unwrap();
    assert!(matches!(answer, Answer::Answered { status: 200, .. }), "{answer:?}");
    assert_eq!(bench.process_of(&deployments, &spec).await, process);

    process.kill_leader();
    gone(&process).await;
    bench.call(&deployments, &spec).await;
    assert_ne!(bench.process_of(&deployments, &spec).await, process);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adopted_server_gives_way_to_the_next_release() {
    let bench = bench_or_skip!();
    let deployments = bench.open().await;
    let old = bench.spec("old", GOOD).await;
    bench.ready(&deployments, &old).await;
    let process = bench.process_of(&deployments, &old).await;
    drop(deployments);
    let deployments = bench.open().await;

    let new = bench.spec("new", GOOD).await;
    bench.ready(&deployments, &new).await;

    gone(&process).await;
    bench.call(&deployments, &new).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ended_with_the_host_is_started_again() {
    let bench = bench_or_skip!();
    let deployments = bench.open().await;
    let spec = bench.spec("d1", GOOD).await;
    bench.ready(&deployments, &spec).await;
    let process = bench.process_of(&deployments, &spec).await;
    drop(deployments);
    process.kill_leader();
    gone(&process).await;

    let deployments = bench.open().await;

    bench.call(&deployments, &spec).await;
    assert_ne!(bench.process_of(&deployments, &spec).await, process);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_the_host_did_not_live_to_see_goes_on() {
    let bench = bench_or_skip!();
    let deployments = bench.open().await;
    let spec = bench.spec("d1", GOOD).await;
    deployments.apply(&spec).await.unwrap();
    drop(deployments);

    let deployments = bench.open().await;

    assert!(matches!(bench.settled(&deployments, &spec).await, DeploymentStatus::Ready { .. }));
    assert_eq!(bench.told("deploy").await.id, "deployment-d1-ready-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_being_stopped_is_stopped_by_the_next_host() {
    let mut bench = bench_or_skip!();
    bench.settings.drain_within = Duration::from_secs(600);
    let deployments = bench.open().await;
    let endpoint = Endpoint::serve(&deployments).await;
    let old = bench.spec("old", r#"{"delay": 600}"#).await;
    bench.ready(&deployments, &old).await;
    let process = bench.process_of(&deployments, &old).await;
    let slow = tokio::spawn(async move { endpoint.score().await });
    bench.ready(&deployments, &bench.spec("new", GOOD).await).await;
    drop(deployments);

    let _deployments = bench.open().await;

    gone(&process).await;
    slow.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_stopped_stops_its_servers_and_the_next_one_starts_them_again() {
    let bench = bench_or_skip!();
    let deployments = bench.open().await;
    let spec = bench.spec("d1", GOOD).await;
    bench.ready(&deployments, &spec).await;
    let process = bench.process_of(&deployments, &spec).await;

    deployments.rest().await;

    assert!(process::Process::adopt(&process).is_none());
    drop(deployments);
    let deployments = bench.open().await;
    bench.call(&deployments, &spec).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_nobody_recorded_is_ended() {
    let bench = bench_or_skip!();
    let folder = bench.folder();
    std::fs::create_dir_all(&folder).unwrap();
    let mut command = tokio::process::Command::new("sleep");
    command.arg("600").env(HOME_VARIABLE, &folder);
    let stray = process::Process::spawn(&mut command, &folder.join("stray.log")).unwrap();
    // A process has no environment yet in the moment in which it becomes another program.
    let environ = format!("/proc/{}/environ", stray.mark().pid);
    while std::fs::read(&environ).unwrap().is_empty() {
        sleep(Duration::from_millis(5)).await;
    }

    let _deployments = bench.open().await;

    assert!(stray.ended().await.starts_with("signal 9"));
}

#[tokio::test]
async fn another_process_with_the_same_id_is_not_adopted() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = tokio::process::Command::new("sleep");
    let process = process::Process::spawn(command.arg("600"), &dir.path().join("log")).unwrap();
    let other = process::Mark { started: "another boot 1".into(), ..process.mark().clone() };

    assert!(process::Process::adopt(&other).is_none());
    assert!(process::Process::adopt(process.mark()).is_some());
    process.stop(Duration::from_secs(5)).await;
    assert!(process::Process::adopt(process.mark()).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_rests_stops_its_servers_and_the_next_one_starts_them_again() {
    let bench = bench_or_skip!();
    let deployments = bench.open().await;
    let spec = bench.spec("d1", GOOD).await;
    bench.ready(&deployments, &spec).await;
    let process = bench.process_of(&deployments, &spec).await;

    deployments.rest().await;

    gone(&process).await;
    drop(deployments);
    let deployments = bench.open().await;
    bench.call(&deployments, &spec).await;
    assert_ne!(bench.process_of(&deployments, &spec).await, process);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_on_its_way_goes_on_after_a_rest() {
    let bench = bench_or_skip!();
    let deployments = bench.open().await;
    let spec = bench.spec("d1", GOOD).await;
    assert_eq!(deployments.apply(&spec).await.unwrap(), DeploymentStatus::Starting);

    deployments.rest().await;

    drop(deployments);
    let deployments = bench.open().await;
    bench.ready(&deployments, &spec).await;
    bench.call(&deployments, &spec).await;
}
