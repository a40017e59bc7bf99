//! A run in a sentence, and what to do next.

use crate::settings::Settings;
use crate::views::Run;
use crate::words;

/// Where a run stands.
pub(crate) fn headline(run: &Run) -> String {
    let name = format!("Run {} of {}", run.number, run.project);
    let model = || run.model.as_ref().map_or_else(|| "its model".to_owned(), ToString::to_string);
    let Some(outcome) = &run.outcome else { return format!("{name} {}.", on_its_way(run)) };
    let failed = run.steps.iter().find(|step| step.status == "failed").map(|step| step.key());
    match outcome.as_str() {
        "released" => match last_environment(run) {
            Some(place) => format!("{name} is released: {} serves in {place}.", model()),
            None => format!("{name} is released."),
        },
        "not_better" => {
            let champion = run.champion.as_ref().map_or_else(|| "the model in production".into(), |one| one.describe());
            format!("{name} made a model that is not better. {champion} goes on serving, and nothing is wrong.")
        }
        "checked" => format!("{name} ({}) is checked, and all is green.", run.trigger),
        "skipped" => format!("{name} had nothing to do."),
        "rejected" => format!("{name} was rejected: it goes no further."),
        "expired" => format!("{name} expired: nobody answered in time."),
        "superseded" => format!("{name} made way for a newer change."),
        "canceled" => format!("{name} was canceled."),
        "rolled_back" => format!("{name} did not work where it was released. The last good release serves again."),
        "failed" => match failed {
            Some(step) => format!("{name} failed at the step {step}."),
            None => format!("{name} failed."),
        },
        other => format!("{name} ended: {}.", words::one_line(other)),
    }
}

fn on_its_way(run: &Run) -> String {
    if let Some(step) = run.needs_person() {
        let what = step.waiting_for.as_ref().or(run.waiting_for.as_ref());
        return match what {
            Some(what) => format!("waits for {}", words::one_line(what)),
            None => format!("waits for a person at the step {}", step.key()),
        };
    }
    match (run.current(), &run.waiting_for) {
        (Some(step), Some(what)) => format!("is at the step {} and waits for {}", step.key(), words::one_line(what)),
        (Some(step), None) => format!("is at the step {}", step.key()),
        (None, Some(what)) => format!("waits for {}", words::one_line(what)),
        (None, None) => "is on its way".into(),
    }
}

fn last_environment(run: &Run) -> Option<&str> {
    let served = |(_, one): &(&str, &crate::views::Environment)| one.release.is_some() || one.endpoint.is_some();
    run.environments().into_iter().rfind(served).map(|(name, _)| name)
}

/// What a person can do now: the host's advice, or the command that fits. None where nothing is to be done.
pub(crate) fn next(run: &Run, settings: &Settings) -> Option<String> {
    if let Some(advice) = &run.advice {
        return Some(words::one_line(advice));
    }
    let handle = run.handle();
    if let Some(step) = run.needs_person() {
        return Some(match &step.environment {
            Some(place) => format!(
                "`{}`, or `{}`",
                settings.again(&format!("approve {handle} {place}")),
                settings.again(&format!("reject {handle} {place} --reason TEXT"))
            ),
            None => format!("`{}`", settings.again(&format!("why {handle}"))),
        });
    }
    match run.outcome.as_deref() {
        None => Some(format!("`{}`", settings.again(&format!("watch {handle}")))),
        Some("failed" | "rolled_back") => Some(format!(
            "`{}`, then `{}`",
            settings.again(&format!("why {handle}")),
            settings.again(&format!("logs {handle}"))
        )),
        Some("expired") => Some(format!("`{}`", settings.again(&format!("retry {handle}")))),
        _ => None,
    }
}

/// An outcome, or where a run stands, in a word or two.
pub(crate) fn state(outcome: Option<&str>, step: Option<&str>, waiting_for: Option<&str>) -> String {
    match (outcome, step, waiting_for) {
        (Some(outcome), ..) => words::one_line(outcome).replace('_', " "),
        (None, _, Some(what)) if what.starts_with("approval") || what.starts_with("a person") => {
            format!("⏸ {}", words::one_line(what))
        }
        (None, Some(step), _) => format!("◔ {}", words::one_line(step)),
        (None, None, _) => "◔ on its way".into(),
    }
}
