//! How a command ends.

use std::fmt;

/// What a command answers to the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// The run ended otherwise than released, checked, not better or skipped.
    EndedOtherwise = 1,
    /// Bad usage or input.
    BadInput = 2,
    /// Still waiting.
    Waiting = 3,
    /// The host cannot be reached.
    Unreachable = 4,
}

/// Why a command could not do what it is for: a sentence for people, and what they can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What the shell gets.
    pub exit: Exit,
    /// What happened and why.
    pub sentence: String,
    /// What to do about it.
    pub advice: Option<String>,
}

impl Failure {
    /// Something is wrong with what was asked.
    #[must_use]
    pub fn input(sentence: impl Into<String>) -> Self {
        Self { exit: Exit::BadInput, sentence: sentence.into(), advice: None }
    }

    /// The host is not there, cannot start or cannot answer.
    #[must_use]
    pub fn unreachable(sentence: impl Into<String>) -> Self {
        Self { exit: Exit::Unreachable, sentence: sentence.into(), advice: None }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)?;
        match &self.advice {
            Some(advice) => write!(f, ": {advice}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(failure) => failure,
            Err(error) => Self::input(format!("{error:#}")),
        }
    }
}
