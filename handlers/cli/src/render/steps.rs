//! The steps of a run, one line each, their reasons below.

use jiff::Timestamp;

use crate::console::{Paint, Style};
use crate::views::{Run, Step};
use crate::words;

/// How a step is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Succeeded,
    Working,
    NeedsPerson,
    Failed,
    /// A person, or the lack of one, ended it.
    Stopped(&'static str),
    Skipped,
    NotBegun,
}

impl Look {
    pub fn of(step: &Step, outcome: Option<&str>) -> Self {
        match step.status.as_str() {
            "succeeded" => Self::Succeeded,
            "failed" => Self::Failed,
            "skipped" => Self::Skipped,
            "canceled" => Self::Stopped(match (step.step.as_str(), outcome) {
                ("approve", Some("rejected")) => "rejected",
                ("approve", Some("expired")) => "expired",
                _ => "canceled",
            }),
            "not_started" => Self::NotBegun,
            _ if step.needs_person() => Self::NeedsPerson,
            _ => Self::Working,
        }
    }

    pub fn icon(self) -> &'static str {
        match self {
            Self::Succeeded => "✓",
            Self::Working => "◔",
            Self::NeedsPerson => "⏸",
            Self::Failed => "✕",
            Self::Stopped(_) => "⊘",
            Self::Skipped => "–",
            Self::NotBegun => "○",
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Working => "at work",
            Self::NeedsPerson => "needs you",
            Self::Failed => "failed",
            Self::Stopped(word) => word,
            Self::Skipped => "skipped",
            Self::NotBegun => "not begun",
        }
    }

    pub fn paint(self, paint: Paint, text: &str) -> String {
        match self {
            Self::Succeeded => paint.green(text),
            Self::Failed | Self::Stopped(_) => paint.red(text),
            Self::NeedsPerson => paint.yellow(text),
            Self::Working => paint.cyan(text),
            Self::Skipped | Self::NotBegun => paint.dim(text),
        }
    }
}

/// All steps with their reasons.
pub(crate) fn list(run: &Run, style: &Style) -> Vec<String> {
    let mut lines = Vec::new();
    for step in &run.steps {
        lines.push(line(step, run, style));
        lines.extend(reasons(step, style));
    }
    lines
}

/// `✓ check        succeeded   14 s`, the columns as wide as the run's longest step.
pub(crate) fn line(step: &Step, run: &Run, style: &Style) -> String {
    let wide = run.steps.iter().map(|step| step.key().chars().count()).max().unwrap_or(0);
    let look = Look::of(step, run.outcome.as_deref());
    let key = words::one_line(&step.key());
    let took = took(step, style.now()).unwrap_or_default();
    let waits = match (&step.waiting_for, look) {
        (Some(what), Look::Working | Look::NeedsPerson) => format!("   waits for {}", words::one_line(what)),
        _ => String::new(),
    };
    let attempt = if step.attempt > 1 { format!("   try {}", step.attempt) } else { String::new() };
    let icon = look.paint(style.paint, look.icon());
    let word = look.paint(style.paint, &format!("{:<9}", look.word()));
    format!("  {icon} {key:<wide$}  {word}  {took:>10}{attempt}{waits}").trim_end().to_owned()
}

/// Why it stands there, indented.
pub(crate) fn reasons(step: &Step, style: &Style) -> Vec<String> {
    let shown = |reason: &String| format!("      {}", style.paint.dim(&words::one_line(reason)));
    step.because.iter().map(shown).collect()
}

/// How long a step took, or has taken so far.
pub(crate) fn took(step: &Step, now: Timestamp) -> Option<String> {
    let ended = match step.ended_at {
        Some(at) => at,
        None if step.is_waiting() => now,
        None => return None,
    };
    Some(words::between(step.started_at?, ended))
}
