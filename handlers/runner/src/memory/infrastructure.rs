//! Infrastructure that is there when a test says so.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use pipeline::infrastructure::{Change, ChangeKind};
use pipeline::names::{InfrastructureName, Project};

use super::world::World;
use super::{absent, lock, named};
use crate::ports::{ApplyStatus, Declaration, Infrastructure, PlanStatus, Result};

/// Applications that end when they are finished, at once unless a test holds them. Each member of a template's
/// `resources` is a resource; a template without any is impossible, and a resource named `broken` fails.
pub struct MemoryInfrastructure {
    world: World,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    applications: BTreeMap<InfrastructureName, (Declaration, ApplyStatus)>,
    /// By their operation; whether each has ended.
    plans: BTreeMap<String, (Declaration, bool)>,
    held: bool,
}

named!(MemoryInfrastructure, "infrastructure in memory");

impl MemoryInfrastructure {
    pub(super) fn new(world: World) -> Self {
        Self { world, state: Mutex::default() }
    }

    /// Whether applications and plans run until they are finished, instead of being done at once.
    pub fn hold(&self, held: bool) {
        lock(&self.state).held = held;
    }

    /// Ends all running applications and plans.
    pub fn finish(&self) {
        let mut state = lock(&self.state);
        for (declaration, status) in state.applications.values_mut() {
            if *status == ApplyStatus::Running {
                *status = end(declaration);
            }
        }
        for (_, has_ended) in state.plans.values_mut() {
            *has_ended = true;
        }
    }

    /// All that was applied, by name.
    #[must_use]
    pub fn applied(&self) -> Vec<Declaration> {
        lock(&self.state).applications.values().map(|(declaration, _)| declaration.clone()).collect()
    }

    fn look(&self, name: &InfrastructureName) -> ApplyStatus {
        let state = lock(&self.state);
        state.applications.get(name).map_or(ApplyStatus::Unknown, |(_, status)| status.clone())
    }

    fn begin(&self, declaration: &Declaration) -> ApplyStatus {
        if resources(declaration).is_empty() {
            return ApplyStatus::Failed { reason: "the template declares nothing".into() };
        }
        let mut state = lock(&self.state);
        let new = !state.applications.contains_key(&declaration.name);
        self.world.tally.note("infrastructure", declaration.name.as_str(), new);
        if new {
            let status = if state.held { ApplyStatus::Running } else { end(declaration) };
            state.applications.insert(declaration.name.clone(), (declaration.clone(), status));
        }
        drop(state);
        self.look(&declaration.name)
    }
}

fn resources(declaration: &Declaration) -> Vec<String> {
    let members = declaration.template["resources"].as_object();
    members.map(|members| members.keys().cloned().collect()).unwrap_or_default()
}

fn end(declaration: &Declaration) -> ApplyStatus {
    let resources = resources(declaration);
    if resources.iter().any(|resource| resource == "broken") {
        return ApplyStatus::Failed { reason: "broken: it cannot be made".into() };
    }
    ApplyStatus::Applied { outputs: [("resources".to_owned(), resources.len().to_string())].into() }
}

fn changes(declaration: &Declaration) -> PlanStatus {
    let changes: Vec<Change> =
        resources(declaration).into_iter().map(|resource| Change { kind: ChangeKind::Create, resource }).collect();
    if changes.is_empty() {
        return PlanStatus::Invalid { reason: "the template declares nothing".into() };
    }
    PlanStatus::Planned { changes }
}

#[async_trait]
impl Infrastructure for MemoryInfrastructure {
    async fn plan(&self, declaration: &Declaration) -> Result<PlanStatus> {
        let faults = &self.world.faults;
        faults.around("infrastructure.plan", declaration.name.as_str(), || {
            let mut state = lock(&self.state);
            if !state.held {
                return Ok(changes(declaration));
            }
            let operation = format!("plans/{}", declaration.name);
            state.plans.insert(operation.clone(), (declaration.clone(), false));
            Ok(PlanStatus::Running { operation })
        })
    }

    async fn planned(&self, operation: &str) -> Result<PlanStatus> {
        let faults = &self.world.faults;
        faults.around("infrastructure.planned", operation, || {
            let state = lock(&self.state);
            match state.plans.get(operation) {
                Some((declaration, true)) => Ok(changes(declaration)),
                Some(_) => Ok(PlanStatus::Running { operation: operation.to_owned() }),
                None => Err(absent(format_args!("{operation}"))),
            }
        })
    }

    async fn apply(&self, declaration: &Declaration) -> Result<ApplyStatus> {
        let faults = &self.world.faults;
        faults.around("infrastructure.apply", declaration.name.as_str(), || Ok(self.begin(declaration)))
    }

    async fn status(&self, _project: &Project, name: &InfrastructureName) -> Result<ApplyStatus> {
        let faults = &self.world.faults;
        faults.around("infrastructure.status", name.as_str(), || Ok(self.look(name)))
    }

    async fn cancel(&self, _project: &Project, name: &InfrastructureName) -> Result<()> {
        let faults = &self.world.faults;
        faults.around("infrastructure.cancel", name.as_str(), || {
            if let Some((_, status)) = lock(&self.state).applications.get_mut(name)
                && *status == ApplyStatus::Running
            {
                *status = ApplyStatus::Failed { reason: "it was canceled".into() };
            }
            Ok(())
        })
    }
}
