//! `events`, and what `watch` says of projects.

use serde_json::{Value, json};

use super::host::Host;
use super::{samples, type_in};
use crate::Exit;

#[test]
fn each_event_has_a_line_that_says_who_sent_it_and_what_came_of_it() {
    let host = Host::start();
    let events = json!([pushed(), unwatched(), broken(), finished()]);
    host.says("GET /api/events", 200, json!({ "events": events, "next": null }));
    let said = type_in(host.port, &["events"]);
    assert_eq!(said.exit, Exit::Done);
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines.len(), 5, "{}", said.out);
    assert!(lines[0].starts_with("ID") && lines[0].ends_with("WHAT CAME OF IT"), "{}", said.out);
    for (line, wanted) in lines[1..].iter().zip([
        ["r1", "2025-03-04 12:00", "github push", "signed", "github_event", "push to main -> started run 7"],
        ["r2", "2025-03-04 12:00", "azure_devops git.push", "by queue", "devops_event", "ignored: nobody watches it"],
        [
            "r3",
            "2025-03-04 12:00",
            "somebody",
            "by queue",
            "devops_event",
            "kept for a person: json.syntax: `{` begins",
        ],
        ["r4", "2025-03-04 12:00", "azure_ml RunCompleted", "by its key", "azure_ml_event", "told run 7"],
    ]) {
        assert!(line.starts_with(wanted[0]) && line.ends_with(wanted[5]), "{wanted:?}: {line}");
        assert!(wanted.iter().all(|wanted| line.contains(wanted)), "{wanted:?}: {line}");
    }
}

#[test]
fn a_push_that_did_much_is_still_one_line_and_its_page_says_all() {
    let host = Host::start();
    let mut event = pushed();
    let did = |number: u64| json!({ "did": "ignored", "why": format!("refs/heads/b{number} is deleted") });
    event["did"] = (1..=5).map(did).collect();
    host.says("GET /api/events", 200, json!({ "events": [event.clone()], "next": null }));
    host.says("GET /api/events/r1", 200, event);
    let line = type_in(host.port, &["events"]).out;
    assert!(line.ends_with("; ignored: refs/heads/b2 is deleted; and 3 more\n"), "{line}");
    let page = type_in(host.port, &["events", "show", "r1"]).out;
    assert!(page.contains("  ignored: refs/heads/b5 is deleted\n"), "{page}");
}

#[test]
fn what_a_wish_came_to_is_said_in_words() {
    let host = Host::start();
    for (came_to, wanted) in [
        (Value::Null, "push to main -> asked for a run"),
        (json!({ "came_to": "known", "run": "r9", "number": 6 }), "push to main -> is run 6"),
        (
            json!({ "came_to": "nothing", "why": "branch b is not delivered" }),
            "push to main -> no run: branch b is not delivered",
        ),
        (json!({ "came_to": "of_tomorrow" }), "push to main -> something newer than this program"),
    ] {
        let mut event = pushed();
        event["did"][0]["came_to"] = came_to;
        let host = Host::start();
        host.says("GET /api/events", 200, json!({ "events": [event], "next": null }));
        let said = type_in(host.port, &["events"]);
        assert!(said.out.trim_end().ends_with(wanted), "{}", said.out);
    }
    drop(host);
}

#[test]
fn many_events_are_read_page_by_page_up_to_the_limit() {
    let host = Host::start();
    let page = |next: Option<&str>| json!({ "events": vec![pushed(); 200], "next": next });
    host.says("GET /api/events", 200, page(Some("a"))).says("GET /api/events", 200, page(Some("b")));
    let said = type_in(host.port, &["events", "--limit", "250", "--json"]);
    assert_eq!((said.json()["events"].as_array().unwrap().len(), &said.json()["next"]), (250, &json!("b")));
    let asked: Vec<String> = host.asked().into_iter().map(|(line, _)| line).collect();
    assert_eq!(asked, ["GET /api/events?limit=200", "GET /api/events?limit=50&after=a"]);
}

