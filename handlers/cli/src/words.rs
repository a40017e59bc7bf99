//! How numbers, times and digests are read by people.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A duration: `0.4 s`, `14 s`, `1 min 4 s`, `2 h 5 min`, `3 d 2 h`.
pub(crate) fn duration(duration: SignedDuration) -> String {
    let millis = duration.as_millis().max(0);
    let secs = (millis + 500) / 1000;
    match secs {
        _ if millis < 9_950 => format!("{}.{} s", (millis + 50) / 1000, (millis + 50) % 1000 / 100),
        ..60 => format!("{secs} s"),
        60..3600 => two(secs, 60, "min", "s", 1),
        3600..86_400 => two(secs, 3600, "h", "min", 60),
        _ => two(secs, 86_400, "d", "h", 3600),
    }
}

fn two(secs: i128, large: i128, large_word: &str, small_word: &str, small: i128) -> String {
    match secs % large / small {
        0 => format!("{} {large_word}", secs / large),
        rest => format!("{} {large_word} {rest} {small_word}", secs / large),
    }
}

/// From one moment to another; a clock that went back counts as nothing.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> String {
    duration(to.duration_since(from).max(SignedDuration::ZERO))
}

/// A moment that is past: `just now`, `3 min ago`, `2 d ago`.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> String {
    match now.duration_since(at).as_secs() {
        ..5 => "just now".into(),
        secs @ 5..60 => format!("{secs} s ago"),
        secs @ 60..3600 => format!("{} min ago", secs / 60),
        secs @ 3600..86_400 => format!("{} h ago", secs / 3600),
        secs => format!("{} d ago", secs / 86_400),
    }
}

/// A moment on the reader's clock: only the time today, with the day in this year, else in full.
pub(crate) fn moment(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (at, now) = (at.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    let format = if at.date() == now.date() {
        "%H:%M:%S"
    } else if at.year() == now.year() {
        "%-d %b %H:%M"
    } else {
        "%Y-%m-%d %H:%M"
    };
    at.strftime(format).to_string()
}

/// A digest without its algorithm, the first twelve digits.
pub(crate) fn digest(digest: &str) -> String {
    let digits = digest.rsplit(':').next().unwrap_or(digest);
    plain(digits).chars().take(12).collect()
}

/// A commit's first eight digits.
pub(crate) fn commit(commit: &str) -> String {
    plain(commit).chars().take(8).collect()
}

/// A number that was measured: four digits after the point, fewer where they are zero, more where it is small.
pub(crate) fn number(number: f64) -> String {
    let size = number.abs();
    if number != 0.0 && !(0.001..1e12).contains(&size) {
        return format!("{number:.3e}");
    }
    let text = if size < 1.0 { format!("{number:.6}") } else { format!("{number:.4}") };
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.to_owned() }
}

/// A text from elsewhere without what steers terminals: no colours, no moves of the cursor, no titles.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\x1b' => skip_escape(&mut chars),
            '\n' | '\t' => plain.push(c),
            // Progress bars write over their line; each state becomes one of its own.
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' => plain.push('\n'),
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain
}

fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next() {
        // A control sequence ends with a letter or one of `@[\]^_`{|}~`.
        Some('[') => while chars.next().is_some_and(|c| !('\x40'..='\x7e').contains(&c)) {},
        // An operating system command ends with a bell or with another escape.
        Some(']') => {
            while let Some(c) = chars.next() {
                if c == '\x07' {
                    break;
                }
                if c == '\x1b' {
                    chars.next();
                    break;
                }
            }
        }
        _ => {}
    }
}

/// A text as one line.
pub(crate) fn one_line(text: &str) -> String {
    plain(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text as one line of so many characters at most.
pub(crate) fn short(text: &str, most: usize) -> String {
    let line = one_line(text);
    if line.chars().count() <= most {
        return line;
    }
    let kept: String = line.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}
