//! What people read and type: lines, colours where they are wanted, one JSON document where a script asks.

use std::cell::OnceCell;
use std::io::{self, BufRead, IsTerminal as _, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::args::Color;
use crate::failure::Failure;
use crate::settings::Settings;

/// Where a command speaks.
pub(crate) struct Console {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    /// A person who can be asked, if there is one.
    person: Option<Box<dyn BufRead>>,
    /// One JSON document on standard output, all else on standard error.
    pub json: bool,
    /// Lines may be drawn over.
    pub live: bool,
    pub style: Style,
}

/// How things look.
#[derive(Debug, Clone)]
pub(crate) struct Style {
    pub paint: Paint,
    /// Of this machine, unless it is set. Read when it is first needed: that takes longer than a handler's start.
    zone: OnceCell<TimeZone>,
    now: Option<Timestamp>,
}

impl Style {
    pub fn zone(&self) -> &TimeZone {
        self.zone.get_or_init(TimeZone::system)
    }

    pub fn now(&self) -> Timestamp {
        self.now.unwrap_or_else(Timestamp::now)
    }

    /// Without colours, at a moment of one's choice, in Greenwich.
    #[cfg(test)]
    pub fn plain_at(now: Timestamp) -> Self {
        Self { paint: Paint(false), zone: TimeZone::UTC.into(), now: Some(now) }
    }
}

/// Colours, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paint(pub bool);

macro_rules! paints {
    ($($name:ident: $code:literal),*) => {
        $(pub fn $name(self, text: &str) -> String {
            if self.0 { format!(concat!("\x1b[", $code, "m{}\x1b[0m"), text) } else { text.to_owned() }
        })*
    };
}

impl Paint {
    paints! { bold: "1", dim: "2", red: "31", green: "32", yellow: "33", cyan: "36" }
}

impl Console {
    pub fn of_this_process(json: bool, color: Color) -> Self {
        let terminal = io::stdout().is_terminal();
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let paint = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !dumb && !unwanted,
        };
        let person = terminal && io::stdin().is_terminal() && !json;
        Self {
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            person: person.then(|| Box::new(io::BufReader::new(io::stdin())) as Box<dyn BufRead>),
            json,
            live: terminal && !dumb && !json,
            style: Style { paint: Paint(paint), zone: OnceCell::new(), now: None },
        }
    }

    #[cfg(test)]
    pub fn captured(json: bool, out: Box<dyn Write>, err: Box<dyn Write>, person: Option<&'static str>) -> Self {
        let style = Style { paint: Paint(false), zone: TimeZone::UTC.into(), now: None };
        let person = person.map(|text| Box::new(text.as_bytes()) as Box<dyn BufRead>);
        Self { out, err, person, json, live: false, style }
    }

    /// A line of the answer.
    pub fn line(&mut self, text: &str) {
        // A reader that has seen enough (`| head`) is no error.
        let _ = writeln!(self.out, "{text}");
    }

    /// Text of the answer, as it is.
    pub fn text(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }

    /// A line about what goes on: part of the answer for people, not for scripts.
    pub fn tell(&mut self, text: &str) {
        if self.json { self.aside(text) } else { self.line(text) }
    }

    /// Commands for people to type, and what each does.
    pub fn propose(&mut self, settings: &Settings, commands: &[(String, &str)]) {
        let lines: Vec<(String, &str)> =
            commands.iter().map(|(command, what)| (settings.again(command), *what)).collect();
        let wide = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or(0);
        for (line, what) in lines {
            self.tell(&format!("  {line:<wide$}   {what}"));
        }
    }

    /// A line beside the answer.
    pub fn aside(&mut self, text: &str) {
        let _ = writeln!(self.err, "{text}");
    }

    /// The answer for a script.
    pub fn document(&mut self, document: &Value) {
        let text = serde_json::to_string_pretty(document).unwrap_or_else(|_| document.to_string());
        self.line(&text);
    }

    /// Asks a question that is answered with yes or no; whatever is not a yes is a no.
    pub fn ask(&mut self, question: &str) -> bool {
        let Some(person) = &mut self.person else { return false };
        let _ = write!(self.out, "{question} [y/N] ").and_then(|()| self.out.flush());
        let mut answer = String::new();
        match person.read_line(&mut answer) {
            Ok(_) => matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"),
            Err(_) => false,
        }
    }

    /// Says why a command could not do what it is for.
    pub fn failure(&mut self, failure: &Failure) {
        if self.json {
            let Failure { exit, sentence, advice } = failure;
            self.document(&json!({ "error": sentence, "advice": advice, "exit": *exit as u8 }));
        }
        let paint = self.style.paint;
        let sentence = crate::words::plain(&failure.sentence);
        self.aside(&format!("{} {sentence}", paint.red("error:")));
        if let Some(advice) = &failure.advice {
            let advice = crate::words::plain(advice);
            self.aside(&format!("{} {advice}", paint.cyan("  try:")));
        }
    }
}