#[test]
fn the_page_of_an_event_that_is_kept_has_the_part_that_is_meant_and_says_where_the_body_is() {
    let host = Host::start();
    host.says("GET /api/events/r3", 200, broken());
    let said = type_in(host.port, &["events", "show", "r3"]);
    assert_eq!(said.exit, Exit::Done);
    for wanted in [
        "Event r3: somebody\n  kept for a person: json.syntax: `{` begins\n",
        "  came      2025-03-04 12:00 through devops_event, by queue\n",
        &format!("  body      http://127.0.0.1:{}/api/events/r3/body   001122334455\n", host.port),
        "  what could not be acted upon\n    {\"ref\": red\n",
    ] {
        assert!(said.out.contains(wanted), "{wanted:?} is missing:\n{}", said.out);
    }
    assert!(!said.out.contains('\x1b'), "what came in steers no terminal: {:?}", said.out);
    assert_eq!(type_in(host.port, &["events", "show", "r3", "--json"]).json(), broken());
}

#[test]
fn the_page_of_an_event_that_was_read_has_what_it_says() {
    let host = Host::start();
    host.says("GET /api/events/r1", 200, pushed());
    let page = type_in(host.port, &["events", "show", "r1"]).out;
    for wanted in [
        "  their id  46cd60ab\n",
        "  of        791204417\n",
        "  about     contoso-ml/diabetes\n",
        "  remark    github.form: the hook sends forms\n",
        "\"type\": \"pushed\"",
    ] {
        assert!(page.contains(wanted), "{wanted:?} is missing:\n{page}");
    }
}

#[test]
fn no_events_are_said_with_what_brings_some() {
    let host = Host::start();
    host.says("GET /api/events", 200, json!({ "events": [], "next": null }));
    assert!(type_in(host.port, &["events"]).out.contains(" watch PROJECT FILE`"));
}

#[test]
fn what_projects_watch_is_listed() {
    let host = Host::start();
    host.says(
        "GET /api/watch",
        200,
        json!({ "projects": {
        "idle": {},
        "p": { "repository": { "host": "github", "id": "791204417" }, "models": ["m", "n"],
            "data": [{ "account": "/subscriptions/s", "container": "training", "prefix": "" }] } } }),
    );
    let said = type_in(host.port, &["watch"]);
    assert_eq!(said.exit, Exit::Done);
    assert_eq!(
        said.out,
        "\
idle
  nothing
p
  data        /subscriptions/s training
  models      m
  models      n
  repository  github 791204417
"
    );
    assert_eq!(type_in(host.port, &["watch", "--json"]).json()["projects"]["idle"], json!({}));
}

#[test]
fn what_a_project_watches_is_set_and_taken_away() {
    let host = Host::start();
    host.says("PUT /api/watch/p", 200, json!({ "ok": true, "said": "p takes events from there" }));
    host.says("DELETE /api/watch/p", 200, json!({ "ok": true, "said": "p takes events from nowhere" }));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("watch.json");
    let watch = json!({ "repository": { "host": "github", "id": "1" } });
    std::fs::write(&file, watch.to_string()).unwrap();
    let said = type_in(host.port, &["watch", "p", file.to_str().unwrap()]);
    assert_eq!((said.exit, said.out.as_str()), (Exit::Done, "p takes events from there\n"));
    assert_eq!(host.body_of("PUT /api/watch/p"), watch);
    assert_eq!(type_in(host.port, &["watch", "p", "--remove"]).out, "p takes events from nowhere\n");
}

