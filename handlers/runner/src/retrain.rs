//! Retraining by itself: on a schedule, for new data, for drift. And what keeps it from never ending.

use jiff::{SignedDuration, Timestamp};
use pipeline::manifest::Retrain;
use pipeline::names::Project;
use pipeline::schedule::Schedule;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::intake::{ProjectDocument, RetrainReason, Start, Wish};
use crate::keys;
use crate::ports::{Expect, Parcel, Result, Write};
use crate::reception::{Order, START};
use crate::records::parse;
use crate::runner::Runner;

/// The time over which a budget counts.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How many projects are listed at a time.
const PAGE: usize = 200;

/// What is known of a project's retrainings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Retraining {
    /// The schedule of the last commit that was delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Ticks until then are done, or were before anybody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticked_until: Option<Timestamp>,
    /// When those of the last week began, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub began_at: Vec<Timestamp>,
}

impl Retraining {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Takes over what the manifest says.
    pub(crate) fn remember(&mut self, retrain: &Retrain, now: Timestamp) {
        if self.schedule != retrain.schedule {
            self.schedule.clone_from(&retrain.schedule);
            // A new schedule begins now: what it would have done before is not made up for.
            self.ticked_until = self.schedule.is_some().then_some(now);
        }
    }

    /// A retraining begins.
    pub(crate) fn began(&mut self, now: Timestamp) {
        self.began_at.retain(|at| now.duration_since(*at) < WEEK);
        self.began_at.push(now);
    }

    /// Whether one may begin now; the error says why not.
    pub(crate) fn allows(&self, retrain: &Retrain, reason: RetrainReason, now: Timestamp) -> Result<(), String> {
        let is_on = match reason {
            RetrainReason::Schedule => retrain.schedule.is_some(),
            RetrainReason::Data => retrain.on_data,
            RetrainReason::Drift => retrain.on_drift,
        };
        if !is_on {
            return Err("`triggers.retrain` in trainyard.yml does not ask for it".to_owned());
        }
        let recent = self.began_at.iter().filter(|at| now.duration_since(**at) < WEEK);
        let count = recent.clone().count();
        if count >= retrain.most_in_a_week as usize {
            return Err(format!(
                "{count} retrainings began within a week, and `triggers.retrain.most_in_a_week` is {}",
                retrain.most_in_a_week
            ));
        }
        let cooldown = SignedDuration::try_from_secs_f64(retrain.cooldown_hours * 3600.0).unwrap_or(WEEK);
        match recent.max() {
            Some(last) if now.duration_since(*last) < cooldown => Err(format!(
                "the last retraining began at {last}, and `triggers.retrain.cooldown_hours` is {}",
                retrain.cooldown_hours
            )),
            _ => Ok(()),
        }
    }

    /// The tick that is due; of several that were missed, the last.
    fn due(&self, now: Timestamp) -> Option<Timestamp> {
        let schedule = Schedule::parse(self.schedule.as_deref()?).ok()?;
        schedule.until(now).filter(|tick| self.ticked_until.is_none_or(|done| *tick > done))
    }
}

impl Runner {
    /// Asks for the retrainings whose time has come; how many.
    ///
    /// # Errors
    ///
    /// The store is away. A project that cannot be looked at is left for the next time.
    pub async fn tick_schedules(&self) -> Result<usize> {
        let mut asked = 0;
        let mut after: Option<String> = None;
        loop {
            let page = self.ports.store.list(keys::PROJECTS, after.as_deref(), PAGE).await?;
            for key in &page {
                let Some(project) = key.strip_prefix(keys::PROJECTS).and_then(|name| name.parse().ok()) else {
                    continue;
                };
                match self.tick(&project, key).await {
                    Ok(due) => asked += usize::from(due),
                    Err(error) => warn!("The schedule of {project} is left for the next time: {error}"),
                }
            }
            after = page.last().cloned();
            if page.len() < PAGE {
                return Ok(asked);
            }
        }
    }

    async fn tick(&self, project: &Project, key: &str) -> Result<bool> {
        let Some(document) = self.ports.store.get(key).await? else { return Ok(false) };
        let mut known: ProjectDocument = parse(key, &document.body)?;
        let Some(tick) = known.retraining.due(self.ports.clock.now()) else { return Ok(false) };
        let schedule = known.retraining.schedule.clone().unwrap_or_default();
        let start = Start {
            project: project.clone(),
            wish: Wish::Retrain { reason: RetrainReason::Schedule, why: format!("schedule `{schedule}`") },
            by: "schedule".to_owned(),
            // The same tick is the same run, however often it is found due.
            cause: Some(format!("schedule/{tick}")),
            only_if_wanted: true,
        };
        let body = serde_json::to_vec(&Order { event: None, start, put_off: 0 }).expect("an order is plain data");
        let id = format!("start/{project}/schedule-{}", tick.as_second());
        let parcel = Parcel { queue: START.to_owned(), id, session: None, deliver_at: None, body };
        known.retraining.ticked_until = Some(tick);
        let body = serde_json::to_vec(&known).expect("a project is plain data");
        let write = Write { key: key.to_owned(), body: Some(body), expect: Expect::Version(document.version) };
        if self.ports.ledger.is_atomic() {
            self.ports.ledger.commit(vec![write], vec![parcel]).await?;
        } else {
            // Sent first: a crash in between finds the tick due once more, and its run there.
            self.ports.bus.send(vec![parcel]).await?;
            self.ports.ledger.commit(vec![write], Vec::new()).await?;
        }
        Ok(true)
    }
}
