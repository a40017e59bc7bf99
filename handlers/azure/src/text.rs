//! Texts that have to fit.

/// The first so many characters.
pub(crate) fn first(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some(_) => text.chars().take(characters - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_characters_are_at_most_so_many() {
        assert_eq!(first("übe", 3), "übe");
        assert_eq!(first("über", 3), "üb…");
    }
}
