//! Telling whoever asked for a deployment how it did.

use std::time::Duration;

use pipeline::event::{Event, Message};
use pipeline::names::DeploymentName;
use runner::ports::Parcel;
use tokio::time::sleep;
use tracing::warn;

use super::shared::{Environment, Shared};
use super::state::{Deployment, Phase};

/// A bus that refuses so often is left alone; the deployment's state is there for whoever asks.
const TRIES: u32 = 6;

impl Shared {
    /// Tells how a deployment did, unless that was done. A host that dies in between tells it again.
    pub(super) async fn tell(&self, environment: &Environment, name: &DeploymentName, round: u64) {
        let deployment = environment.inner.lock().await.state.life(name, round).cloned();
        let Some(parcel) = deployment.filter(|found| !found.told).and_then(|found| self.news(&found)) else {
            return;
        };
        let mut pause = Duration::from_millis(100);
        for tried in 1..=TRIES {
            match self.bus.send(vec![parcel.clone()]).await {
                Ok(()) => break,
                Err(error) if tried == TRIES => {
                    warn!(deployment = %name, "Could not tell how deployment {name} did: {error}");
                    return;
                }
                Err(_) => sleep(pause).await,
            }
            pause *= 2;
        }
        let mut inner = environment.inner.lock().await;
        if let Some(found) = inner.state.life(name, round) {
            found.told = true;
            self.save_or_warn(&inner.state).await;
        }
    }

    fn news(&self, deployment: &Deployment) -> Option<Parcel> {
        let name = deployment.spec.release.deployment.clone();
        let (word, event) = match &deployment.phase {
            Phase::Starting => return None,
            Phase::Ready => {
                let endpoint = self.endpoint(&deployment.spec);
                ("ready", Event::DeploymentReady { deployment: name, endpoint })
            }
            Phase::Failed { reason } => {
                ("failed", Event::DeploymentFailed { deployment: name, reason: reason.clone() })
            }
        };
        let to = &deployment.spec.reply_to;
        let id = format!("deployment-{}-{word}-{}", deployment.spec.release.deployment, deployment.round);
        let message =
            Message { id: id.clone(), run: to.run.clone(), step: to.step.clone(), attempt: to.attempt, event };
        Some(Parcel {
            queue: to.step.step.name().into(),
            id,
            session: None,
            deliver_at: None,
            body: serde_json::to_vec(&message).expect("messages are plain data"),
        })
    }
}
