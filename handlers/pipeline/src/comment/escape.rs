//! Text that stays text in Markdown.

/// Characters that are kept of one piece of text.
const PIECE_MAX: usize = 300;

/// Breaks a mention or a reference: neither code host looks for a name behind it.
const NO_NAME: char = '\u{200b}';

/// Text in one line that Markdown shows as it is: no markup, no HTML, no link, no mention of a person, an issue or a pull
/// request.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    let mut characters = text.trim().chars().peekable();
    let mut before = ' ';
    for _ in 0..PIECE_MAX {
        let Some(character) = characters.next() else { return escaped };
        let is_in_number = before.is_ascii_digit() && characters.peek().is_some_and(char::is_ascii_digit);
        match character {
            // Line ends would end a row; what turns the direction of writing would show something else than is there.
            _ if character.is_control() || is_invisible(character) => escaped.push(' '),
            '.' if is_in_number => escaped.push('.'),
            ' ' | ',' | ';' | '%' | '\'' | '"' | '?' | '=' => escaped.push(character),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '@' | '#' | '!' | '$' => {
                escaped.extend(['\\', character, NO_NAME]);
            }
            _ if character.is_ascii_punctuation() => escaped.extend(['\\', character]),
            _ => escaped.push(character),
        }
        before = character;
    }
    if characters.peek().is_some() {
        escaped.push('…');
    }
    escaped
}

/// Marks of direction, joiners and the like.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
