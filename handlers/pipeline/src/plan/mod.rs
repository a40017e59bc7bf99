//! Which steps a run takes.

use crate::event::{Step, StepKey};
use crate::manifest::Manifest;
use crate::run::Trigger;

/// The steps of a run, in order.
#[must_use]
pub fn plan(trigger: &Trigger, manifest: &Manifest) -> Vec<StepKey> {
    use Step::{Check, Evaluate, Package, Profile, Provision, Register, Rollback, TestImage, Train};

    let check = || manifest.check.get().map(|_| Check);
    // Without anything that it makes ready, the step is there for what is declared alone.
    let declares = || manifest.infrastructure.as_ref().map(|_| Provision);
    let steps: Vec<Step> = match trigger {
        Trigger::PullRequest { .. } => check().into_iter().chain(declares()).collect(),
        Trigger::Push | Trigger::Manual | Trigger::Tag { .. } if manifest.train.get().is_none() => {
            check().into_iter().chain(declares()).collect()
        }
        Trigger::Build { .. } | Trigger::Retraining { .. } if manifest.train.get().is_none() => Vec::new(),
        Trigger::Build { .. } => vec![Provision, Train, Evaluate, Register, Package, TestImage, Profile],
        Trigger::Push | Trigger::Manual | Trigger::Tag { .. } | Trigger::Retraining { .. } => {
            let making = [Provision, Train, Evaluate, Register, Package, TestImage, Profile];
            check().into_iter().chain(making).collect()
        }
        Trigger::ScoringChange { .. } => check().into_iter().chain([Provision, Package, TestImage, Profile]).collect(),
        Trigger::Model { .. } => vec![Provision, Package, TestImage, Profile],
        Trigger::Image { .. } => vec![Provision, TestImage, Profile],
        Trigger::Redeploy { .. } => Vec::new(),
        Trigger::Rollback { environment } => return vec![StepKey::at(Rollback, environment)],
        Trigger::Rehearsal => vec![Check, Provision, Train, Evaluate, Register, Package, TestImage, Profile],
    };
    let delivers = steps.contains(&Package) || matches!(trigger, Trigger::Redeploy { .. } | Trigger::Image { .. });
    let mut plan: Vec<StepKey> = steps.into_iter().map(StepKey::of).collect();
    if delivers {
        for (name, environment) in &manifest.environments {
            plan.extend(environment.approval.as_ref().map(|_| StepKey::at(Step::Approve, name)));
            plan.extend([StepKey::at(Step::Deploy, name), StepKey::at(Step::SmokeTest, name)]);
        }
    }
    plan
}

#[cfg(test)]
mod tests;
