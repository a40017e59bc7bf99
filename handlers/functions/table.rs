//! All functions of the app, in one place: the folders in `functions/` are written from here by `cargo xtask functions`.

use azure_functions::{AuthLevel, Function, Trigger};

/// The steps, each with a queue of the same name.
const STEPS: [&str; 12] = [
    "check",
    "provision",
    "train",
    "evaluate",
    "register",
    "package",
    "test_image",
    "profile",
    "deploy",
    "smoke_test",
    "approve",
    "rollback",
];

/// The setting, or the prefix of the settings, that tells how to connect to Service Bus.
const CONNECTION: &str = "SERVICEBUS";

/// Returns the functions.
///
/// # Panics
///
/// Never: the names are the host's kind of names, which a test of `xtask` sees to.
#[must_use]
pub fn table() -> Vec<Function> {
    let steps = STEPS.map(|step| (step, queue(step)));
    let others = [
        // All queues forward their dead letters there.
        ("dead_letter", queue("dead-letters")),
        ("sweep", Trigger::Timer { schedule: "%SWEEP_SCHEDULE%".to_owned() }),
        ("start", queue("start")),
        ("schedule", Trigger::Timer { schedule: "0 * * * * *".to_owned() }),
        ("devops_event", queue("devops-events")),
        ("event_grid_queue", queue("event-grid")),
        ("azure_ml_event", Trigger::EventGrid),
        ("registry_event", Trigger::EventGrid),
        ("storage_event", Trigger::EventGrid),
        // These prove themselves by what they sign or know, which no key of ours would add to.
        ("github_event", webhook("github")),
        ("databricks_event", webhook("databricks")),
        ("mlflow_event", webhook("mlflow")),
        ("approval", http(&["post", "get"], "runs/{run}/approvals/{environment}")),
        ("api", http(&["get", "post", "put", "delete"], "{*path}")),
    ];
    let function = |(name, trigger)| Function::new(name, trigger).expect("the host allows the name");
    steps.into_iter().chain(others).map(function).collect()
}

fn queue(name: &str) -> Trigger {
    Trigger::ServiceBusQueue { queue: name.to_owned(), connection: CONNECTION.to_owned() }
}

fn webhook(route: &str) -> Trigger {
    let methods = vec!["post".to_owned()];
    Trigger::Http { methods, route: Some(route.to_owned()), auth_level: AuthLevel::Anonymous }
}

fn http(methods: &[&str], route: &str) -> Trigger {
    Trigger::Http {
        methods: methods.iter().map(|method| (*method).to_owned()).collect(),
        route: Some(route.to_owned()),
        auth_level: AuthLevel::Function,
    }
}
