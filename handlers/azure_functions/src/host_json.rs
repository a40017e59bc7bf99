//! `host.json`: how the host runs the app.
//!
//! The structs mirror the file. Only what a custom handler has to do with is spelled out; all other members are kept as
//! they are, so that reading and writing a file loses nothing.
//!
//! Source: `src/WebJobs.Script/Workers/Http/Configuration/HttpWorkerOptionsSetup.cs` and
//! `src/WebJobs.Script/Config/ScriptJobHostOptionsSetup.cs` in `Azure/azure-functions-host`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{InvalidTimeSpan, TimeSpan};

/// The settings of an app.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostJson {
    /// The version of the file's schema, `2.0`.
    pub version: String,
    /// The process that does the work.
    pub custom_handler: CustomHandler,
    /// How long an invocation may take before the host kills the handler; `None` leaves it to the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_timeout: Option<FunctionTimeout>,
    /// Settings of the triggers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub extensions: Extensions,
    /// Where the triggers' code comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension_bundle: Option<ExtensionBundle>,
    /// All other members.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The process that does the work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomHandler {
    /// What to start.
    pub description: Description,
    /// Whether requests to plain HTTP functions arrive as they are. This crate's views need it to be false.
    #[serde(default, skip_serializing_if = "is_default")]
    pub enable_forwarding_http_request: bool,
    /// How long the host waits for the first answer; `None` means 30 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initialization_timeout: Option<TimeSpan>,
    /// All other members.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What to start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// The executable, relative to the folder of `host.json`.
    pub default_executable_path: String,
    /// Its arguments. The host does not quote them: one with a blank in it arrives as two.
    #[serde(default, skip_serializing_if = "is_default")]
    pub arguments: Vec<String>,
    /// All other members.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Settings of the triggers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Extensions {
    /// Of HTTP functions.
    #[serde(default, skip_serializing_if = "is_default")]
    pub http: HttpExtension,
    /// Of Service Bus triggers, by the names that the file has.
    #[serde(default, skip_serializing_if = "is_default")]
    pub service_bus: Map<String, Value>,
    /// All other members.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Settings of HTTP functions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpExtension {
    /// What stands before each route; `None` means `api`, the empty text nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_prefix: Option<String>,
    /// All other members.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A range of versions of a bundle of extensions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExtensionBundle {
    /// The name of the bundle.
    pub id: String,
    /// The range, in NuGet's notation.
    pub version: String,
    /// All other members.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// When the host gives up on an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum FunctionTimeout {
    /// After this time.
    After(Duration),
    /// Never, which not all plans allow.
    Never,
}

/// Why `host.json` cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("host.json: {0}")]
pub struct HostJsonError(#[from] serde_json::Error);

impl HostJson {
    /// The settings of an app that runs this executable, with the current bundle and otherwise the host's defaults.
    pub fn new(default_executable_path: impl Into<String>) -> Self {
        let description =
            Description { default_executable_path: default_executable_path.into(), ..Description::default() };
        Self {
            version: "2.0".to_owned(),
            custom_handler: CustomHandler { description, ..CustomHandler::default() },
            function_timeout: None,
            extensions: Extensions::default(),
            extension_bundle: Some(ExtensionBundle::default()),
            other: Map::new(),
        }
    }

    /// Returns what stands before each route of an HTTP function.
    pub fn route_prefix(&self) -> &str {
        let prefix = self.extensions.http.route_prefix.as_deref();
        prefix.unwrap_or("api")
    }

    /// Renders `host.json`.
    pub fn to_json(&self) -> String {
        let json = serde_json::to_string_pretty(self);
        json.expect("maps with texts as keys always serialize") + "\n"
    }

    /// Reads `host.json`.
    ///
    /// # Errors
    ///
    /// When it is not JSON, has no `customHandler`, or a member is of the wrong type.
    pub fn from_json(json: &str) -> Result<Self, HostJsonError> {
        Ok(serde_json::from_str(json)?)
    }
}

/// The vendor's bundle for the host's version 4.
impl Default for ExtensionBundle {
    fn default() -> Self {
        Self {
            id: "Microsoft.Azure.Functions.ExtensionBundle".to_owned(),
            version: "[4.*, 5.0.0)".to_owned(),
            other: Map::new(),
        }
    }
}

impl TryFrom<String> for FunctionTimeout {
    type Error = InvalidTimeSpan;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match &*text {
            "-1" => Ok(Self::Never),
            text => text.parse().map(|TimeSpan(time)| Self::After(time)),
        }
    }
}

impl From<FunctionTimeout> for String {
    fn from(timeout: FunctionTimeout) -> Self {
        match timeout {
            FunctionTimeout::After(time) => TimeSpan(time).to_string(),
            FunctionTimeout::Never => "-1".to_owned(),
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
