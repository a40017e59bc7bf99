//! What starts a run beside a push: tags, builds of another pipeline, new data. As far as it is started: the rest is as
//! ever.

use std::fs;

use super::{COMMIT, after, azure, came_to, machine, register, runs, sample, sample_with, watch};
use crate::support::{Backends, Repository, Value, eventually, json};

#[test]
fn tags_builds_and_new_data_start_runs_where_the_repository_asks_for_it() {
    let machine = machine();
    let repository = Repository::new(&machine);
    repository.set("trouble", "hangs");
    let triggers = "project: tiny\ntriggers: { tags: [\"v*\"], retrain: { on_data: true, cooldown_hours: 1 } }\n";
    repository.replace("trainyard.yml", "project: tiny\n", triggers);
    let head = repository.commit();
    let git = repository.folder().join(".git");
    fs::create_dir_all(git.join("refs/tags")).unwrap();
    fs::write(git.join("refs/tags/v2026.3.1"), format!("{head}\n")).unwrap();
    register(&machine, &repository);
    let mut watched = azure();
    watched["build"] = json!("diabetes-regression-ci");
    watch(&machine, "tiny", &watched);
    let backends = Backends::of(&machine);
    let begun = |trigger: &str, branch: Value, by: &str| {
        let came = came_to(&machine);
        assert_eq!(came["came_to"], "started", "{trigger}: {came}");
        let run = machine.show(came["run"].as_str().unwrap());
        assert_eq!((&run["trigger"], &run["branch"]), (&json!(trigger), &branch));
        assert_eq!((&run["commit"], &run["requested_by"]), (&json!(head), &json!(by)));
        let why = machine.cli(&["why", run["id"].as_str().unwrap()]).stdout;
        assert!(why.contains(&format!("was started by {by} ({trigger}")), "{why}");
        run
    };

    // With a build that stands for the check, the push itself is only on record.
    backends.send("devops-events", &sample("azure_devops/fixtures/git.push.one-commit.json"));
    let why = after(&machine, 1)[0]["did"][0]["why"].clone();
    assert!(why.as_str().unwrap().contains("build of this commit"), "{why}");

    backends.send("devops-events", &sample("azure_devops/fixtures/git.push.tag.json"));
    after(&machine, 2);
    begun("tag v2026.3.1", Value::Null, "priya.raman@contoso.example");

    let build = sample_with("azure_devops/fixtures/build.complete.succeeded.json", &[(COMMIT, &head)]);
    backends.send("devops-events", &build);
    after(&machine, 3);
    let run = begun("build 20260317.3", json!("main"), "priya.raman@contoso.example");
    let steps: Vec<_> = run["steps"].as_array().unwrap().iter().map(|step| &step["step"]).collect();
    assert_eq!(steps[0], "provision", "the build has checked it: {steps:?}");
    let failed = sample("azure_devops/fixtures/build.complete.failed.json");
    backends.send("devops-events", &failed);
    after(&machine, 4);

    let blob = "storage/fixtures/BlobCreated.eventgrid.json";
    backends.send("event-grid", &sample(blob));
    after(&machine, 5);
    let data = "retraining: new data: training-data/diabetes/2026/03/17/batch-0007.csv";
    begun(data, json!("main"), "storage");

    // More data within the hour are on record, and nothing is trained for them.
    let ids = [("beb21a5e-401e-002b-3749-b68517060431", "beb21a5e-401e-002b-3749-b68517060999")];
    backends.send("event-grid", &sample_with(blob, &ids));
    after(&machine, 6);
    let came = came_to(&machine);
    assert!(came["why"].as_str().unwrap_or_default().contains("cooldown_hours"), "{came}");

    let list = machine.cli(&["runs"]).stdout;
    for wanted in ["tag v2026.3.1", "build 20260317.3", "retraining: new data: training-data/dia…"] {
        assert!(list.contains(wanted), "{list}");
    }
    assert_eq!(runs(&machine).len(), 3);
    eventually("the list says it", || {
        let list = machine.cli(&["events"]).stdout;
        let all =
            ["tag v2026.3.1 -> started run 1", "build 20260317.3 -> started run 2", "-> started run 3", "-> no run: "];
        all.iter().all(|wanted| list.contains(wanted)).then_some(())
    });
    for number in ["1", "2", "3"] {
        machine.cli(&["cancel", number, "--as", "anna"]);
    }
}
