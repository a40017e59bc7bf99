//! A run as it goes on: on a terminal a spinner for the step at work, elsewhere a line for each change.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::console::Console;
use crate::render::steps::{self, Look};
use crate::views::{Run, Step};
use crate::words;

/// What has been shown of a run.
pub(crate) struct Progress {
    seen: BTreeMap<String, Seen>,
    spinner: Option<ProgressBar>,
}

type Seen = (String, u32, Option<String>);

impl Progress {
    pub fn new() -> Self {
        Self { seen: BTreeMap::new(), spinner: None }
    }

    /// Shows what changed.
    pub fn update(&mut self, run: &Run, console: &mut Console) {
        if console.live {
            let message = run.current().map_or_else(|| "…".into(), |step| at_work(step, console));
            self.spinner.get_or_insert_with(spinner).set_message(message);
        }
        for step in run.steps.iter().filter(|step| step.has_begun()) {
            let now: Seen = (step.status.clone(), step.attempt, step.waiting_for.clone());
            if self.seen.get(&step.key()) != Some(&now) {
                self.seen.insert(step.key(), now);
                self.changed(step, run, console);
            }
        }
    }

    fn changed(&self, step: &Step, run: &Run, console: &mut Console) {
        let working = Look::of(step, run.outcome.as_deref()) == Look::Working;
        // The spinner says it already, and goes on counting.
        if working && self.spinner.is_some() {
            return;
        }
        let mut lines = vec![steps::line(step, run, &console.style)];
        if !working {
            lines.extend(steps::reasons(step, &console.style));
        }
        self.say(&lines.join("\n"), console);
    }

    /// Says something that is no step.
    pub fn say(&self, text: &str, console: &mut Console) {
        match &self.spinner {
            Some(bar) => bar.suspend(|| console.tell(text)),
            None => console.tell(text),
        }
    }

    /// Leaves the terminal to others until the next change.
    pub fn rest(&mut self) {
        if let Some(bar) = self.spinner.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.rest();
    }
}

fn spinner() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
    let style = ProgressStyle::with_template("  {spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    bar.set_style(style.tick_chars("◜◠◝◞◡◟ "));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn at_work(step: &Step, console: &Console) -> String {
    let took = steps::took(step, console.style.now()).unwrap_or_default();
    let waits = step.waiting_for.as_ref().map(|what| format!("waits for {}   ", words::one_line(what)));
    let attempt = if step.attempt > 1 { format!("try {}   ", step.attempt) } else { String::new() };
    format!("{}   {attempt}{}{took}", words::one_line(&step.key()), waits.unwrap_or_default())
}
