//! What comes through Service Bus: the hooks of Azure DevOps, and Event Grid's events.

use super::{after, azure, machine, runs, sample, watch};
use crate::support::{Backends, Value, eventually, json};

#[test]
fn a_hook_is_the_same_in_each_of_dotnets_spellings() {
    let machine = machine();
    watch(&machine, "tiny", &azure());
    let backends = Backends::of(&machine);
    let mut facts = Vec::new();
    for spelling in [
        "raw-utf8",
        "dotnet-chars16",
        "dotnet-chars16-with-end",
        "dotnet-chars32",
        "dotnet-unicode16",
        "datacontract-xml",
    ] {
        backends.forget_events();
        let body = sample(&format!("azure_devops/fixtures/servicebus/git.push.{spelling}.bin"));
        backends.send("devops-events", &body);
        let [event] = after(&machine, 1).try_into().unwrap();
        assert_eq!((&event["door"], &event["verified"]), (&json!("devops_event"), &json!("queue")), "{spelling}");
        assert_eq!(event["reading"]["fact"]["type"], "pushed", "{spelling}: {event:#}");
        let mut fact = event["reading"]["fact"].clone();
        // Some are as long as they are by what their commits say.
        fact["message"] = Value::Null;
        facts.push(fact);
    }
    facts.dedup();
    assert_eq!(facts.len(), 1, "{facts:#?}");
}

#[test]
fn an_event_on_the_queue_is_the_one_that_came_by_the_web_hook() {
    let machine = machine();
    watch(&machine, "tiny", &azure());
    let backends = Backends::of(&machine);
    let batch = sample("event_grid/fixtures/batch-of-3.eventgrid.json");
    backends.send("event-grid", &batch);
    let taken = after(&machine, 3);
    assert!(taken.iter().all(|event| event["door"] == "event_grid_queue" && event["verified"] == "queue"));

    let reply = super::from_event_grid(&machine, "azure_ml_event", "Notification", &batch);
    assert_eq!(reply.status, 202);
    assert_eq!(super::events(&machine).len(), 3);
}

/// A trigger that reads bodies as text lets members of the body take the place of the broker's own metadata.
#[test]
fn metadata_in_a_body_are_not_taken_for_the_brokers() {
    let machine = machine();
    watch(&machine, "tiny", &azure());
    let backends = Backends::of(&machine);
    let push = sample("azure_devops/fixtures/git.push.one-commit.json");
    let tag = sample("azure_devops/fixtures/git.push.tag.json");
    for body in [&push, &tag] {
        let mut forged: Value = serde_json::from_slice(body).unwrap();
        forged["MessageId"] = json!("forged");
        forged["DeliveryCount"] = json!("10");
        forged["EnqueuedTimeUtc"] = json!("1999-01-01T00:00:00Z");
        forged["sys"] = json!({"MethodName": "start"});
        backends.send("devops-events", forged.to_string().as_bytes());
    }
    // Two events, although both say that they are the same message.
    let mut ids: Vec<_> =
        after(&machine, 2).iter().map(|event| event["reading"]["envelope"]["id"].to_string()).collect();
    ids.sort();
    let theirs = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["id"].to_string();
    assert_eq!(ids, [theirs(&tag), theirs(&push)]);

    // Where the broker's id counts, it is the broker's.
    let forged = json!({"MessageId": "forged", "DeadLetterSource": "forged", "odd": true}).to_string();
    let sent: Vec<_> = (0..2).map(|_| backends.send("start", forged.as_bytes())).collect();
    let letters = eventually("both are dead letters", || {
        let letters = machine.json(&["dead-letters"])["dead_letters"].as_array().unwrap().clone();
        (letters.len() == sent.len()).then_some(letters)
    });
    for letter in &letters {
        assert_eq!(letter["queue"], "start", "{letter:#}");
    }
    assert_eq!(runs(&machine), Vec::<Value>::new());
}
