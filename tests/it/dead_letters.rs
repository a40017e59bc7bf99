//! A message that nobody can handle is kept, shown, and sent again when a person says so.

use crate::support::{Machine, Value, eventually, json};

#[test]
fn a_message_that_cannot_be_handled_is_kept_and_can_be_sent_again() {
    let machine = Machine::new();
    assert_eq!(machine.json(&["dead-letters"]), json!({"dead_letters": []}));

    let sent = machine.post("/admin/functions/train", &json!({"input": "{\"odd\": true}"}));
    assert_eq!(sent.status, 202);

    let letter = eventually("it is a dead letter", || newest(&machine));
    assert_eq!((&letter["queue"], &letter["reason"]), (&json!("train"), &json!("NotHandled")));
    let description = letter["description"].as_str().unwrap();
    assert!(description.starts_with("it is not a message of Trainyard"), "{description}");
    let doctor = machine.cli(&["doctor"]);
    assert!(doctor.stdout.contains("trainyard dead-letters"), "{}", doctor.stdout);

    let id = letter["id"].as_str().unwrap();
    machine.json(&["dead-letters", "redrive", id]);

    // It has not become any better: it is a dead letter again, by another id.
    let again = eventually("it is a dead letter again", || newest(&machine).filter(|again| again["id"] != id));
    assert_eq!(again["queue"], "train");
    assert_eq!(machine.json(&["dead-letters"])["dead_letters"].as_array().unwrap().len(), 1);
    assert_eq!(machine.cli(&["dead-letters", "redrive", id]).code, 2, "there is no such letter any more");
}

fn newest(machine: &Machine) -> Option<Value> {
    machine.json(&["dead-letters"])["dead_letters"].as_array()?.first().cloned()
}
