//! What projects take events from.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::console::Style;
use crate::words;

/// Each project, and a line for each thing that it watches.
pub(crate) fn page(projects: &BTreeMap<String, Value>, style: &Style) -> String {
    let paint = style.paint;
    let mut lines = Vec::new();
    for (project, watch) in projects {
        lines.push(paint.bold(&words::one_line(project)));
        let watched: Vec<(String, String)> = watch.as_object().into_iter().flatten().flat_map(described).collect();
        let wide = watched.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        if watched.is_empty() {
            lines.push("  nothing".into());
        }
        let line = |(name, value): (String, String)| format!("  {}  {value}", paint.dim(&format!("{name:<wide$}")));
        lines.extend(watched.into_iter().map(line));
    }
    lines.join("\n")
}

/// A line for each of several.
fn described((name, value): (&String, &Value)) -> Vec<(String, String)> {
    let name = words::one_line(name).replace('_', " ");
    match value {
        Value::Array(several) => several.iter().map(|one| (name.clone(), text(one))).collect(),
        one => vec![(name, text(one))],
    }
}

/// `github 791204417`, `{host, id}` in their order.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => words::one_line(text),
        Value::Object(members) => members.values().map(text).filter(|it| !it.is_empty()).collect::<Vec<_>>().join(" "),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
