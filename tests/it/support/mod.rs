//! What the tests stand on: a machine of their own with a real host on it, and a small model repository to deliver.
//!
//! ```text
//! let machine = Machine::new();                     // a home, a port, `trainyard up` as a process
//! let repository = Repository::new(&machine);       // a model that "trains" in a moment
//! let run = repository.push();                      // as a person does it: `trainyard push`
//! let run = machine.ended(&run);                    // waits for its end, answers `show --json`
//! ```

mod backends;
mod handler;
mod http;
mod machine;
mod processes;
mod proxy;
mod repository;
mod wire;

pub use backends::Backends;
pub use handler::Handler;
pub use http::{Reply, ask, send};
pub use machine::{Machine, Output, PROGRAM, eventually, free_port};
pub use processes::{mentioning, signal};
pub use proxy::Proxy;
pub use repository::Repository;
pub use serde_json::{Value, json};
pub use wire::{Framing, invoke};

/// The name of the project of [`Repository::new`].
pub const TINY: &str = "tiny";

/// The step of a run, `train` or `deploy:qa`, as `show --json` has it.
#[track_caller]
pub fn step<'a>(run: &'a Value, key: &str) -> &'a Value {
    let (name, environment) = key.split_once(':').map_or((key, None), |(name, environment)| (name, Some(environment)));
    let steps = run["steps"].as_array().expect("a run has steps");
    let is_it = |step: &&Value| step["step"] == name && step["environment"].as_str() == environment;
    steps.iter().find(is_it).unwrap_or_else(|| panic!("there is no step {key} in {run:#}"))
}

/// How a step stands: `succeeded`.
#[track_caller]
pub fn status<'a>(run: &'a Value, key: &str) -> &'a str {
    step(run, key)["status"].as_str().expect("a step has a status")
}

/// The sentences of a list, one after the other.
pub fn sentences(list: &Value) -> String {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" / ")
}

/// How a run ended: `released`. Fails with the whole run in the message where that is not the word.
#[track_caller]
pub fn assert_outcome(run: &Value, outcome: &str) {
    assert_eq!(run["outcome"], outcome, "{}\n{:#}", sentences(&run["because"]), run["journal"]);
}
