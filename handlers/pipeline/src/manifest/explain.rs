//! What the YAML reader found, in words for people who write manifests.

use serde_saphyr::Error;

use super::places::{Place, Places, place, shown};
use super::read::Problem;
use super::toggle::BY_HAND;

/// What is wrong with a text that cannot be a manifest at all.
pub(super) fn explain_syntax(error: &Error) -> Problem {
    explain(error, &Places::default())
}

/// What is wrong with a text that is YAML.
pub(super) fn explain(error: &Error, places: &Places) -> Problem {
    let error = innermost(error);
    let mut at = error.location().map_or((0, 0), place);
    // These are reported where the key stands, and it is the value that is wrong.
    if let Error::SerdeInvalidType { expected, .. } | Error::SerdeInvalidValue { expected, .. } = error
        && BY_HAND.contains(&expected.as_str())
    {
        at = places.value_of(at).unwrap_or(at);
    }
    Problem { line: at.0, column: at.1, what: what(error, at, places) }
}

/// Texts that `null` leaves out.
const OPTIONAL: [&str; 7] = [
    "check.lint",
    "check.test",
    "train.parameters",
    "train.data",
    "register.name",
    "scoring.tests",
    "infrastructure.parameters",
];

fn innermost(mut error: &Error) -> &Error {
    loop {
        error = match error {
            Error::WithSnippet { error, .. } | Error::AliasError { error, .. } => error,
            inner => return inner,
        };
    }
}

fn what(error: &Error, at: Place, places: &Places) -> String {
    match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            let section = match places.section(at) {
                None | Some("") => String::new(),
                Some(section) => format!(" in `{section}`"),
            };
            format!("unknown key `{}`{section}{}", shown(field), choices(field, expected))
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            let choices = choices(variant, expected);
            named(places, at, format!("unknown `{}`{choices}", shown(variant)))
        }
        Error::SerdeMissingField { field, .. } => {
            let what = format!("the key `{field}` is missing");
            match places.section(at) {
                // A section without braces stands where its first key stands.
                Some(section) if !section.is_empty() => format!("{section}: {what}"),
                _ => named(places, at, what),
            }
        }
        Error::DuplicateMappingKey { key, .. } => match key {
            Some(key) => format!("the key `{}` is there twice; each key may be there once", shown(key)),
            None => "a key is there twice; each key may be there once".to_owned(),
        },
        Error::SerdeInvalidType { expected, .. } | Error::SerdeInvalidValue { expected, .. } => {
            wrong(places, at, expected)
        }
        Error::InvalidScalar { ty, .. } => wrong(places, at, ty),
        Error::InvalidBooleanStrict { .. } => wrong(places, at, "bool"),
        Error::Unexpected { expected, .. } => wrong(places, at, expected),
        Error::NullIntoString { .. } => wrong(places, at, "a string"),
        Error::QuotingRequired { value, .. } => {
            let value = shown(value);
            let optional = places.found(at).is_some_and(|(path, _)| OPTIONAL.contains(&path));
            let or_null = if optional { ", and `null` to leave it out" } else { "" };
            let what = format!("expected a text, found `{value}`; write \"{value}\" if this text is meant{or_null}");
            named(places, at, what)
        }
        Error::MergeKeyNotAllowed { .. } => "`<<` is not understood here: write the keys themselves".to_owned(),
        Error::MultipleDocuments { .. } => "a second YAML document begins; a manifest is one document".to_owned(),
        Error::Eof { .. } => "the file is empty; the smallest manifest is `version: 1` and `project: name`".to_owned(),
        Error::UnsupportedTag { tag, .. } => {
            format!("the tag `{}` is not understood; leave it out", shown(tag))
        }
        Error::Budget { .. } | Error::AliasReplayLimitExceeded { .. } => {
            format!("the file is larger or deeper than any manifest: {}", bare(error))
        }
        Error::UnknownAnchor { .. } => "`*` names an anchor that is not there".to_owned(),
        Error::Message { msg, .. } => named(places, at, shown_words(msg)),
        other => named(places, at, bare(other)),
    }
}

/// `path: what`, when the place is known.
fn named(places: &Places, at: Place, what: String) -> String {
    match places.found(at) {
        None | Some(("", _)) => what,
        Some((path, _)) => format!("{path}: {what}"),
    }
}

fn wrong(places: &Places, at: Place, expected: &str) -> String {
    let expected = in_words(expected);
    match places.found(at) {
        Some(("", found)) => format!("expected {expected}, found {found}"),
        Some((path, found)) => format!("{path}: expected {expected}, found {found}"),
        None => format!("expected {expected}"),
    }
}

fn in_words(expected: &str) -> &str {
    let expected = expected.trim_start_matches("invalid ");
    match expected {
        "bool" | "boolean" | "a boolean" => "`true` or `false`",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" | "float" => "a number",
        "a string" | "string" | "string scalar" => "a text",
        "a sequence" | "sequence" | "sequence start" => "a list",
        "mapping" | "mapping start" | "a map" => "a section",
        other if other.starts_with("struct ") => "a section",
        other => other,
    }
}

/// The library's words without its own place, which stands before ours already.
fn bare(error: &Error) -> String {
    let text = error.to_string();
    let at = error.location().map(|at| format!(" at line {}, column {}", at.line(), at.column()));
    let text = text.replace("recursion limit exceeded", "sections and lists are nested too deep");
    let text = match at.and_then(|at| text.find(&at).map(|start| (start, at.len()))) {
        Some((start, len)) => format!("{}{}", &text[..start], &text[start + len..]),
        None => text,
    };
    shown_words(text.trim())
}

fn shown_words(text: &str) -> String {
    text.lines().map(shown_line).collect::<Vec<_>>().join(" ")
}

fn shown_line(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

/// `; did you mean ...? Allowed: ...`
fn choices(given: &str, allowed: &[&str]) -> String {
    let listed = |word: &&str| {
        if word.contains(' ') { (*word).to_owned() } else { format!("`{word}`") }
    };
    let all = allowed.iter().map(listed).collect::<Vec<_>>().join(", ");
    match nearest(given, allowed) {
        Some(near) => format!("; did you mean `{near}`? Allowed: {all}"),
        None => format!("; allowed: {all}"),
    }
}

fn nearest<'a>(given: &str, allowed: &[&'a str]) -> Option<&'a str> {
    if given.len() > 60 {
        return None;
    }
    let given = given.to_lowercase().replace(['-', ' '], "_");
    let most = (given.chars().count() / 3).max(1);
    allowed
        .iter()
        .map(|word| (distance(&given, word), *word))
        .filter(|(distance, word)| *distance <= most || word.starts_with(&given))
        .min()
        .map(|(_, word)| word)
}

/// How many letters must be put in, taken out or changed to make one word of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let change = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}
