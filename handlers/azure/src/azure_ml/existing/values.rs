//! Placeholders in settings: `{run}` becomes the run that asks for the training.

use pipeline::effect::JobSpec;
use runner::ports::{PortError, Result};

use super::super::SERVICE;
use crate::serving::filled;

/// Known before a run is asked for, and the variables of a job that some of them are.
const OF_JOB: [(&str, &str); 7] = [
    ("project", ""),
    ("run", ""),
    ("job", ""),
    ("attempt", ""),
    ("number", "TRAINYARD_RUN_NUMBER"),
    ("commit", "TRAINYARD_COMMIT"),
    ("branch", "TRAINYARD_BRANCH"),
];
/// Known when it has ended: the service's own names of the run and of the step that trains.
const OF_END: [&str; 2] = ["id", "step"];

/// A text with what is known of a job filled in.
///
/// # Errors
///
/// It asks for what the job has not, such as the commit of a run without one.
pub(super) fn of_job(text: &str, job: &JobSpec) -> Result<String> {
    let attempt = job.reply_to.attempt.to_string();
    let mut values = Vec::new();
    for (name, variable) in OF_JOB {
        let value = match name {
            "project" => job.project.as_str(),
            "run" => job.reply_to.run.as_str(),
            "job" => job.name.as_str(),
            "attempt" => &attempt,
            _ => job.variables.get(variable).map(String::as_str).unwrap_or_default(),
        };
        if value.is_empty() && text.contains(&format!("{{{name}}}")) {
            let reason = format!("{text:?} asks for the {name}, and job {} has none", job.name);
            return Err(PortError::permanent(SERVICE, reason));
        }
        values.push((name, value));
    }
    Ok(filled(text, &values))
}

/// A text with what the service calls things filled in; None: it asks for a step, and there is none.
pub(super) fn of_end(text: &str, id: &str, step: Option<&str>) -> Option<String> {
    let text = filled(text, &[("id", id)]);
    match step {
        Some(step) => Some(filled(&text, &[("step", step)])),
        None => (!text.contains("{step}")).then_some(text),
    }
}

/// The placeholder in a text that nobody fills in. Braces with anything but a word in them are none.
pub(super) fn unknown(text: &str, is_known_at_end: bool) -> Option<&str> {
    let words = text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(word, _)| word));
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let is_known =
        |word: &str| OF_JOB.iter().any(|(name, _)| *name == word) || (is_known_at_end && OF_END.contains(&word));
    words.filter(is_word).find(|word| !is_known(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_that_nobody_fills_in_are_found() {
        assert_eq!(unknown("{project}-{run}", false), None);
        assert_eq!(unknown("{\"a\": {\"b\": 1}}", false), None, "that is JSON");
        assert_eq!(unknown("models/{buildid}", true), Some("buildid"));
        assert_eq!((unknown("{id}", false), unknown("{id}/{step}", true)), (Some("id"), None));
    }

    #[test]
    fn a_step_is_filled_in_where_there_is_one() {
        assert_eq!(of_end("{id}/x", "7", None).as_deref(), Some("7/x"));
        assert_eq!(of_end("{step}/x", "7", Some("8")).as_deref(), Some("8/x"));
        assert_eq!(of_end("{step}/x", "7", None), None);
    }
}
