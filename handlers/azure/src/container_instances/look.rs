//! One look at an environment: its group, and the others.

use pipeline::names::{EnvironmentName, Project};
use reqwest::{Method, StatusCode, Url};
use runner::ports::{PortError, Result};
use serde::Deserialize;
use serde_json::json;
use tracing::warn;

use super::group::{DEPLOYMENT, ENVIRONMENT, Group, PROJECT, SERVING};
use super::{ContainerInstances, DELETE, Place, READ, SERVICE, TAG};
use crate::http::{Call, CallError, Kind};

/// Pages that are read of a list before it is given up.
const PAGES_MAX: usize = 100;

/// A page of groups. They come without how they do.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Page {
    value: Vec<Group>,
    next_link: Option<String>,
}

/// A deployment's group among those of its environment.
#[derive(Debug)]
pub(super) struct Look {
    pub group: Group,
    pub others: Vec<Group>,
}

impl Look {
    /// Who has taken its place, or is about to although this one never had it.
    pub fn replaced_by(&self) -> Option<&Group> {
        let turn = self.group.turn();
        self.others.iter().find(|other| turn.is_over(&other.turn()))
    }

    /// Whether it took the environment over.
    pub fn serves(&self) -> bool {
        self.group.turn().serving.is_some() && self.replaced_by().is_none()
    }

    /// Those that it has replaced, or will.
    fn older(&self) -> impl Iterator<Item = &Group> {
        let turn = self.group.turn();
        self.others.iter().filter(move |other| other.turn().is_older(&turn))
    }
}

impl ContainerInstances {
    /// None: there is no such group.
    pub(super) async fn look(&self, place: &Place<'_>) -> Result<Option<Look>> {
        let call = Call::get(self.url(&[&place.group()]), &READ);
        let group: Group = match self.client.read(call).await {
            Ok(group) => group,
            Err(error) if error.kind == Kind::Gone => return Ok(None),
            Err(error) => return Err(error.into_port()),
        };
        let mut others = self.groups(place.project, place.environment).await.map_err(CallError::into_port)?;
        others.retain(|other| !other.name.eq_ignore_ascii_case(&group.name));
        Ok(Some(Look { group, others }))
    }

    /// All groups of an environment.
    async fn groups(&self, project: &Project, environment: &EnvironmentName) -> Result<Vec<Group>, CallError> {
        let mut found = Vec::new();
        let mut url = self.url(&[]);
        for _ in 0..PAGES_MAX {
            let page: Page = self.client.read(Call::get(url.clone(), &READ)).await?;
            let is_ours = |group: &Group| {
                group.tag(PROJECT) == Some(project.as_str()) && group.tag(ENVIRONMENT) == Some(environment.as_str())
            };
            found.extend(page.value.into_iter().filter(is_ours));
            let Some(next) = page.next_link.filter(|link| !link.is_empty()) else { return Ok(found) };
            let next = Url::parse(&next).ok().filter(|next| next.origin() == self.base.origin());
            // A token is shown to nobody else.
            url = next.ok_or_else(|| {
                let reason = "the list of container groups goes on at an address that is not the service's";
                CallError::refused(SERVICE, reason.to_owned())
            })?;
        }
        let reason = format!("the resource group has more than {PAGES_MAX} pages of container groups");
        Err(CallError::refused(SERVICE, reason))
    }

    /// Has a group take the environment over. One write: the tags as a whole.
    pub(super) async fn take_over(&self, look: &mut Look) -> Result<()> {
        let now = self.client.now().to_string();
        let body = json!({"tags": look.group.tagged(SERVING, now)});
        let call = Call::send(Method::PATCH, self.url(&[&look.group.name]), body, &TAG);
        // The answer need not say how the containers do.
        let told: Group = self.client.read(call).await.map_err(CallError::into_port)?;
        if told.turn().serving.is_none() {
            let reason = format!("the container group {} was tagged, and the tag is not there", look.group.name);
            return Err(PortError::transient(SERVICE, reason));
        }
        look.group = told;
        Ok(())
    }

    /// Deletes the groups that this one has replaced. What cannot be deleted now is found again at the next question
    /// or by the next release; what serves is none the worse for it.
    pub(super) async fn delete_older(&self, look: &Look) {
        for older in look.older() {
            if let Err(error) = self.delete(&older.name).await {
                let deployment = older.tag(DEPLOYMENT).unwrap_or(&older.name);
                warn!("{deployment} was replaced, and its container group is not deleted yet: {}", error.into_port());
            }
        }
    }

    /// Deletes a group; whether it is gone already.
    pub(super) async fn delete(&self, group: &str) -> Result<bool, CallError> {
        let call = Call::new(Method::DELETE, self.url(&[group]), crate::http::Body::Nothing, &DELETE);
        match self.client.call(call).await {
            Ok(answer) => Ok(answer.status != StatusCode::ACCEPTED),
            Err(error) if error.kind == Kind::Gone => Ok(true),
            Err(error) => Err(error),
        }
    }
}
