//! No infrastructure: a machine is what it is.

use std::fmt;

use async_trait::async_trait;
use pipeline::names::{InfrastructureName, Project};
use runner::ports::{ApplyStatus, Declaration, Infrastructure, PlanStatus, Result};

const REASON: &str = "infrastructure is applied on Azure only: there is none to be made on one machine";

/// Applies nothing, and says so.
#[derive(Debug, Clone, Copy)]
pub struct NoInfrastructure;

impl fmt::Display for NoInfrastructure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no infrastructure")
    }
}

#[async_trait]
impl Infrastructure for NoInfrastructure {
    async fn plan(&self, _: &Declaration) -> Result<PlanStatus> {
        Ok(PlanStatus::NotHere { reason: REASON.into() })
    }

    async fn planned(&self, _: &str) -> Result<PlanStatus> {
        Ok(PlanStatus::NotHere { reason: REASON.into() })
    }

    async fn apply(&self, _: &Declaration) -> Result<ApplyStatus> {
        Ok(ApplyStatus::NotHere { reason: REASON.into() })
    }

    async fn status(&self, _: &Project, _: &InfrastructureName) -> Result<ApplyStatus> {
        Ok(ApplyStatus::NotHere { reason: REASON.into() })
    }

    async fn cancel(&self, _: &Project, _: &InfrastructureName) -> Result<()> {
        Ok(())
    }
}
