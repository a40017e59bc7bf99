//! Texts that others wrote: bounded, and harmless wherever they are shown.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// What a sentence may take over of somebody's text.
pub(crate) const QUOTE: usize = 200;
/// What is kept of a text that people wrote.
pub(crate) const NOTE: usize = 2_000;
/// What is kept of an event for a person to look at.
const PART: usize = 4_000;
const WITHHELD: &str = "(withheld)";

/// A text without control characters, at most `most` bytes long. Says whether it was cut.
pub(crate) fn shown(text: &str, most: usize) -> (String, bool) {
    let mut shown = String::with_capacity(text.len().min(most));
    for c in text.chars() {
        let before = shown.len();
        if misleads(c) {
            // Writing to a string does not fail.
            let _ = write!(shown, "{}", c.escape_unicode());
        } else {
            shown.push(c);
        }
        if shown.len() > most {
            shown.truncate(before);
            shown.push('…');
            return (shown, true);
        }
    }
    (shown, false)
}

/// A text to be quoted in a sentence.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", shown(text, QUOTE).0)
}

/// Whether a character ends a log line, moves a terminal's cursor, or makes people read another text than is there.
pub(crate) fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A value for a person to look at, without what may be a secret.
pub(crate) fn part(value: &Value) -> String {
    let mut left = PART;
    shown(&without_secrets(value, &mut left).to_string(), PART).0
}

/// A copy of the beginning of a value. `left` counts bytes, so that a large value is not copied only to be cut.
fn without_secrets(value: &Value, left: &mut usize) -> Value {
    match value {
        Value::String(text) => {
            let kept = if has_secret(text) { WITHHELD.to_owned() } else { shown(text, (*left).min(NOTE)).0 };
            *left = left.saturating_sub(kept.len() + 2);
            kept.into()
        }
        Value::Array(items) => {
            let mut kept = Vec::new();
            for item in items {
                if *left == 0 {
                    break;
                }
                *left = left.saturating_sub(1);
                kept.push(without_secrets(item, left));
            }
            kept.into()
        }
        Value::Object(members) => {
            let mut kept = Map::new();
            for (name, member) in members {
                if *left == 0 {
                    break;
                }
                let shown_name = shown(name, QUOTE).0;
                *left = left.saturating_sub(shown_name.len() + 4);
                let member = if is_secret(name) { WITHHELD.into() } else { without_secrets(member, left) };
                kept.insert(shown_name, member);
            }
            kept.into()
        }
        small => {
            *left = left.saturating_sub(4);
            small.clone()
        }
    }
}

/// Members that carry credentials: a service hook's session token, a hook's secret, an address that validates.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["token", "secret", "password", "authorization", "validationurl", "connectionstring", "sas"]
        .iter()
        .any(|word| name == *word || (word.len() > 3 && name.contains(word)))
}

/// An address that is signed is a credential.
fn has_secret(text: &str) -> bool {
    ["sig=", "token=", "code=", "Bearer ", "SharedAccessKey="].iter().any(|mark| text.contains(mark))
}

/// Whether a header can be the id of a delivery.
pub(crate) fn is_delivery_id(id: &str) -> bool {
    (1..=200).contains(&id.len()) && id.chars().all(|c| c.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_cannot_end_a_line_move_a_cursor_or_read_backwards() {
        let (text, cut) = shown("main\r\n2026 INFO approved=true\u{1b}[2J\u{202e}x", 200);
        assert_eq!(text, r"main\u{d}\u{a}2026 INFO approved=true\u{1b}[2J\u{202e}x");
        assert!(!cut);
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(shown("ééé", 5), ("éé…".to_owned(), true));
        assert_eq!(shown("\n\n\n", 6), (r"\u{a}…".to_owned(), true));
        assert_eq!(shown("", 0), (String::new(), false));
    }

    #[test]
    fn what_is_kept_for_a_person_has_no_secrets_and_is_short() {
        let event = json!({
            "sessionToken": {"token": "hunter2"},
            "hook": {"config": {"secret": "hunter2", "url": "https://x/?sig=hunter2"}},
            "data": {"validationUrl": "https://x/?id=hunter2", "ClientSecret": "hunter2"},
            "n": 7,
        });
        let part = part(&event);
        assert!(!part.contains("hunter2"), "{part}");
        assert!(part.contains("\"n\":7"), "{part}");
        let deep = json!({"a": vec![json!({"b": "x".repeat(1_000)}); 1_000]});
        assert!(super::part(&deep).len() < 2 * PART);
        assert!(super::part(&json!(vec![json!(vec![0; 10]); 100_000])).len() < 2 * PART);
    }
}
