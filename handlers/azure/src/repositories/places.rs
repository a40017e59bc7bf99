//! What is whose at a host, and where people read about it.

use std::collections::BTreeMap;
use std::fmt;

use pipeline::names::{Project, RunId};
use reqwest::Url;
use runner::ports::{PortError, Result};

use crate::http::{self, CallError, Kind};

/// Each project's place at a host, and our own pages.
#[derive(Debug)]
pub(crate) struct Places<T> {
    service: &'static str,
    by_project: BTreeMap<Project, T>,
    site: Option<Url>,
}

/// Names that come from settings and become parts of addresses.
///
/// # Errors
///
/// One of them is none, or leads elsewhere.
pub(crate) fn checked<'a>(of_what: &str, names: impl IntoIterator<Item = &'a String>) -> Result<()> {
    match names.into_iter().find(|name| matches!(name.trim(), "" | "." | "..")) {
        Some(name) => {
            let reason = format!("{name:?} is no name of {of_what}; set the one in its address");
            Err(PortError::permanent("settings", reason))
        }
        None => Ok(()),
    }
}

impl<T> Places<T> {
    pub fn new(service: &'static str, by_project: BTreeMap<Project, T>, site: Option<&str>) -> Result<Self> {
        let site = site.map(|site| http::address("the address of our pages", site)).transpose()?;
        Ok(Self { service, by_project, site })
    }

    pub fn projects(&self) -> impl Iterator<Item = &Project> {
        self.by_project.keys()
    }

    pub fn of(&self, project: &Project) -> Result<&T, CallError> {
        self.by_project.get(project).ok_or_else(|| {
            let service = self.service;
            let reason = format!("no repository is set for project {project}; add it to `repositories` of {service}");
            CallError::refused(service, reason)
        })
    }

    /// Where people read about a run.
    pub fn link(&self, run: &RunId) -> Option<Url> {
        self.site.as_ref().map(|site| http::join(site, &["runs", run.as_str()], &[]))
    }

    /// What was asked for, or the port's error: something that is gone is named.
    pub fn there<A>(&self, project: &Project, what: impl fmt::Display, asked: Result<A, CallError>) -> Result<A> {
        asked.map_err(|error| match error.kind {
            Kind::Gone => {
                let reason = format!(
                    "the repository of {project} has no {what}: it was deleted or replaced, or the repository is not \
                     the one in the settings"
                );
                PortError::permanent(self.service, reason)
            }
            _ => error.into_port(),
        })
    }
}