#[test]
fn a_file_that_is_no_watch_is_refused_before_or_by_the_host() {
    let host = Host::start();
    host.says("PUT /api/watch/p", 400, json!({ "error": "it is no watch: unknown field `repo`", "advice": null }));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("watch.json");
    let put = || type_in(host.port, &["watch", "p", file.to_str().unwrap()]);
    let said = put();
    assert_eq!(said.exit, Exit::BadInput);
    assert!(said.err.contains("watch.json cannot be read"), "{}", said.err);
    std::fs::write(&file, "{\n  repository: 1 }").unwrap();
    let said = put();
    assert!(said.err.contains("line 2") && said.err.contains("watch --help"), "{}", said.err);
    assert_eq!(host.asked(), []);
    std::fs::write(&file, "{\"repo\": 1}").unwrap();
    let said = put();
    assert_eq!((said.exit, said.err.as_str()), (Exit::BadInput, "error: it is no watch: unknown field `repo`\n"));
}

#[test]
fn runs_that_events_started_read_well() {
    let data = "retraining: new data: training-data/diabetes/2026/03/17/batch-0007.csv";
    for (trigger, branch, wanted) in [
        ("tag v2026.3.1", None, "tag v2026.3.1 at 1a2b3c4d by priya"),
        ("build 20260317.3", Some("main"), "build 20260317.3 of main at 1a2b3c4d by priya"),
        (data, Some("main"), &format!("{data}, main at 1a2b3c4d by priya")),
    ] {
        let host = Host::start();
        let mut run = samples::training();
        run["trigger"] = json!(trigger);
        run["branch"] = json!(branch);
        run["requested_by"] = json!("priya");
        host.says("GET /api/runs/latest", 200, run.clone());
        host.says("GET /api/runs", 200, json!({ "runs": [run], "next": null }));
        let page = type_in(host.port, &["show", "latest"]).out;
        assert!(page.contains(wanted), "{wanted:?} is missing:\n{page}");
        let list = type_in(host.port, &["runs"]).out;
        assert!(list.lines().all(|line| line.chars().count() < 200), "{list}");
        assert!(list.contains(&trigger[..12]), "{list}");
    }
}

fn pushed() -> Value {
    json!({
        "id": "r1", "at": "2025-03-04T12:00:00Z", "door": "github_event", "verified": "signature",
        "reading": {
            "outcome": "read",
            "envelope": { "sender": "github", "id": "46cd60ab", "kind": "push", "source": "791204417",
                "subject": "contoso-ml/diabetes" },
            "fact": { "type": "pushed", "commits": 1 },
            "remarks": [{ "code": "github.form", "what": "the hook sends forms" }],
        },
        "did": [{ "did": "asked", "order": "start/p/1", "what": "push to main",
            "came_to": { "came_to": "started", "run": "r0", "number": 7 } }],
    })
}

fn unwatched() -> Value {
    json!({
        "id": "r2", "at": "2025-03-04T12:00:00Z", "door": "devops_event", "verified": "queue",
        "reading": { "outcome": "ignored", "code": "repo.not_allowed", "reason": "nobody watches it",
            "envelope": { "sender": "azure_devops", "id": "e2", "kind": "git.push", "source": "" } },
        "did": [],
    })
}

fn broken() -> Value {
    json!({
        "id": "r3", "at": "2025-03-04T12:00:00Z", "door": "devops_event", "verified": "queue",
        "reading": { "outcome": "quarantined", "code": "json.syntax", "reason": "`{` begins", "envelope": null,
            "part": "{\"ref\": \u{1b}[31mred" },
        "body": "sha256:00112233445566778899", "did": [],
    })
}

fn finished() -> Value {
    json!({
        "id": "r4", "at": "2025-03-04T12:00:00Z", "door": "azure_ml_event", "verified": "event_grid",
        "reading": { "outcome": "read", "fact": { "type": "job_changed" },
            "envelope": { "sender": "azure_ml", "id": "e4", "kind": "Microsoft.MachineLearningServices.RunCompleted",
                "source": "/subscriptions/s", "subject": "experiments/e/runs/train-p-7" } },
        "did": [{ "did": "told", "run": "r0", "number": 7 }],
    })
}
