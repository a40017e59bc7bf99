//! What people type about events, and what they read.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use super::{SECRETS, from_github, github_repository, machine, sample};
use crate::support::json;

#[test]
fn people_say_what_is_watched_and_see_what_came() {
    let machine = machine();
    assert!(machine.cli(&["events"]).stdout.contains("No event has come in yet."));
    assert!(machine.cli(&["watch"]).stdout.contains("No project takes events from anywhere."));

    // From a file, and from standard input.
    fs::write(machine.folder().join("watch.json"), github_repository().to_string()).unwrap();
    assert_eq!(machine.cli(&["watch", "tiny", "watch.json"]).stdout, "tiny takes events from there\n");
    let mut piped =
        machine.command(&["watch", "other", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    piped.stdin.take().unwrap().write_all(b"{\"models\": [\"m\"]}").unwrap();
    assert!(piped.wait().unwrap().success());
    let watched = machine.json(&["watch"]);
    assert_eq!(watched, json!({"projects": {"tiny": github_repository(), "other": {"models": ["m"]}}}));
    assert_eq!(machine.cli(&["watch", "other", "--remove"]).code, 0);
    assert_eq!(machine.cli(&["watch"]).stdout, "tiny\n  repository  github 791204417\n");
    fs::write(machine.folder().join("wrong.json"), "{\"repo\": {}}").unwrap();
    let wrong = machine.cli(&["watch", "tiny", "wrong.json"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("unknown field `repo`"), "{}", wrong.stderr);

    from_github(&machine, "ping", "72d3162e-cc78-11e3-81ab-4c9367dc0958", &sample("github/fixtures/ping.json"));
    let broken = b"{\"zen\": <script>alert(1)</script>";
    from_github(&machine, "push", "82d3162e-cc78-11e3-81ab-4c9367dc0958", broken);

    let list = machine.cli(&["events"]).stdout;
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(lines.len(), 3, "{list}");
    assert!(lines[1].contains("kept for a person: json.syntax"), "{list}");
    assert!(lines[2].contains("github ping") && lines[2].contains("signed"), "{list}");
    let kept = machine.json(&["events", "--limit", "1"])["events"][0].clone();
    let id = kept["id"].as_str().unwrap();
    assert_eq!(machine.json(&["events", "show", id]), kept);
    let page = machine.cli(&["events", "show", id]).stdout;
    let address = format!("/api/events/{id}/body");
    assert!(page.contains(&machine.url(&address)), "{page}");
    let body = machine.get(&address);
    assert_eq!((body.status, body.body.as_bytes()), (200, &broken[..]));
    assert_eq!(body.headers["Content-Type"], "text/plain; charset=utf-8");
    assert_eq!(body.headers["X-Content-Type-Options"], "nosniff");
    assert_eq!(machine.cli(&["events", "show", "r0000000000000-00000000"]).code, 2);
}

#[test]
fn the_doctor_says_which_doors_are_open_and_never_what_opens_them() {
    let machine = machine();
    fs::write(machine.folder().join("watch.json"), github_repository().to_string()).unwrap();
    machine.json(&["watch", "tiny", "watch.json"]);
    machine.rehearse();
    from_github(&machine, "ping", "72d3162e-cc78-11e3-81ab-4c9367dc0958", &sample("github/fixtures/ping.json"));

    let doctor = machine.cli(&["doctor"]).stdout;

    for wanted in [
        "✓ door github: open to who knows its secret\n",
        "✓ door databricks: open to who knows its secret\n",
        "✓ door mlflow: open to who knows its secret\n",
        "no event starts a run of rehearsed;",
        "✓ events kept for a person: 0 of 1\n",
        "✓ last event of github: ping, less than a minute ago\n",
    ] {
        assert!(doctor.contains(wanted), "{wanted:?} is missing:\n{doctor}");
    }
    for said in [doctor, machine.host_log(), machine.get("/api/doctor").body] {
        for (name, secret) in SECRETS.iter().filter(|(name, _)| !name.ends_with("_USER")) {
            assert!(!said.contains(secret), "{name} is told:\n{said}");
        }
    }
    from_github(&machine, "push", "", b"{");
    let doctor = machine.cli(&["doctor"]);
    assert_eq!(doctor.code, 1);
    assert!(
        doctor.stdout.contains("✕ events kept for a person: 1 of 2, the last less than a minute ago\n"),
        "{}",
        doctor.stdout
    );
}
