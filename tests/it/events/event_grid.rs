//! What Event Grid delivers itself.

use reqwest::Method;

use super::{azure, events, from_event_grid, machine, runs, sample, watch};
use crate::support::{Value, eventually, json, send};

#[test]
fn both_handshakes_are_answered_and_no_address_in_them_is_called() {
    let machine = machine();
    for function in ["azure_ml_event", "registry_event", "storage_event"] {
        let asked = sample("event_grid/fixtures/SubscriptionValidationEvent.eventgrid.json");
        let reply = from_event_grid(&machine, function, "SubscriptionValidation", &asked);
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.json, json!({"validationResponse": "512D38B6-C7B8-40C8-89FE-F46F9E9622B6"}));

        let url = machine.url(&format!("/runtime/webhooks/eventgrid?functionName={function}"));
        let headers = [
            ("WebHook-Request-Origin", "eventgrid.azure.net"),
            ("WebHook-Request-Callback", "http://169.254.169.254/latest"),
            ("WebHook-Request-Rate", "120"),
        ];
        let reply = send(Method::OPTIONS, &url, &headers, b"");
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.headers["WebHook-Allowed-Origin"], "eventgrid.azure.net");
    }
    assert_eq!(events(&machine), Vec::<Value>::new(), "a handshake is no event");
    assert_eq!(from_event_grid(&machine, "github_event", "Notification", b"[]").status, 404);
}

#[test]
fn one_bad_event_of_five_is_kept_and_the_other_four_are_taken() {
    let machine = machine();
    watch(&machine, "tiny", &azure());
    let batch = sample("../hostile/27-mixed-batch-one-bad.json");

    let reply = from_event_grid(&machine, "storage_event", "Notification", &batch);

    assert!((200..300).contains(&reply.status), "the other four would come again: {reply:?}");
    let taken = events(&machine);
    let (good, bad): (Vec<_>, Vec<_>) = taken.iter().partition(|event| event["reading"]["outcome"] == "read");
    assert_eq!((good.len(), bad.len()), (4, 1), "{taken:#?}");
    assert_eq!(bad[0]["reading"]["code"], "shape.member");
    assert_eq!(bad[0]["reading"]["envelope"]["id"], "8a1b3a29-d527-5d39-ab8e-89ea86806803");
    for event in &taken {
        assert_eq!((&event["door"], &event["verified"]), (&json!("storage_event"), &json!("event_grid")));
    }
    // New data are a wish for a retraining; nobody has a repository of `tiny` here.
    eventually("the wish came to nothing", || {
        let events = events(&machine);
        let mut dids = events.iter().flat_map(|event| event["did"].as_array().unwrap());
        dids.any(|did| did["came_to"]["came_to"] == "nothing").then_some(())
    });
    assert_eq!(runs(&machine), Vec::<Value>::new());

    // Event Grid sends the whole batch again after a failure: each event is known.
    let again = from_event_grid(&machine, "storage_event", "Notification", &batch);
    assert!((200..300).contains(&again.status), "{again:?}");
    assert_eq!(events(&machine).len(), 5);
}

#[test]
fn an_event_is_the_same_in_both_schemas() {
    let machine = machine();
    watch(&machine, "tiny", &azure());
    let batch = sample("event_grid/fixtures/batch-of-3.eventgrid.json");
    assert_eq!(from_event_grid(&machine, "azure_ml_event", "Notification", &batch).status, 202);
    let taken = events(&machine);
    let facts = |events: &[Value]| -> Vec<String> {
        let mut facts: Vec<_> = events.iter().map(|event| event["reading"]["fact"]["type"].to_string()).collect();
        facts.sort();
        facts
    };
    assert_eq!(facts(&taken), ["\"blob_created\"", "\"image_pushed\"", "\"job_changed\""]);

    // A subscription that is switched over sends what is known already.
    let batch = sample("event_grid/fixtures/batch-of-3.cloudevents-batch.json");
    assert_eq!(from_event_grid(&machine, "azure_ml_event", "Notification", &batch).status, 202);
    assert_eq!(events(&machine), taken);
    let lone = sample("azure_ml/fixtures/ModelRegistered.cloudevents.json");
    assert_eq!(from_event_grid(&machine, "azure_ml_event", "Notification", &lone).status, 202);
    assert_eq!(events(&machine)[0]["reading"]["fact"]["type"], "model_registered");
}
