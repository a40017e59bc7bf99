//! What is killed is started again, and what runs is found again.

use super::*;

/// A script that counts its starts, says which process it is, and ends when it is told to.
fn patient(bench: &Bench) -> String {
    let (starts, go) = (bench.file("starts"), bench.file("go"));
    format!("echo $$ >> {}; while [ ! -e {} ]; do sleep 0.02; done; echo done", starts.display(), go.display())
}

/// The processes of the script so far, waiting until there are this many.
async fn starts(bench: &Bench, count: usize) -> Vec<String> {
    loop {
        let pids: Vec<String> = appears(&bench.file("starts")).await.lines().map(Into::into).collect();
        if pids.len() >= count {
            return pids;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn supervisor(bench: &Bench, job: &str) -> String {
    fs::read_to_string(bench.job(job).join("pid")).unwrap()
}

#[tokio::test]
async fn a_job_whose_supervisor_is_killed_is_started_again_from_the_beginning() {
    let bench = Bench::new();
    let jobs = bench.open().await;
    let spec = bench.shell("killed", &format!("test ! -e left; touch left; {}", patient(&bench))).await;
    jobs.submit(&spec).await.unwrap();
    let first = starts(&bench, 1).await.remove(0);

    kill(&supervisor(&bench, "killed"));

    starts(&bench, 2).await;
    is_gone(&first).await;
    fs::write(bench.file("go"), "").unwrap();
    completed(end_of(&jobs, &spec.name).await);
    assert_eq!(starts(&bench, 2).await.len(), 2);
}

#[tokio::test]
async fn a_job_that_is_killed_three_times_has_failed_and_memory_is_named() {
    let bench = Bench::new();
    let jobs = bench.open().await;
    let spec = bench.shell("hungry", &patient(&bench)).await;
    jobs.submit(&spec).await.unwrap();

    for start in 1..=3 {
        let pid = starts(&bench, start).await.pop().unwrap();
        kill(&pid);
    }

    let (reason, _) = failed(end_of(&jobs, &spec.name).await);
    assert!(reason.contains("killed 3 times"), "{reason}");
    assert!(reason.contains("signal 9"), "{reason}");
    assert!(reason.contains("too little memory"), "{reason}");
    assert_eq!(starts(&bench, 3).await.len(), 3);
}

#[tokio::test]
async fn a_job_goes_on_while_the_host_is_away_and_is_told_once_it_is_back() {
    let bench = Bench::new();
    let jobs = bench.open().await;
    let spec = bench.shell("long", &patient(&bench)).await;
    jobs.submit(&spec).await.unwrap();
    starts(&bench, 1).await;
    let before = supervisor(&bench, "long");

    drop(jobs);
    let jobs = bench.open().await;
    assert_eq!(supervisor(&bench, "long"), before);
    drop(jobs);
    fs::write(bench.file("go"), "").unwrap();
    is_gone(&before).await;

    let jobs = bench.open().await;
    completed(end_of(&jobs, &spec.name).await);
    assert_eq!(bench.message().await.id, "job-long-finished");
    assert_eq!(starts(&bench, 1).await.len(), 1);
}

#[tokio::test]
async fn a_job_is_ended_with_a_host_that_rests_and_begins_again_as_if_for_the_first_time() {
    let bench = Bench::new();
    let spec = bench.shell("resting", &patient(&bench)).await;
    for start in 1..=4 {
        let jobs = bench.open().await;
        jobs.submit(&spec).await.unwrap();
        let pid = starts(&bench, start).await.pop().unwrap();

        jobs.rest().await;

        is_gone(&pid).await;
        assert_eq!(fs::read_to_string(bench.job("resting").join("starts")).unwrap(), "0");
    }
    fs::write(bench.file("go"), "").unwrap();
    completed(end_of(&bench.open().await, &spec.name).await);
}

#[tokio::test]
async fn a_job_that_waits_in_the_queue_stays_there_while_the_host_rests() {
    let mut bench = Bench::new();
    bench.at_once = 1;
    let jobs = bench.open().await;
    let first = bench.shell("first", &patient(&bench)).await;
    let second = bench.shell("second", "true").await;
    jobs.submit(&first).await.unwrap();
    jobs.submit(&second).await.unwrap();
    starts(&bench, 1).await;

    jobs.rest().await;

    assert!(!bench.job("second").join("starts").exists());
    fs::write(bench.file("go"), "").unwrap();
    let jobs = bench.open().await;
    completed(end_of(&jobs, &first.name).await);
    completed(end_of(&jobs, &second.name).await);
}

#[tokio::test]
async fn a_job_that_died_while_the_host_was_away_is_started_again() {
    let bench = Bench::new();
    let jobs = bench.open().await;
    let spec = bench.shell("orphan", &patient(&bench)).await;
    jobs.submit(&spec).await.unwrap();
    let first = starts(&bench, 1).await.remove(0);
    drop(jobs);
    kill(&supervisor(&bench, "orphan"));

    let jobs = bench.open().await;

    starts(&bench, 2).await;
    is_gone(&first).await;
    fs::write(bench.file("go"), "").unwrap();
    completed(end_of(&jobs, &spec.name).await);
}

#[tokio::test]
async fn an_adopted_job_dies_and_is_canceled_like_any_other() {
    let bench = Bench::new();
    let jobs = bench.open().await;
    let spec = bench.shell("adopted", &patient(&bench)).await;
    jobs.submit(&spec).await.unwrap();
    starts(&bench, 1).await;
    drop(jobs);

    let jobs = bench.open().await;
    kill(&supervisor(&bench, "adopted"));
    starts(&bench, 2).await;
    drop(jobs);

    let jobs = bench.open().await;
    jobs.cancel(&spec.name).await.unwrap();
    assert_eq!(end_of(&jobs, &spec.name).await, JobResult::Canceled);
    let pids = starts(&bench, 2).await;
    is_gone(&pids[1]).await;
    assert_eq!(pids.len(), 2);
}

#[tokio::test]
async fn jobs_that_never_began_begin_after_a_restart_in_their_order() {
    let mut bench = Bench::new();
    bench.at_once = 1;
    let jobs = bench.open().await;
    let spec = bench.shell("first", &patient(&bench)).await;
    jobs.submit(&spec).await.unwrap();
    starts(&bench, 1).await;
    let order = bench.file("order");
    let mut specs = Vec::new();
    for name in ["second", "third"] {
        specs.push(bench.shell(name, &format!("echo {name} >> {}", order.display())).await);
        jobs.submit(specs.last().unwrap()).await.unwrap();
    }

    drop(jobs);
    let jobs = bench.open().await;
    fs::write(bench.file("go"), "").unwrap();

    for spec in &specs {
        completed(end_of(&jobs, &spec.name).await);
    }
    assert_eq!(fs::read_to_string(order).unwrap(), "second\nthird\n");
}
