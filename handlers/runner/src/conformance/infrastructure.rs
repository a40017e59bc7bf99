//! What [`Infrastructure`] promises.

use pipeline::names::InfrastructureName;

use super::fresh;
use crate::ports::{ApplyStatus, Declaration, Infrastructure, PlanStatus};

/// How often an operation is asked after before it is given up.
const LOOKS: usize = 100;

/// Infrastructure that the promises may apply.
#[expect(missing_debug_implementations, reason = "it lends a function")]
pub struct Example<'a> {
    /// The backend.
    pub infrastructure: &'a dyn Infrastructure,
    /// What can be applied. The name is replaced.
    pub good: Declaration,
    /// What cannot: an impossible template.
    pub impossible: Declaration,
    /// What is taken, and fails when it is applied.
    pub failing: Declaration,
    /// Lets some time pass where operations need it.
    pub pass: &'a (dyn Fn() + Send + Sync),
}

/// All promises of infrastructure, one after the other.
pub async fn all(example: &Example<'_>) {
    what_was_never_applied_is_unknown(example).await;
    a_plan_says_what_would_change_and_changes_nothing(example).await;
    an_impossible_declaration_is_an_outcome(example).await;
    applying_a_name_twice_is_applying_it_once(example).await;
    a_failure_says_why_and_stays_one(example).await;
    a_canceled_application_has_failed(example).await;
}

/// Asking after it and ending it are no errors.
pub async fn what_was_never_applied_is_unknown(example: &Example<'_>) {
    let (infrastructure, project, name) = (example.infrastructure, &example.good.project, name());

    infrastructure.cancel(project, &name).await.unwrap();

    assert_eq!(infrastructure.status(project, &name).await.unwrap(), ApplyStatus::Unknown);
}

/// Also when it is asked twice.
pub async fn a_plan_says_what_would_change_and_changes_nothing(example: &Example<'_>) {
    let declaration = named(&example.good);

    let first = planned(example, &declaration).await;
    let again = planned(example, &declaration).await;

    let PlanStatus::Planned { changes } = &first else { panic!("{first:?}") };
    assert!(changes.iter().any(|change| change.kind.is_change()), "{changes:?}");
    assert_eq!(first, again);
    let status = example.infrastructure.status(&declaration.project, &declaration.name).await.unwrap();
    assert_eq!(status, ApplyStatus::Unknown);
}

/// No try will be better, and the run can say why.
pub async fn an_impossible_declaration_is_an_outcome(example: &Example<'_>) {
    let declaration = named(&example.impossible);

    let plan = planned(example, &declaration).await;
    let applied = example.infrastructure.apply(&declaration).await.unwrap();

    assert!(matches!(&plan, PlanStatus::Invalid { reason } if !reason.is_empty()), "{plan:?}");
    assert!(matches!(&applied, ApplyStatus::Failed { reason } if !reason.is_empty()), "{applied:?}");
}

/// Before it has ended and after it.
pub async fn applying_a_name_twice_is_applying_it_once(example: &Example<'_>) {
    let (infrastructure, declaration) = (example.infrastructure, named(&example.good));
    infrastructure.apply(&declaration).await.unwrap();
    infrastructure.apply(&declaration).await.unwrap();
    let first = end_of(example, &declaration).await;
    assert!(matches!(first, ApplyStatus::Applied { .. }), "{first:?}");

    let again = infrastructure.apply(&declaration).await.unwrap();
    infrastructure.cancel(&declaration.project, &declaration.name).await.unwrap();

    assert_eq!(again, first);
    assert_eq!(end_of(example, &declaration).await, first);
}

/// A repeat is no second try: that has another name.
pub async fn a_failure_says_why_and_stays_one(example: &Example<'_>) {
    let declaration = named(&example.failing);
    example.infrastructure.apply(&declaration).await.unwrap();
    let first = end_of(example, &declaration).await;

    let again = example.infrastructure.apply(&declaration).await.unwrap();

    assert!(matches!(&first, ApplyStatus::Failed { reason } if !reason.is_empty()), "{first:?}");
    assert_eq!(again, first);
}

/// However often it is canceled.
pub async fn a_canceled_application_has_failed(example: &Example<'_>) {
    let (infrastructure, declaration) = (example.infrastructure, named(&example.good));
    let status = infrastructure.apply(&declaration).await.unwrap();
    assert_eq!(status, ApplyStatus::Running, "what ends at once cannot be canceled");

    infrastructure.cancel(&declaration.project, &declaration.name).await.unwrap();
    infrastructure.cancel(&declaration.project, &declaration.name).await.unwrap();

    let end = end_of(example, &declaration).await;
    assert!(matches!(&end, ApplyStatus::Failed { reason } if reason.contains("canceled")), "{end:?}");
}

async fn planned(example: &Example<'_>, declaration: &Declaration) -> PlanStatus {
    let mut status = example.infrastructure.plan(declaration).await.unwrap();
    for _ in 0..LOOKS {
        let PlanStatus::Running { operation } = &status else { return status };
        (example.pass)();
        status = example.infrastructure.planned(operation).await.unwrap();
    }
    panic!("the plan of {} does not end", declaration.name);
}

async fn end_of(example: &Example<'_>, declaration: &Declaration) -> ApplyStatus {
    for _ in 0..LOOKS {
        let status = example.infrastructure.status(&declaration.project, &declaration.name).await.unwrap();
        if status != ApplyStatus::Running {
            return status;
        }
        (example.pass)();
    }
    panic!("{} does not end", declaration.name);
}

fn named(declaration: &Declaration) -> Declaration {
    Declaration { name: name(), ..declaration.clone() }
}

fn name() -> InfrastructureName {
    fresh("infra").parse().unwrap()
}
