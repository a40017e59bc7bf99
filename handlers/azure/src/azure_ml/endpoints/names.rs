//! Names as online endpoints and their deployments take them.

use pipeline::names::Digest;

/// Characters of a name, at most.
const LONGEST: usize = 32;
/// Characters of the part that tells names apart.
const TELLING: usize = 10;

/// Lower-case letters, digits and single hyphens, the first a letter: readable as far as there is room, and ending in a
/// digest of all that it stands for. The same words always give the same name.
pub(super) fn name(readable: &str, words: &[&str]) -> String {
    let mut name = String::new();
    for c in readable.chars() {
        let c = if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        if name.is_empty() && !c.is_ascii_lowercase() {
            name.push('e');
        }
        if name.len() < LONGEST - TELLING - 1 && !(c == '-' && name.ends_with('-')) {
            name.push(c);
        }
    }
    let digest = Digest::of(words.join("\n").as_bytes());
    format!("{}-{}", name.trim_end_matches('-'), &digest.hex()[..TELLING])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_the_service_takes_and_tell_things_apart() {
        for readable in ["diabetes-qa", "7_Diabetes", "deploy-diabetes_regression-7-prod-0123456789ab", "--", "a"] {
            let name = name(readable, &[readable]);
            assert!(name.len() <= LONGEST && name.starts_with(|c: char| c.is_ascii_lowercase()), "{name}");
            assert!(name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-')) && !name.contains("--"), "{name}");
        }
        assert!(name("diabetes-qa", &["a"]).starts_with("diabetes-qa-"));
        assert_eq!(name("a_b", &["a", "b"]), name("a_b", &["a", "b"]));
        assert_ne!(name("a_b", &["a_b"]), name("a-b", &["a-b"]));
    }
}
