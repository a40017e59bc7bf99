//! The run itself, written.

use std::collections::BTreeMap;

use pipeline::event::{Event, Message, Step, StepKey};
use pipeline::names::{Digest, RunId};
use pipeline::plan::plan;
use pipeline::run::{Ended, Letter, Outcome, Run, SCHEMA, Trigger};

use super::draft::Draft;
use super::project::ProjectDocument;
use super::{Claim, Start};
use crate::keys;
use crate::ports::{Expect, Parcel, PortError, Write};
use crate::records::{Record, parcel};
use crate::runner::Runner;

impl Runner {
    /// Makes the run: its number, the claim on its cause, its document and its first message.
    pub(super) async fn create(
        &self,
        start: &Start,
        cause: &str,
        claimed: Option<Claim>,
        draft: &Draft,
        source: Option<Digest>,
        (mut project, expect): (ProjectDocument, Expect),
    ) -> Result<Run, PortError> {
        let now = self.ports.clock.now();
        let is_claimed = claimed.is_some();
        let Claim { run: id, number } = claimed.unwrap_or_else(|| {
            project.last_number += 1;
            let number = project.last_number;
            Claim { run: RunId::newest(now, &format!("{}/{number}/{cause}", start.project)), number }
        });
        let mut run = Run {
            schema: SCHEMA,
            id: id.clone(),
            number,
            project: start.project.clone(),
            trigger: draft.trigger.clone(),
            branch: draft.branch.clone(),
            commit: draft.commit.clone(),
            source,
            requested_by: start.by.clone(),
            created_at: now,
            plan: if draft.skip.is_some() { Vec::new() } else { plan(&draft.trigger, &draft.manifest) },
            manifest: draft.manifest.clone(),
            steps: BTreeMap::new(),
            facts: draft.facts.clone(),
            ended: None,
            superseded_by: None,
            pending: Vec::new(),
            outbox: Vec::new(),
            early: Vec::new(),
            journal: Vec::new(),
        };
        pipeline::start(&mut run, now);
        if let Some(reason) = &draft.skip {
            let because = vec![reason.clone()];
            run.ended = Some(Ended { outcome: Outcome::Skipped, at: now, step: None, because, advice: None });
            run.pending.clear();
        }
        let mut parcels: Vec<Parcel> = Vec::new();
        let delivers = matches!(draft.trigger, Trigger::Push | Trigger::Build { .. } | Trigger::ScoringChange { .. });
        if delivers && draft.skip.is_none() {
            project.retraining.remember(&draft.manifest.triggers.retrain, now);
        }
        if matches!(draft.trigger, Trigger::Retraining { .. }) {
            project.retraining.began(now);
        }
        if let Some(branch) = draft.branch.as_ref().filter(|_| delivers) {
            let record = project.branches.entry(branch.clone()).or_default();
            record.head = draft.commit.clone();
            if draft.skip.is_none() && draft.manifest.triggers.supersede {
                let older = record.newest.replace(id.clone());
                // Where saving and sending are two, a crash may have left the name of a run that was never written.
                if let Some(older) = older.filter(|older| *older != id)
                    && self.ports.store.get(&keys::run(&older)).await?.is_some()
                {
                    parcels.push(superseded(older, &id, number));
                }
            }
        }
        parcels.extend(run.outbox.iter().map(parcel));
        if self.ports.ledger.is_atomic() {
            run.outbox.clear();
        }
        let claim = Some(serde_json::to_vec(&Claim { run: id.clone(), number }).expect("a claim is plain data"));
        let document = Some(serde_json::to_vec(&run).expect("a run is plain data"));
        let project_body = Some(serde_json::to_vec(&project).expect("a project is plain data"));
        // In this order: a crash after the first leaves a number that no run has, and one after the second a claim that
        // the next try takes up.
        let mut writes = vec![Write { key: keys::project(&start.project), body: project_body, expect }];
        if !is_claimed {
            writes.push(Write { key: keys::cause(&start.project, cause), body: claim.clone(), expect: Expect::Absent });
        }
        writes.push(Write { key: keys::number(&start.project, number), body: claim, expect: Expect::Anything });
        if run.ended.is_none() {
            writes.push(Write { key: keys::active(&id), body: Some(b"{}".to_vec()), expect: Expect::Anything });
        }
        writes.push(Write { key: keys::run(&id), body: document, expect: Expect::Absent });
        // Locked before anybody can know of the run: its first message waits until it is kept.
        let slot = self.records.slot(&id);
        let mut kept = slot.lock().await;
        let versions = self.ports.ledger.commit(writes, parcels).await?;
        run.outbox.clear();
        *kept = versions.into_iter().last().map(|version| Record::new(run.clone(), version));
        self.records.tidy(&id, kept.as_ref());
        Ok(run)
    }
}

fn superseded(older: RunId, newer: &RunId, number: u64) -> Parcel {
    let id = format!("{older}/superseded-by-{newer}");
    // Any step of the run takes it: the news is the run's.
    let step = StepKey::of(Step::Check);
    let event = Event::Superseded { by: newer.clone(), number };
    let message = Message { id, run: older, step, attempt: u32::MAX, event };
    parcel(&Letter { deliver_at: None, message })
}
