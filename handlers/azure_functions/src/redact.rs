//! Takes secrets out of what is about to be logged.
//!
//! The keys of a function app travel in the query (`?code=`) and in `x-functions-key`, and the host passes both on to
//! the handler. This is the net under the tightrope: better not to log URLs, headers and bodies at all.

use std::borrow::Cow;

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Headers whose value is a secret; a prefix such as `proxy-` or `set-` makes no difference to [`redact`].
const HEADERS: [&str; 4] = ["authorization", "cookie", "x-functions-key", "x-zumo-auth"];

/// Parameters of a query or of a connection string whose value is a secret.
const PARAMETERS: [&str; 5] = ["code", "sig", "accountkey", "sharedaccesskey", "sharedaccesssignature"];

/// Says whether what goes under this name, of a header or of a parameter, is a secret.
pub fn is_secret_name(name: &str) -> bool {
    let mut names = HEADERS.iter().chain(&PARAMETERS);
    names.any(|secret| secret.eq_ignore_ascii_case(name))
}

/// Replaces the secrets in a URL, a connection string, a header or the JSON of headers.
///
/// A JSON member named `code` stays: that is what errors of Azure's services are called.
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut clean = String::new();
    let mut kept = 0;
    let mut from = 0;
    while let Some((start, end)) = next_secret(text, from) {
        clean.push_str(&text[kept..start]);
        clean.push_str(REDACTED);
        kept = end;
        from = end;
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    clean.push_str(&text[kept..]);
    Cow::Owned(clean)
}

/// Finds the first secret that begins at or after `from`.
fn next_secret(text: &str, from: usize) -> Option<(usize, usize)> {
    let mut places = (from..text.len()).filter(|&at| text.is_char_boundary(at));
    places.find_map(|at| parameter(text, at).or_else(|| header(text, at)))
}

/// `name=secret`, up to what ends a parameter.
fn parameter(text: &str, at: usize) -> Option<(usize, usize)> {
    let mut names = PARAMETERS.iter();
    let name = names.find(|name| has_prefix(&text[at..], name))?;
    let is_assigned = text[at + name.len()..].starts_with('=');
    let start = at + name.len() + 1;
    let is_pair = is_assigned && begins_parameter(&text[..at], name);
    is_pair.then(|| (start, end(text, start, "&;\"'\\<> \t\r\n#")))
}

/// `name: secret`, also quoted or in a list, up to what ends a header.
fn header(text: &str, at: usize) -> Option<(usize, usize)> {
    let mut names = HEADERS.iter();
    let name = names.find(|name| has_prefix(&text[at..], name))?;
    let rest = &text[at + name.len()..];
    let value = rest.trim_start_matches(['"', '\'', '\\', ':', '=', ' ', '[', '(']);
    let start = text.len() - value.len();
    let is_pair = rest[..rest.len() - value.len()].contains([':', '=']);
    (is_pair && !value.is_empty()).then(|| (start, end(text, start, "\"'\\\r\n]")))
}

/// Tells `?code=` from `zipcode=`, and from "exit code=1": `code` is a word of English as well.
fn begins_parameter(before: &str, name: &str) -> bool {
    let marks = ["?", "&", "&amp;", "\\u0026", "%3f", "%26"];
    let in_query = before.is_empty() || marks.iter().any(|mark| has_suffix(before, mark));
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    in_query || (name != "code" && !before.ends_with(is_word))
}

fn end(text: &str, start: usize, marks: &str) -> usize {
    let length = text[start..].find(|c| marks.contains(c));
    length.map_or(text.len(), |length| start + length)
}

fn has_prefix(text: &str, lowercase: &str) -> bool {
    let head = text.get(..lowercase.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(lowercase))
}

fn has_suffix(text: &str, lowercase: &str) -> bool {
    let start = text.len().checked_sub(lowercase.len());
    let tail = start.and_then(|start| text.get(start..));
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case(lowercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_tokens_are_taken_out() {
        for (text, clean) in [
            ("https://x/api/a?code=s3cr3t==&b=1", "https://x/api/a?code=[redacted]&b=1"),
            ("GET /a?b=1&CODE=s3cr3t HTTP/1.1", "GET /a?b=1&CODE=[redacted] HTTP/1.1"),
            (r"/a?b=1\u0026code=s3cr3t", r"/a?b=1\u0026code=[redacted]"),
            ("x-functions-key: s3cr3t", "x-functions-key: [redacted]"),
            (r#"{"x-functions-key":["s3cr3t"],"A":["b"]}"#, r#"{"x-functions-key":["[redacted]"],"A":["b"]}"#),
            (r#"{\"Authorization\":\"Bearer s3cr3t\"}"#, r#"{\"Authorization\":\"[redacted]\"}"#),
            ("authorization: Bearer s3cr3t\r\nAccept: */*", "authorization: [redacted]\r\nAccept: */*"),
            ("Endpoint=sb://x/;SharedAccessKey=s3cr3t=;A=b", "Endpoint=sb://x/;SharedAccessKey=[redacted];A=b"),
            ("?sv=1&sig=s3cr3t%3D&se=2", "?sv=1&sig=[redacted]&se=2"),
            ("code=s3cr3t", "code=[redacted]"),
            ("Ä?code=s3cr3t Ö", "Ä?code=[redacted] Ö"),
        ] {
            assert_eq!(redact(text), clean);
        }
    }

    #[test]
    fn what_is_no_secret_is_left_alone() {
        for text in [
            "",
            "exit code=1",
            r#"{"error":{"code":"NotFound"}}"#,
            "?zipcode=12345&statuscode=2",
            "authorization of the caller failed",
            "design=blue",
            "x-functions-key",
        ] {
            assert!(matches!(redact(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn names_compare_without_case() {
        assert!(is_secret_name("X-Functions-Key") && is_secret_name("Code"));
        assert!(!is_secret_name("Content-Type"));
    }
}
