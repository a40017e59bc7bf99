//! What a body came to.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::fact::Fact;

/// What one event of a body came to. A body may hold several; a push of several refs is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Reading {
    /// Facts that can be acted upon.
    Read(Box<Notice>),
    /// Understood, and not for us. Counted.
    Ignored {
        /// Whose; None for an empty batch.
        envelope: Option<Envelope>,
        /// Why, to count by.
        code: Code,
        /// Why, for people.
        reason: String,
    },
    /// Cannot be understood, or must not be. Kept for a person.
    Quarantined {
        /// Whose, as far as that could be read.
        envelope: Option<Envelope>,
        /// Why, to count by.
        code: Code,
        /// Why, for people: it names the member.
        reason: String,
        /// What it is about: at most a few kB, without secrets. None when the whole body is meant.
        part: Option<String>,
    },
}

/// An event that was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Who sent it.
    pub envelope: Envelope,
    /// What it says.
    pub fact: Fact,
    /// What was noticed on the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
}

/// Who sent an event, and as what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The service.
    pub sender: Sender,
    /// The sender's name for this event; a repeated delivery has the same.
    pub id: String,
    /// The kind, as the sender calls it.
    pub kind: String,
    /// What it comes from: an organisation, a repository's id, a topic, a workspace. Empty when the sender does not say.
    pub source: String,
    /// When it happened; None when the sender does not say, or says nonsense.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// What it is about, as the sender calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

impl Envelope {
    /// The same for every delivery of the same event, and different for different events.
    ///
    /// Event Grid's ids are unique within their topic; the others' are unique by themselves, and their source may be
    /// missing in one delivery and there in the next.
    #[must_use]
    pub fn duplicate_key(&self) -> String {
        let Self { sender, id, .. } = self;
        if sender.through_event_grid() {
            // With its length, as both source and id may have slashes in them.
            format!("event_grid/{}/{}/{id}", self.source.len(), self.source.to_ascii_lowercase())
        } else {
            format!("{sender}/{id}")
        }
    }
}

/// A service that sends events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sender {
    /// Azure DevOps service hooks.
    AzureDevops,
    /// Azure Machine Learning, through Event Grid.
    AzureMl,
    /// Azure Container Registry, through Event Grid.
    ContainerRegistry,
    /// Azure Container Registry's own web hooks.
    ContainerRegistryWebhook,
    /// Databricks jobs.
    Databricks,
    /// Event Grid itself, or a publisher that is not known.
    EventGrid,
    /// GitHub.
    Github,
    /// MLflow's model registry.
    Mlflow,
    /// Azure Resource Notifications, through Event Grid.
    ResourceNotifications,
    /// Azure Storage, through Event Grid.
    Storage,
}

impl Sender {
    /// The sender's one word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AzureDevops => "azure_devops",
            Self::AzureMl => "azure_ml",
            Self::ContainerRegistry => "container_registry",
            Self::ContainerRegistryWebhook => "container_registry_webhook",
            Self::Databricks => "databricks",
            Self::EventGrid => "event_grid",
            Self::Github => "github",
            Self::Mlflow => "mlflow",
            Self::ResourceNotifications => "resource_notifications",
            Self::Storage => "storage",
        }
    }

    /// Whether its events come in Event Grid's envelope.
    #[must_use]
    pub fn through_event_grid(self) -> bool {
        matches!(
            self,
            Self::AzureMl | Self::ContainerRegistry | Self::EventGrid | Self::ResourceNotifications | Self::Storage
        )
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something noticed while an event was read, which did not stop it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// What, to count by.
    pub code: Code,
    /// What, for people.
    pub what: String,
}

/// Why an event is not acted upon.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct Refusal {
    /// What becomes of the event.
    pub outcome: Outcome,
    /// Why, to count by.
    pub code: Code,
    /// Why, for people.
    pub reason: String,
}

/// What becomes of an event that is not acted upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Counted and forgotten.
    Ignore,
    /// Kept for a person.
    Quarantine,
}

impl Refusal {
    pub(crate) fn ignore(code: Code, reason: impl Into<String>) -> Self {
        Self { outcome: Outcome::Ignore, code, reason: reason.into() }
    }

    pub(crate) fn quarantine(code: Code, reason: impl Into<String>) -> Self {
        Self { outcome: Outcome::Quarantine, code, reason: reason.into() }
    }

    /// The reading it makes of an event.
    pub(crate) fn into_reading(self, envelope: Option<Envelope>, part: impl FnOnce() -> Option<String>) -> Reading {
        let Self { outcome, code, reason } = self;
        match outcome {
            Outcome::Ignore => Reading::Ignored { envelope, code, reason },
            Outcome::Quarantine => Reading::Quarantined { envelope, code, reason, part: part() },
        }
    }
}
