//! A run that waits is woken by the news that its job has ended, and does not take the news for the truth.

use super::{RESOURCES, after, azure, sample_with, watch};
use crate::support::{Backends, Handler, Machine, Proxy, Repository, Value, eventually, json, status};

const JOB: &str = "diabetes-train_1773738901_5b7f1c2d";

#[test]
fn the_end_of_a_watched_job_wakes_its_run_which_asks_the_platform() {
    let machine = Machine::prepare(&[]);
    let proxy = Proxy::start(|_| None);
    machine.begin(&["--handler-port", &proxy.port().to_string()]);
    let _handler = Handler::start(&machine, proxy.behind());
    machine.until_up();
    watch(&machine, "tiny", &azure());
    let repository = Repository::new(&machine);
    repository.set("trouble", "hangs");
    let run = repository.deliver();
    let run = machine.until(&run, "it trains", |run| run["waiting_for"] == "job train-tiny-1");
    let id = run["id"].as_str().unwrap();
    let backends = Backends::of(&machine);

    let ended = sample_with("azure_ml/fixtures/RunCompleted.eventgrid.json", &[(JOB, "train-tiny-1")]);
    backends.send("event-grid", &ended);

    let [event] = after(&machine, 1).try_into().unwrap();
    assert_eq!(event["did"], json!([{"did": "told", "run": id, "number": 1}]));
    eventually("the run is told", || {
        let told = |message: &Value| message["Metadata"]["MessageId"].to_string().contains("/told-of-train-tiny-1");
        proxy.seen("train").iter().any(told).then_some(())
    });
    // The platform says that the job goes on, and that is what counts.
    machine.json(&["show", id]);
    assert_eq!(status(&machine.show(id), "train"), "waiting");

    // Somebody else's job, a job of another run, and one of a workspace that nobody watches wake nobody.
    let told = |job: &str, id: &str, workspace: &str| {
        sample_with(
            "azure_ml/fixtures/RunCompleted.eventgrid.json",
            &[(JOB, job), ("5ff6bb27-8c9f-5459-b6bc-eee2386e9720", id), ("mlw-diabetes", workspace)],
        )
    };
    for (number, (job, workspace, why)) in [
        ("train-tiny-2", "mlw-diabetes", "tiny has no run 2"),
        ("train-tiny-1-2", "mlw-diabetes", "run 1 waits for job train-tiny-1 and not for train-tiny-1-2"),
        ("somebody-elses", "mlw-diabetes", "it is not one of ours"),
        ("train-tiny-1", "mlw-others", ""),
    ]
    .into_iter()
    .enumerate()
    {
        backends
            .send("event-grid", &told(job, &format!("5ff6bb27-8c9f-5459-b6bc-eee2386e972{}", number + 1), workspace));
        let event = after(&machine, number + 2).remove(0);
        if why.is_empty() {
            assert_eq!(event["reading"]["code"], "topic.not_allowed", "{RESOURCES}: {event:#}");
        } else {
            assert_eq!(event["did"][0]["why"], why, "{event:#}");
        }
    }
    machine.json(&["cancel", id, "--as", "anna"]);
    machine.ended(id);
}
