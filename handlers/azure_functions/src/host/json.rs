//! Writes JSON as the real host's serializer does: which characters it escapes, how it quotes twice, how dates look.

use jiff::{Timestamp, tz::Offset};

/// Appends a JSON string.
pub(super) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    escape(out, text);
    out.push('"');
}

/// Appends a JSON string that holds the JSON string `text`, which is how the host passes on a text.
pub(super) fn push_quoted(out: &mut String, text: &str) {
    if text.chars().any(must_escape) {
        let mut once = String::with_capacity(text.len() + 8);
        push_string(&mut once, text);
        push_string(out, &once);
    } else {
        out.push_str("\"\\\"");
        out.push_str(text);
        out.push_str("\\\"\"");
    }
}

fn must_escape(c: char) -> bool {
    c < ' ' || matches!(c, '"' | '\\' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn escape(out: &mut String, text: &str) {
    let mut kept = 0;
    for (at, c) in text.char_indices().filter(|(_, c)| must_escape(*c)) {
        out.push_str(&text[kept..at]);
        kept = at + c.len_utf8();
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c => {
                out.push_str("\\u");
                push_hex(out, u128::from(u32::from(c)), 4);
            }
        }
    }
    out.push_str(&text[kept..]);
}

/// Appends a GUID in its usual form, without quotes.
pub(super) fn push_guid(out: &mut String, guid: u128) {
    for (digits, shift) in [(8, 96), (4, 80), (4, 64), (4, 48)] {
        push_hex(out, guid >> shift, digits);
        out.push('-');
    }
    push_hex(out, guid, 12);
}

fn push_hex(out: &mut String, number: u128, digits: u32) {
    for digit in (0..digits).rev() {
        let nibble = (number >> (digit * 4)) & 0xf;
        out.push(char::from(b"0123456789abcdef"[nibble as usize]));
    }
}

/// Appends the decimal digits of a number.
pub(super) fn push_number(out: &mut String, number: i64) {
    if number < 0 {
        out.push('-');
    }
    let mut digits = [0_u8; 20];
    let mut first = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend(digits[first..].iter().map(|digit| char::from(*digit)));
}

/// What stands behind the seconds of a date.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum DateForm {
    /// Nothing: a `DateTime` in metadata.
    Bare,
    /// `+00:00`: a `DateTimeOffset` in metadata.
    Offset,
    /// The fraction and `+00:00`: a `DateTimeOffset` inside an object.
    FractionOffset,
    /// The fraction and `Z`: a `DateTime` inside an object.
    FractionZulu,
}

/// Appends a date as a JSON string. The fraction has up to seven digits, without the zeros at its end.
pub(super) fn push_date(out: &mut String, time: Timestamp, form: DateForm) {
    let time = Offset::UTC.to_datetime(time);
    let two = |before: char, number: i8, out: &mut String| {
        out.push(before);
        out.push(char::from(b'0' + (number / 10).unsigned_abs()));
        out.push(char::from(b'0' + (number % 10).unsigned_abs()));
    };
    out.push('"');
    let year = time.year();
    for unit in [1000, 100, 10, 1] {
        out.push(char::from(b'0' + (year / unit % 10).unsigned_abs() as u8));
    }
    two('-', time.month(), out);
    two('-', time.day(), out);
    two('T', time.hour(), out);
    two(':', time.minute(), out);
    two(':', time.second(), out);
    if matches!(form, DateForm::FractionOffset | DateForm::FractionZulu) {
        push_fraction(out, time.subsec_nanosecond() / 100);
    }
    match form {
        DateForm::Bare => {}
        DateForm::Offset | DateForm::FractionOffset => out.push_str("+00:00"),
        DateForm::FractionZulu => out.push('Z'),
    }
    out.push('"');
}

fn push_fraction(out: &mut String, ticks: i32) {
    let (mut ticks, mut unit) = (ticks, 1_000_000);
    if ticks > 0 {
        out.push('.');
    }
    while ticks > 0 {
        out.push(char::from(b'0' + (ticks / unit) as u8));
        ticks %= unit;
        unit /= 10;
    }
}

/// Takes the white space between the tokens of a JSON text away.
pub(super) fn push_compact(out: &mut String, json: &str) {
    let (mut in_string, mut escaped, mut kept) = (false, false, 0);
    for (at, byte) in json.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b' ' | b'\n' | b'\r' | b'\t' if !in_string => {
                out.push_str(&json[kept..at]);
                kept = at + 1;
            }
            _ => {}
        }
    }
    out.push_str(&json[kept..]);
}
