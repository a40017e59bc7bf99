//! A run's log. The service has it in files, of the run and of each step, which it fills until the end; so there is a
//! first line before that, with where people look meanwhile, and the rest after it.

use runner::ports::{LogChunk, Result};

use super::super::mlflow::LOG_PART;
use super::record::Record;
use super::{Ending, ExistingTraining, Look};

impl ExistingTraining {
    /// The log from a byte offset on.
    pub(super) async fn log(&self, record: &Record, id: &str, look: &Look, from: u64) -> Result<LogChunk> {
        let mut text = format!("run {id} of {self}: {}\n", self.page(id));
        if let Some(ending) = &look.ending {
            text += &self.files_of(&look.experiment, id).await?;
            if let Some(step) = self.step(record, &look.experiment, id).await? {
                text += &self.files_of(&look.experiment, &step).await?;
            }
            text += match ending {
                Ending::Well => "it ended well\n",
                Ending::Canceled => "it was canceled\n",
                Ending::Badly(_) => "it failed\n",
            };
        }
        let start = usize::try_from(from).unwrap_or(usize::MAX).min(text.len());
        let rest = String::from_utf8_lossy(&text.as_bytes()[start..]).into_owned();
        Ok(LogChunk { text: rest, next: from.max(text.len() as u64), ended: look.ending.is_some() })
    }

    /// The beginnings of what a run of the service wrote.
    async fn files_of(&self, experiment: &str, run: &str) -> Result<String> {
        let mut text = String::new();
        let Some(details) = self.workspace.details(experiment, run).await? else { return Ok(text) };
        for (name, address) in details.logs()? {
            let bytes = self.workspace.log_part(address, 0).await?;
            if bytes.is_empty() {
                continue;
            }
            let shown = &bytes[..bytes.len().min(LOG_PART)];
            text += &format!("--- {name} of {run}\n{}\n", String::from_utf8_lossy(shown).trim_end());
            if bytes.len() > LOG_PART {
                text += "(there is more of it in the workspace)\n";
            }
        }
        Ok(text)
    }
}
