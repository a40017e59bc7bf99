//! Reads an app: `host.json`, and the functions in the folders beside it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use azure_functions::{Binding, Function, FunctionTimeout, HostJson, Trigger, read_functions};
use hyper::Uri;

use super::HostError;
use super::settings::Settings;

/// The plan with no upper bound has this `functionTimeout`.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// Messages that one function works on at once, unless host.json says otherwise.
const DEFAULT_CALLS: usize = 32;

/// An app as it lies on the disk, with all settings filled in.
#[derive(Debug)]
pub(super) struct App {
    pub root: PathBuf,
    pub host: HostJson,
    pub functions: Vec<Arc<Entry>>,
    pub settings: Settings,
}

/// A function.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its name, which is its folder's.
    pub name: String,
    /// Where the handler has it.
    pub path: Uri,
    /// The trigger's binding.
    pub binding: String,
    pub trigger: Trigger,
    /// As it stands in the file.
    pub function: Function,
}

impl App {
    pub fn read(root: &Path, extra: &[(String, String)]) -> Result<Self, HostError> {
        let failed =
            |path: &Path, error: std::io::Error| HostError::Read { path: path.to_owned(), reason: error.to_string() };
        let root = root.canonicalize().map_err(|error| failed(root, error))?;
        let path = root.join("host.json");
        let text = std::fs::read_to_string(&path).map_err(|error| failed(&path, error))?;
        let host = HostJson::from_json(&text)?;
        let settings = Settings::read(&root, extra)?;
        let mut functions = read_functions(&root)?;
        // In the repository the functions have a folder of their own; the staged app has them side by side.
        if functions.is_empty() && root.join("functions").is_dir() {
            functions = read_functions(&root.join("functions"))?;
        }
        if functions.is_empty() {
            return Err(HostError::NoFunctions { root });
        }
        let entries = functions.into_iter().map(|function| Entry::new(function, &settings).map(Arc::new));
        let functions = entries.collect::<Result<_, _>>()?;
        Ok(Self { root, host, functions, settings })
    }

    /// When an invocation has had its time; `None`: never.
    pub fn timeout(&self) -> Option<Duration> {
        match self.host.function_timeout {
            None => Some(DEFAULT_TIMEOUT),
            Some(FunctionTimeout::After(time)) => Some(time),
            Some(FunctionTimeout::Never) => None,
        }
    }

    /// How many messages a function works on at once.
    pub fn concurrent_calls(&self) -> usize {
        let setting = self.host.extensions.service_bus.get("maxConcurrentCalls");
        let calls = setting.and_then(serde_json::Value::as_u64).and_then(|calls| usize::try_from(calls).ok());
        calls.filter(|calls| (1..=1000).contains(calls)).unwrap_or(DEFAULT_CALLS)
    }

    /// Finds a function; names compare without case.
    pub fn function(&self, name: &str) -> Option<&Arc<Entry>> {
        self.functions.iter().find(|entry| entry.name.eq_ignore_ascii_case(name))
    }
}

impl Entry {
    fn new(function: Function, settings: &Settings) -> Result<Self, HostError> {
        let name = function.name.to_string();
        let expand = |text: &str| {
            let missing = |setting| HostError::Setting { function: name.clone(), setting };
            settings.expand(text).map_err(missing)
        };
        let (binding, trigger) = function
            .trigger()
            .ok_or_else(|| azure_functions::FunctionError::Triggers { name: function.name.clone(), count: 0 })?;
        let trigger = match trigger {
            Trigger::ServiceBusQueue { queue, connection } => {
                Trigger::ServiceBusQueue { queue: expand(queue)?, connection: connection.clone() }
            }
            Trigger::Timer { schedule } => Trigger::Timer { schedule: expand(schedule)? },
            Trigger::Http { methods, route, auth_level } => {
                let route = route.as_deref().map(expand).transpose()?;
                Trigger::Http { methods: methods.clone(), route, auth_level: *auth_level }
            }
            other => other.clone(),
        };
        let path = Uri::try_from(format!("/{name}"));
        let path = path.expect("letters, digits, `-` and `_` are a path");
        Ok(Self { path, binding: binding.to_owned(), trigger, name, function })
    }

    /// The HTTP output's binding.
    pub fn http_output(&self) -> &str {
        let output = self.function.bindings.iter().find_map(|binding| match binding {
            Binding::Output { name, .. } => Some(&**name),
            Binding::Trigger { .. } => None,
        });
        output.unwrap_or("res")
    }
}
