//! `function.json`: what calls a function.
//!
//! An app writes its table of functions once, in code, and renders these files from it; a small host of one's own reads
//! them back. There is one form for each trigger, the one that loses nothing on the way: Service Bus bodies as bytes,
//! one event or message at a time. What else a file may ask for is an error here, not a guess.
//!
//! Source: `src/WebJobs.Script/Host/HostFunctionMetadataProvider.cs` and `Utility.cs` in `Azure/azure-functions-host`.

use std::{fmt, fs, io, path::Path, str::FromStr};

use serde::{Deserialize, Serialize};

/// The name of a function, which is the name of its folder and the path under which it is invoked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionName(String);

/// A function and what it is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The name.
    pub name: FunctionName,
    /// The bindings: exactly one trigger, and the outputs.
    pub bindings: Vec<Binding>,
}

/// One end of a function that the host holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// What calls the function.
    Trigger {
        /// The member of `Data` in which the value arrives.
        name: String,
        /// The trigger.
        trigger: Trigger,
    },
    /// Where something goes.
    Output {
        /// The member of `Outputs` from which the host takes the value.
        name: String,
        /// The output.
        output: Output,
    },
}

/// What calls a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Each message of a Service Bus queue, with the body as bytes (`dataType: "binary"`).
    ServiceBusQueue {
        /// The queue, or the setting that holds its name, `%LIKE_THIS%`.
        queue: String,
        /// The setting, or the prefix of the settings, that tells how to connect.
        connection: String,
    },
    /// Each event of an Event Grid subscription.
    EventGrid,
    /// A request.
    Http {
        /// The methods, in small letters; empty means all.
        methods: Vec<String>,
        /// The route below the app's prefix; `None` means the function's name.
        route: Option<String>,
        /// Who may call.
        auth_level: AuthLevel,
    },
    /// A schedule.
    Timer {
        /// Six fields, the first of them seconds, or the setting that holds them.
        schedule: String,
    },
}

/// Where the host puts what a function answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The answer to an HTTP request.
    Http,
}

/// Which key a caller of an HTTP function must show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthLevel {
    /// None.
    Anonymous,
    /// A key of the function or of the app.
    #[default]
    Function,
    /// The master key.
    Admin,
}

/// Why a function cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FunctionError {
    /// The name is not one that the host allows.
    #[error("`{0}` cannot name a function: a letter, then up to 127 letters, digits, `-` and `_`, but not `host`")]
    InvalidName(String),
    /// The file is not JSON, or a member is missing or of the wrong type.
    #[error("function `{name}`: {source}")]
    Json {
        /// The function.
        name: FunctionName,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The host may know it; this crate does not.
    #[error("function `{name}`: {what} is not supported")]
    Unsupported {
        /// The function.
        name: FunctionName,
        /// The setting.
        what: String,
    },
    /// There must be exactly one trigger.
    #[error("function `{name}` has {count} triggers instead of one")]
    Triggers {
        /// The function.
        name: FunctionName,
        /// How many it has.
        count: usize,
    },
    /// A file or folder cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Function {
    /// A function with the usual names of bindings: `message`, `event`, `req` with the output `res`, or `timer`.
    ///
    /// # Errors
    ///
    /// When the host does not allow the name.
    pub fn new(name: &str, trigger: Trigger) -> Result<Self, FunctionError> {
        let (value, output) = match trigger {
            Trigger::ServiceBusQueue { .. } => ("message", None),
            Trigger::EventGrid => ("event", None),
            Trigger::Http { .. } => ("req", Some(("res".to_owned(), Output::Http))),
            Trigger::Timer { .. } => ("timer", None),
        };
        let value = value.to_owned();
        let trigger = Binding::Trigger { name: value, trigger };
        let output = output.map(|(name, output)| Binding::Output { name, output });
        Ok(Self { name: name.parse()?, bindings: [trigger].into_iter().chain(output).collect() })
    }

    /// Returns the trigger, and the member of `Data` in which its value arrives.
    pub fn trigger(&self) -> Option<(&str, &Trigger)> {
        self.bindings.iter().find_map(|binding| match binding {
            Binding::Trigger { name, trigger } => Some((&**name, trigger)),
            Binding::Output { .. } => None,
        })
    }

    /// Renders `function.json`.
    pub fn to_json(&self) -> String {
        let bindings = self.bindings.iter().map(WireBinding::from).collect();
        let file = WireFile { bindings };
        let json = serde_json::to_string_pretty(&file);
        json.expect("texts and lists of texts always serialize") + "\n"
    }

    /// Reads `function.json`.
    ///
    /// # Errors
    ///
    /// When the file is not right, or asks for something that this crate does not do.
    pub fn from_json(name: &str, json: &str) -> Result<Self, FunctionError> {
        let name: FunctionName = name.parse()?;
        let file: WireFile = match serde_json::from_str(json) {
            Ok(file) => file,
            Err(source) => return Err(FunctionError::Json { name, source }),
        };
        let bindings: Result<Vec<_>, _> = file.bindings.into_iter().map(Binding::try_from).collect();
        let bindings = match bindings {
            Ok(bindings) => bindings,
            Err(what) => return Err(FunctionError::Unsupported { name, what }),
        };
        let is_trigger = |binding: &&Binding| matches!(binding, Binding::Trigger { .. });
        match bindings.iter().filter(is_trigger).count() {
            1 => Ok(Self { name, bindings }),
            count => Err(FunctionError::Triggers { name, count }),
        }
    }
}

