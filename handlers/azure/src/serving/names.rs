//! Names that every service takes, made from names that not every service takes.

use pipeline::names::Digest;

/// Characters of the part that tells names apart.
const TELLING: usize = 10;

/// A name of at most so many characters: lower-case letters, digits and single hyphens, the first a letter, the last
/// none. It begins as the last word does, and ends in a digest of all words, so that no two things share it. The same
/// words always give the same name.
pub(crate) fn name(words: &[&str], longest: usize) -> String {
    let digest = Digest::of(words.join("\n").as_bytes());
    let telling = &digest.hex()[..TELLING];
    let room = longest - TELLING - 1;
    let mut readable = String::new();
    for c in words.last().copied().unwrap_or_default().chars() {
        let c = if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        if readable.is_empty() && !c.is_ascii_lowercase() {
            readable.push('m');
        }
        if readable.len() < room && !(c == '-' && readable.ends_with('-')) {
            readable.push(c);
        }
    }
    let readable = readable.trim_end_matches('-');
    if readable.is_empty() { format!("m-{telling}") } else { format!("{readable}-{telling}") }
}

/// A text of settings with its placeholders filled in: `{project}` becomes the project.
pub(crate) fn filled(pattern: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(pattern.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}
