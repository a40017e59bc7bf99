//! Approvals: of a classic release's stage (`ms.vss-release.deployment-approval-…`), and of what a YAML pipeline uses
//! (`ms.vss-pipelinechecks-events.approval-…`).

use super::Hook;
use crate::draft::{Draft, person};
use crate::fact::{Approval, ApprovalGate, Decision, Fact};
use crate::member::Object;
use crate::reading::Refusal;

const DECISIONS: &[(&str, Decision)] = &[
    ("pending", Decision::Pending),
    ("uninitiated", Decision::Pending),
    ("approved", Decision::Approved),
    ("rejected", Decision::Rejected),
    ("reassigned", Decision::Reassigned),
    ("canceled", Decision::Canceled),
    ("skipped", Decision::Skipped),
    ("timedOut", Decision::TimedOut),
];

const GATES: &[(&str, ApprovalGate)] =
    &[("preDeploy", ApprovalGate::BeforeStage), ("postDeploy", ApprovalGate::AfterStage)];

pub(super) fn of_release(hook: &Hook<'_>, resource: &Object<'_>, draft: &mut Draft) -> Result<Fact, Refusal> {
    let approval = resource.object("approval")?;
    let stage = match approval.maybe_object("releaseEnvironment")? {
        None => resource.maybe_object("environment")?,
        found => found,
    };
    let release = match resource.maybe_object("release")? {
        None => approval.maybe_object("release")?,
        found => found,
    };
    let project = match (resource.maybe_object("project")?, &release) {
        (None, Some(release)) => release.maybe_object("project")?,
        (found, _) => found,
    };
    let by = match person(approval.maybe_object("approvedBy")?)? {
        None => person(approval.maybe_object("approver")?)?,
        found => found,
    };
    Ok(Fact::ApprovalChanged(Approval {
        id: approval.name("id")?,
        gate: approval.choice("approvalType", GATES)?,
        decision: approval.choice("status", DECISIONS)?,
        by,
        comment: draft.note(&approval, "comments")?,
        environment: stage.map(|stage| stage.name("name")).transpose()?,
        release: release.map(|release| release.number("id")).transpose()?,
        project: hook.project(project)?,
    }))
}

pub(super) fn of_check(hook: &Hook<'_>, resource: &Object<'_>, draft: &mut Draft) -> Result<Fact, Refusal> {
    let approval = resource.object("approval")?;
    let (mut by, mut comment) = (None, None);
    // The last answer is the one that decided.
    if let Some((index, value)) = approval.maybe_list("steps")?.and_then(|steps| steps.iter().enumerate().next_back()) {
        let step = approval.item("steps", index, value)?;
        by = match person(step.maybe_object("actualApprover")?)? {
            None => person(step.maybe_object("assignedApprover")?)?,
            found => found,
        };
        comment = draft.note(&step, "comment")?;
    }
    let project = resource.maybe_named("projectId")?.map(|id| crate::fact::Project { id, name: None });
    Ok(Fact::ApprovalChanged(Approval {
        id: approval.name("id")?,
        gate: ApprovalGate::Check,
        decision: approval.choice("status", DECISIONS)?,
        by,
        comment,
        environment: None,
        release: None,
        project: match project {
            None => hook.project(None)?,
            found => found,
        },
    }))
}