/// Reads the functions of an app, sorted by name: the folders of `root` that hold a `function.json`.
///
/// # Errors
///
/// When one of them cannot be read.
pub fn read_functions(root: &Path) -> Result<Vec<Function>, FunctionError> {
    let mut functions = Vec::new();
    for entry in fs::read_dir(root)? {
        let folder = entry?.path();
        let file = folder.join("function.json");
        if !file.is_file() {
            continue;
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        functions.push(Function::from_json(&name, &fs::read_to_string(file)?)?);
    }
    functions.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(functions)
}

/// The host's rule: `^[a-z][a-z0-9_-]{0,127}$` in any case, and not `host`.
impl FromStr for FunctionName {
    type Err = FunctionError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let is_fine = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(is_fine)
            && name.len() <= 128
            && !name.eq_ignore_ascii_case("host");
        match is_name {
            true => Ok(Self(name.to_owned())),
            false => Err(FunctionError::InvalidName(name.to_owned())),
        }
    }
}

impl AsRef<str> for FunctionName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Serialize, Deserialize)]
struct WireFile {
    bindings: Vec<WireBinding>,
}

/// A binding as it stands in the file, with the members of every type.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireBinding {
    r#type: String,
    #[serde(default)]
    direction: String,
    #[serde(default)]
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cardinality: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_sessions_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    methods: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<String>,
}

impl From<&Binding> for WireBinding {
    fn from(binding: &Binding) -> Self {
        let some = |text: &str| Some(text.to_owned());
        let new = |r#type: &str, direction: &str, name: &str| Self {
            r#type: r#type.to_owned(),
            direction: direction.to_owned(),
            name: name.to_owned(),
            ..Self::default()
        };
        let (name, trigger) = match binding {
            Binding::Output { name, output: Output::Http } => return new("http", "out", name),
            Binding::Trigger { name, trigger } => (name, trigger),
        };
        match trigger {
            Trigger::ServiceBusQueue { queue, connection } => Self {
                queue_name: some(queue),
                connection: some(connection),
                data_type: some("binary"),
                ..new("serviceBusTrigger", "in", name)
            },
            Trigger::EventGrid => new("eventGridTrigger", "in", name),
            Trigger::Http { methods, route, auth_level } => Self {
                auth_level: some(auth_level.name()),
                methods: (!methods.is_empty()).then(|| methods.clone()),
                route: route.clone(),
                ..new("httpTrigger", "in", name)
            },
            Trigger::Timer { schedule } => Self { schedule: some(schedule), ..new("timerTrigger", "in", name) },
        }
    }
}

/// The error says what is not supported.
impl TryFrom<WireBinding> for Binding {
    type Error = String;

    fn try_from(wire: WireBinding) -> Result<Self, Self::Error> {
        let is =
            |value: &Option<String>, expected: &str| value.as_ref().is_some_and(|it| it.eq_ignore_ascii_case(expected));
        if is(&wire.cardinality, "many") {
            return Err("`cardinality: \"many\"`".to_owned());
        }
        if wire.is_sessions_enabled == Some(true) {
            return Err("`isSessionsEnabled: true`".to_owned());
        }
        let need = |value: Option<String>, member: &str| {
            value.ok_or_else(|| format!("a `{}` without `{member}`", wire.r#type))
        };
        let trigger = match &*wire.r#type.to_ascii_lowercase() {
            "servicebustrigger" if !is(&wire.data_type, "binary") => {
                return Err("a `serviceBusTrigger` without `dataType: \"binary\"`".to_owned());
            }
            "servicebustrigger" => Trigger::ServiceBusQueue {
                queue: need(wire.queue_name, "queueName")?,
                connection: need(wire.connection, "connection")?,
            },
            "eventgridtrigger" => Trigger::EventGrid,
            "httptrigger" => Trigger::Http {
                methods: wire.methods.unwrap_or_default(),
                route: wire.route,
                auth_level: match wire.auth_level {
                    Some(level) => AuthLevel::from_name(&level).ok_or_else(|| format!("`authLevel: \"{level}\"`"))?,
                    None => AuthLevel::default(),
                },
            },
            "timertrigger" => Trigger::Timer { schedule: need(wire.schedule, "schedule")? },
            "http" => {
                let output = Output::Http;
                return Ok(Self::Output { name: wire.name, output });
            }
            _ => return Err(format!("the binding `{}`", wire.r#type)),
        };
        Ok(Self::Trigger { name: wire.name, trigger })
    }
}

impl AuthLevel {
    const ALL: [Self; 3] = [Self::Anonymous, Self::Function, Self::Admin];

    fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Function => "function",
            Self::Admin => "admin",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|level| level.name().eq_ignore_ascii_case(name))
    }
}
