//! What others send us, read into our own words.
//!
//! A door hands over the bytes it was given, and sometimes a header; a list of [`Reading`]s comes back. Reading is
//! total: whatever the bytes are, it ends soon, takes little memory and never panics. Nothing here waits, reads a
//! clock or touches the world, and no address that a body names is ever called.
//!
//! ```text
//!  bytes -> body::open ----------> one JSON value ----> <sender>::read ----> Reading::Read         facts to act upon
//!           size, UTF-8, .NET      no name twice,       types, grammars      Reading::Ignored      not for us
//!           or string wrapping     bounded depth                             Reading::Quarantined  for a person
//! ```
//!
//! All three are answered 2xx: the sender can do nothing better with an error than to stop sending. Only a body whose
//! signature is wrong is answered 401, before it is read.

pub mod azure_devops;
pub mod azure_ml;
pub mod body;
pub mod code;
pub mod container_registry;
pub mod databricks;
pub mod event_grid;
pub mod fact;
pub mod github;
pub mod mlflow;
pub mod names;
pub mod reading;
pub mod resource_notifications;
pub mod signature;
pub mod storage;
pub mod watched;

mod draft;
mod member;
mod percent;
mod ref_updates;
mod text;

#[cfg(test)]
mod tests;

pub use body::Limits;
pub use code::Code;
pub use fact::Fact;
pub use reading::{Envelope, Notice, Outcome, Reading, Refusal, Remark, Sender};
pub use watched::Watched;
