//! The switch by an `HTTPRoute` of the Gateway API: two releases share the requests of an environment by weights, and the
//! new one's grow in steps.
//!
//! ```text
//! apply   a Service for the release; HTTPRoute: trainyard/wanted = this release, weight 0; then its Deployment
//! status  pods there and route taken up:   weight = the first step              --> Starting
//!         the step has had its time:       weight = the next step, at last 100  --> Starting
//!         the route with 100 is taken up:  the old one is scaled to none        --> Ready
//!         pods in trouble on the way:      the old one has 100 again            --> Failed
//! call    POST <gateway><path>/score, with a header that leads to this release alone
//! ```
//!
//! All that is known of a shift is on the route: who is wanted, the weights, when they were shifted, which release was
//! replaced. Each write is at the version that was read, so of two who look at once one comes to nothing. Steps are
//! skipped where nothing serves yet, and on the way back to the release that was replaced last.
//!
//! Source: `apis/v1/httproute_types.go` of
//! [kubernetes-sigs/gateway-api](https://github.com/kubernetes-sigs/gateway-api). Of it this takes what every gateway
//! can do (weights, matches by path and header); only where `path` is not `/` the prefix is taken off, by `URLRewrite`,
//! which is an extended feature.

use pipeline::steps::deploy::READY_SECS;
use reqwest::Url;
use runner::ports::{PortError, Result};
use serde::{Deserialize, Serialize};

use super::{Kubernetes, Place};
use crate::http;
use crate::serving::{below, filled};

mod body;
mod object;
mod shares;
mod shift;

pub(super) use object::Route;

/// The header of a request that is for one release, whatever the weights are. It opens nothing: both releases are there
/// for everybody.
pub(super) const HEADER: &str = "trainyard-deployment";
/// Steps at most.
const STEPS_MAX: usize = 10;
/// All steps together, at most: pods need a part of a deployment's time to start.
const SHIFT_SECS_MAX: u64 = READY_SECS / 4 * 3;

/// A gateway, and how requests go over from one release to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteSettings {
    /// The name of the `Gateway`.
    pub gateway: String,
    /// Its namespace, where it is another one. One of its listeners must allow routes of ours.
    #[serde(default)]
    pub gateway_namespace: Option<String>,
    /// The name of its listener; without it, all of its listeners that fit.
    #[serde(default)]
    pub listener: Option<String>,
    /// Hosts of which requests are taken, with the placeholders of `path` in lower case; without any, all hosts of the
    /// listener.
    #[serde(default)]
    pub hostnames: Vec<String>,
    /// The path below which requests are taken; the model does not see it. `{project}`, `{environment}` and `{service}`
    /// stand for names. Two environments must not have the same hosts and path: the older route would have all requests.
    #[serde(default = "path")]
    pub path: String,
    /// Percent of the requests that a new release has first, next and so on, before it has all of them. Without any it
    /// has all of them at once.
    #[serde(default)]
    pub steps: Vec<u8>,
    /// How long each step lasts at least. All steps together have 15 minutes.
    #[serde(default = "step_secs")]
    pub step_secs: u32,
}

fn path() -> String {
    "/{project}/{environment}".into()
}

fn step_secs() -> u32 {
    300
}

impl RouteSettings {
    /// Whether they can be used.
    ///
    /// # Errors
    ///
    /// A name is none, a path or the steps are not as they must be.
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |reason: String| Err(PortError::permanent("settings", reason));
        let names = [Some(&self.gateway), self.gateway_namespace.as_ref(), self.listener.as_ref()];
        for name in names.into_iter().flatten() {
            if !is_name(name) {
                return wrong(format!("`route` of Kubernetes names {name:?}, which is no name of an object"));
            }
        }
        let path = filled(&self.path, &[("project", "p"), ("environment", "e"), ("service", "s")]);
        let segments = path.strip_prefix('/').map(|rest| rest.trim_end_matches('/').split('/').collect::<Vec<_>>());
        if !segments.is_some_and(|all| all == [""] || all.iter().all(|segment| is_segment(segment))) {
            let reason =
                format!("`path` of Kubernetes' `route` is {:?}; it must look like /models/{{project}}", self.path);
            return wrong(reason);
        }
        let rises = self.steps.windows(2).all(|pair| pair[0] < pair[1]);
        if !rises || self.steps.len() > STEPS_MAX || !self.steps.iter().all(|step| (1..100).contains(step)) {
            let reason = format!(
                "`steps` of Kubernetes' `route` are {:?}; they must rise, from 1 to 99 percent, at most {STEPS_MAX} of them",
                self.steps
            );
            return wrong(reason);
        }
        let all_secs = u64::from(self.step_secs) * self.steps.len() as u64;
        if all_secs > SHIFT_SECS_MAX {
            let reason = format!(
                "the steps of Kubernetes' `route` take {all_secs} s, and may take {SHIFT_SECS_MAX} s: a deployment has to be \
                 ready within {READY_SECS} s. Take fewer `steps` or less `step_secs`"
            );
            return wrong(reason);
        }
        Ok(())
    }

    /// The path of an environment, without a slash at its end; empty for all paths.
    fn path(&self, place: &Place<'_>) -> String {
        let path = filled(&self.path, &names(place));
        path.trim_end_matches('/').to_owned()
    }

    /// How many percent come after so many; None when there are no more steps.
    fn after(&self, percent: u32) -> Option<u32> {
        self.steps.iter().map(|step| u32::from(*step)).find(|step| *step > percent)
    }
}

impl Kubernetes {
    /// Where the environment is called at the gateway.
    pub(super) fn address_at_gateway(&self, settings: &RouteSettings, place: &Place<'_>) -> Result<Url> {
        let gateway = http::address("the address of the gateway", &filled(&self.settings.endpoint, &names(place)))?;
        Ok(below(&gateway, &settings.path(place)))
    }
}

fn names<'a>(place: &'a Place<'_>) -> [(&'static str, &'a str); 3] {
    [("project", place.project.as_str()), ("environment", place.environment.as_str()), ("service", &place.service)]
}

/// As the API server has them: lower-case letters, digits, hyphens and dots.
fn is_name(text: &str) -> bool {
    let is_edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let is_word = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-' | '.');
    text.len() <= 253 && is_edge(text.chars().next()) && is_edge(text.chars().last()) && text.chars().all(is_word)
}

fn is_segment(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@".contains(c);
    !matches!(text, "" | "." | "..") && text.chars().all(is_word)
}

#[cfg(test)]
mod tests;
