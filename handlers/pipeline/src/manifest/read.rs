//! Reading `trainyard.yml`: the errors name the line, what is wrong and what is allowed.

use std::fmt;

use serde_saphyr::Spanned;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};

use super::Manifest;
use super::explain::{explain, explain_syntax};
use super::places::{Node, Places};
use super::validate::{validate, version};

/// A manifest is written by people; this is far more than they write.
const MOST_BYTES: usize = 256 * 1024;

/// More problems than this help nobody.
const MOST_PROBLEMS: usize = 20;

/// What is wrong with a manifest: one line a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestError {
    /// The file's name.
    pub file: String,
    /// At least one, in the order of the file.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// From 1; 0 when the whole file is meant.
    pub line: u64,
    /// From 1; 0 when the whole line is meant.
    pub column: u64,
    /// What is wrong and what is allowed.
    pub what: String,
}

impl std::error::Error for ManifestError {}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let Problem { line, column, what } = problem;
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{}:{line}:{column}: {what}", self.file)?;
        }
        Ok(())
    }
}

/// Reads a manifest.
///
/// # Errors
///
/// [`ManifestError`] with the places and what is allowed there. A text that is not YAML, or that has an unknown key or a
/// wrong type, has one problem; impossible values are all told at once.
pub fn read(file: &str, text: &str) -> Result<Manifest, ManifestError> {
    let refuse = |mut problems: Vec<Problem>| {
        problems.sort();
        problems.truncate(MOST_PROBLEMS);
        Err(ManifestError { file: file.to_owned(), problems })
    };
    if text.len() > MOST_BYTES {
        return refuse(vec![Problem {
            line: 0,
            column: 0,
            what: format!("the file has {} bytes; a manifest has at most {MOST_BYTES}", text.len()),
        }]);
    }
    let tree: Spanned<Node> = match serde_saphyr::from_str_with_options(text, options()) {
        Ok(tree) => tree,
        Err(error) => return refuse(vec![explain_syntax(&error)]),
    };
    let places = Places::of(&tree);
    // Another version may have other keys: say so before anything else is called unknown.
    if let Some(problem) = version(&places) {
        return refuse(vec![problem]);
    }
    let manifest: Manifest = match serde_saphyr::from_str_with_options(text, options()) {
        Ok(manifest) => manifest,
        Err(error) => return refuse(vec![explain(&error, &places)]),
    };
    let problems = validate(&manifest, &places);
    if problems.is_empty() { Ok(manifest) } else { refuse(problems) }
}

/// The JSON Schema of a manifest, for editors.
#[must_use]
pub fn json_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Manifest).to_value();
    schema["title"] = "trainyard.yml".into();
    schema
}

/// YAML without its surprises, and without the power to fill the memory.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 100_000,
            max_nodes: 50_000,
            max_depth: 16,
            flow_nesting_limit: 16,
            max_aliases: 100,
            max_anchors: 100,
            max_recorded_anchor_events: 10_000,
            max_recorded_anchor_bytes: MOST_BYTES,
            max_total_scalar_bytes: MOST_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 10_000,
            max_replay_stack_depth: 4,
            max_alias_expansions_per_anchor: 100,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        // So that a rule about the value can refuse it by its name.
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        strict_booleans: true,
        no_schema: true,
        reject_unsupported_tags: true,
        emit_comments: false,
        with_snippet: false,
    }
}
