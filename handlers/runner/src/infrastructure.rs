//! Infrastructure, planned and applied. What was applied last is on record by its content, so that a commit that declares
//! the same applies nothing, and one whose run failed before it was applied is made up for by the next.

use pipeline::event::Event;
use pipeline::infrastructure::InfrastructureSpec;
use pipeline::names::{Digest, InfrastructureName};
use pipeline::run::Run;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::keys;
use crate::ports::{ApplyStatus, Declaration, Expect, PlanStatus, Result};
use crate::records::parse;
use crate::runner::Runner;

/// What was applied last for a project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Applied {
    /// What was declared.
    content: Digest,
    /// The application.
    name: InfrastructureName,
    /// The run's number.
    number: u64,
}

impl Runner {
    /// Begins to look what a declaration would change.
    pub(crate) async fn plan_infrastructure(&self, spec: &InfrastructureSpec) -> Result<Option<Event>> {
        match self.declaration(spec).await? {
            Ok(declaration) => self.ports.infrastructure.plan(&declaration).await.map(plan_event),
            Err(reason) => Ok(Some(Event::InfrastructureFailed { reason })),
        }
    }

    /// Applies a declaration that is another than the last one.
    pub(crate) async fn apply_infrastructure(&self, run: &Run, spec: &InfrastructureSpec) -> Result<Option<Event>> {
        let declaration = match self.declaration(spec).await? {
            Ok(declaration) => declaration,
            Err(reason) => return Ok(Some(Event::InfrastructureFailed { reason })),
        };
        let content = content(&declaration);
        let last = self.last_applied(run).await?.map(|(last, _)| last);
        let reason = match last {
            Some(last) if last.content == content => {
                format!("the infrastructure is as run {} applied it, by {}", last.number, last.name)
            }
            Some(last) if last.number > run.number => {
                format!("run {} is newer and has applied its infrastructure; this run applies none", last.number)
            }
            _ => {
                let status = self.ports.infrastructure.apply(&declaration).await?;
                return self.apply_event(run, spec, content, status).await;
            }
        };
        Ok(Some(Event::InfrastructureUntouched { reason }))
    }

    /// How a plan or an application does.
    pub(crate) async fn ask_infrastructure(
        &self,
        run: &Run,
        spec: &InfrastructureSpec,
        plan: Option<&str>,
    ) -> Result<Option<Event>> {
        if let Some(operation) = plan {
            return self.ports.infrastructure.planned(operation).await.map(plan_event);
        }
        match self.ports.infrastructure.status(&spec.project, &spec.name).await? {
            // It may not be seen yet, or was never begun: a repeat adopts what there is.
            ApplyStatus::Unknown => self.apply_infrastructure(run, spec).await,
            status => match self.declaration(spec).await? {
                Ok(declaration) => self.apply_event(run, spec, content(&declaration), status).await,
                Err(reason) => Ok(Some(Event::InfrastructureFailed { reason })),
            },
        }
    }

    async fn apply_event(
        &self,
        run: &Run,
        spec: &InfrastructureSpec,
        content: Digest,
        status: ApplyStatus,
    ) -> Result<Option<Event>> {
        let name = spec.name.clone();
        Ok(match status {
            ApplyStatus::Running | ApplyStatus::Unknown => None,
            ApplyStatus::Failed { reason } => Some(Event::InfrastructureFailed { reason }),
            ApplyStatus::NotHere { reason } => Some(Event::InfrastructureUntouched { reason }),
            ApplyStatus::Applied { outputs } => {
                self.remember(run, Applied { content, name: name.clone(), number: run.number }).await?;
                Some(Event::InfrastructureApplied { name, outputs })
            }
        })
    }

    async fn last_applied(&self, run: &Run) -> Result<Option<(Applied, String)>> {
        let key = keys::infrastructure(&run.project);
        let Some(document) = self.ports.store.get(&key).await? else { return Ok(None) };
        Ok(Some((parse(&key, &document.body)?, document.version)))
    }

    async fn remember(&self, run: &Run, applied: Applied) -> Result<()> {
        let expect = match self.last_applied(run).await? {
            Some((last, _)) if last == applied || last.number > applied.number => return Ok(()),
            Some((_, version)) => Expect::Version(version),
            None => Expect::Absent,
        };
        let body = serde_json::to_vec(&applied).expect("it is plain data");
        self.ports.store.put(&keys::infrastructure(&run.project), body, expect).await.map(|_| ())
    }

    /// What the commit declares, or why that is nothing.
    async fn declaration(&self, spec: &InfrastructureSpec) -> Result<Result<Declaration, String>> {
        let template = match self.file(spec, &spec.template).await? {
            Ok(template) => template,
            Err(reason) => return Ok(Err(reason)),
        };
        let parameters = match &spec.parameters {
            None => json!({}),
            Some(path) => match self.file(spec, path).await? {
                // A file of parameters has them in a member; what is written by hand may leave it out.
                Ok(mut file) if file["parameters"].is_object() => file["parameters"].take(),
                Ok(file) => file,
                Err(reason) => return Ok(Err(reason)),
            },
        };
        let (name, project) = (spec.name.clone(), spec.project.clone());
        Ok(Ok(Declaration { name, project, template, parameters }))
    }

    async fn file(&self, spec: &InfrastructureSpec, path: &str) -> Result<Result<Value, String>> {
        let Some(bytes) = self.ports.source.read(&spec.project, &spec.commit, path).await? else {
            return Ok(Err(format!("{path} of `infrastructure` is not in commit {}", spec.commit.short())));
        };
        Ok(serde_json::from_slice(&bytes).map_err(|error| {
            format!(
                "{path} is not JSON ({error}); of Bicep `az bicep build` makes a template, `build-params` parameters"
            )
        }))
    }
}

fn content(declaration: &Declaration) -> Digest {
    let declared = json!([declaration.template, declaration.parameters]);
    Digest::of(declared.to_string().as_bytes())
}

fn plan_event(status: PlanStatus) -> Option<Event> {
    Some(match status {
        PlanStatus::Running { operation } => Event::InfrastructurePlanning { operation },
        PlanStatus::Planned { changes } => Event::InfrastructurePlanned { changes },
        PlanStatus::Invalid { reason } => Event::InfrastructureFailed { reason },
        PlanStatus::NotHere { reason } => Event::InfrastructureUntouched { reason },
    })
}
