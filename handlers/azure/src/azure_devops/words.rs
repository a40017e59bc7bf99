//! Our words in theirs.

use runner::ports::StatusState;
use runner::reports::TestOutcome;
use serde::{Deserialize, Serialize};

/// What a status is about. A status policy asks for exactly this pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StatusContext {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub genre: Option<String>,
}

impl StatusContext {
    /// `trainyard/check` is `check` of the genre `trainyard`; one word is a name alone.
    pub fn of(context: &str) -> Self {
        match context.rsplit_once('/') {
            Some((genre, name)) => Self { name: name.into(), genre: Some(genre.into()) },
            None => Self { name: context.into(), genre: None },
        }
    }
}

/// `GitStatusState`.
pub(super) fn state(state: StatusState) -> &'static str {
    match state {
        StatusState::Pending => "pending",
        StatusState::Succeeded => "succeeded",
        StatusState::Failed => "failed",
        StatusState::Error => "error",
        StatusState::NotApplicable => "notApplicable",
    }
}

/// `TestOutcome`.
pub(super) fn outcome(outcome: TestOutcome) -> &'static str {
    match outcome {
        TestOutcome::Passed => "Passed",
        TestOutcome::Failed => "Failed",
        TestOutcome::Error => "Error",
        TestOutcome::Skipped => "NotExecuted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_a_name_of_a_genre() {
        for (context, name, genre) in [
            ("trainyard", "trainyard", None),
            ("trainyard/check", "check", Some("trainyard")),
            ("a/b/c", "c", Some("a/b")),
        ] {
            let of = StatusContext { name: name.into(), genre: genre.map(str::to_owned) };
            assert_eq!(StatusContext::of(context), of);
        }
    }
}
