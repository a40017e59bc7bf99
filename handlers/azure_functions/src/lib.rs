//! The custom handler protocol of Azure Functions, over axum.
//!
//! The Functions *host* starts one process, the *custom handler*, and sends it each *invocation* of a *function* as
//! one HTTP request. This crate is the handler's half of that talk, and the model of the files that describe an app.
//!
//! ```text
//!  trigger --> Functions host --POST /<function>, {"Data":{…},"Metadata":{…}}--> Router --> async fn(Invocation)
//!                     ^----------200, {"Outputs":{…},"Logs":[…]}-----------------------------------' Outcome
//! ```
//!
//! ```no_run
//! use azure_functions::{Invocation, Outcome, Router, bind, port_from_environment};
//!
//! async fn greet(invocation: Invocation) -> Result<Outcome, azure_functions::DecodeError> {
//!     let message = invocation.service_bus_message()?;
//!     Ok(Outcome::success().log(format!("{} bytes", message.body().len())))
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let router = Router::new().function("greet", greet);
//! router.serve(bind(port_from_environment()?).await?).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Where things are: an invocation in [`Invocation`] and its views ([`ServiceBusMessage`], [`EventGridEvent`],
//! [`HttpRequest`], [`Timer`]); the answer in [`Outcome`]; `function.json` in [`Function`]; `host.json` in
//! [`HostJson`]; the host's half, for a host of one's own, in [`host`].
//!
//! Sources: the documentation, <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers>, and where
//! that is silent or wrong (its samples do not show how values are quoted) the host itself,
//! <https://github.com/Azure/azure-functions-host>, `src/WebJobs.Script/Workers/Http`.

mod function;
pub mod host;
mod host_json;
mod invocation;
mod outcome;
mod redact;
mod router;
mod serve;
mod time_span;
mod value;
mod views;

pub use axum::http::StatusCode;
pub use function::{AuthLevel, Binding, Function, FunctionError, FunctionName, Output, Trigger, read_functions};
pub use host_json::{
    CustomHandler, Description, ExtensionBundle, Extensions, FunctionTimeout, HostJson, HostJsonError, HttpExtension,
};
pub use invocation::{DecodeError, Invocation, RetryContext};
pub use outcome::{HttpResponse, Outcome};
pub use redact::{REDACTED, is_secret_name, redact};
pub use router::{DEFAULT_BODY_LIMIT, DEFAULT_DEADLINE, Router};
pub use serve::{DEFAULT_PORT, InvalidPort, bind, port_from_environment};
pub use time_span::{InvalidTimeSpan, TimeSpan};
pub use value::{Members, Value};
pub use views::{BatchEncoding, BatchMessage, Claim, EventGridEvent, HttpRequest, Identity, ServiceBusMessage, Timer};
