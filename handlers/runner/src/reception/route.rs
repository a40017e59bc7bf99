//! Where an event goes: pure, from what it says and who watches it to what is done about it.
//!
//! An event is a hint. It says that something moved, and where that is now the source says: so a start names a branch
//! and no commit, and an event that comes late, twice or forged can at most make us look.

use events::Fact;
use events::fact::{
    BlobChange, Build, BuildResult, CheckAsk, CheckRequest, Drift, ImageChange, PullRequest, PullRequestState, Push,
    RefUpdate, RegisteredModel,
};
use events::names::ReferenceKind;
use pipeline::names::{Project, RunId};

use crate::intake::{RetrainReason as Reason, Wish};
use crate::watch::{Watch, WatchList};

/// What is done about an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Route {
    /// A run is asked for.
    Start {
        /// Whose.
        project: Project,
        /// What.
        wish: Wish,
        /// What makes two of them the same; None: what the wish comes to.
        cause: Option<String>,
        /// Who caused it.
        by: Option<String>,
        /// Whether several of them within a short time are one.
        gathers: bool,
    },
    /// A run waits for this: it asks how that does.
    Wake {
        /// Whose.
        project: Project,
        /// The run's number.
        number: u64,
        /// The job or build that it waits for.
        waits_for: String,
    },
    /// A person wants a run's failed step tried again.
    Retry {
        /// Which.
        run: RunId,
        /// Who.
        by: String,
    },
    /// Nothing, and why.
    Nothing(String),
}

/// What is done about a fact, at least one thing.
#[must_use]
pub fn route(fact: &Fact, list: &WatchList) -> Vec<Route> {
    let mut routes = match fact {
        Fact::Pushed(push) => pushed(push, list),
        Fact::PushAnnounced(_) => {
            nothing("it names no branch: set `resourceDetailsToSend` of the subscription to `all`")
        }
        Fact::PullRequestChanged(pull_request) => pull_request_changed(pull_request, list),
        Fact::CheckRequested(check) => check_requested(check),
        Fact::BuildCompleted(build) => build_completed(build, list),
        Fact::PipelineRunChanged(_) => nothing("it names no commit; `build.complete` of the same build does"),
        Fact::ApprovalChanged(_) => nothing("gates are answered in Trainyard, where the answer is bound to a digest"),
        Fact::JobChanged(job) if !job.status.is_terminal() => nothing("the job has not ended"),
        // What trained before us has a name of its own, and ours as a tag.
        Fact::JobChanged(job) => wake(job.tags.get(JOB_TAG).unwrap_or(&job.job), list),
        Fact::DatabricksRunChanged(run) => match &run.job_name {
            Some(name) => wake(name, list),
            None => nothing("it names no job"),
        },
        Fact::ModelRegistered(model) => model_registered(model, list),
        Fact::DataDrifted(drift) => drifted(drift, list),
        Fact::BlobCreated(blob) => blob_created(blob, list),
        Fact::ImagePushed(image) => image_pushed(image, list),
        Fact::ImageQuarantined(_) => nothing("the image is in quarantine; its push is told again when it is out"),
        Fact::ModelAliased(_) | Fact::ModelTagged(_) => nothing("aliases and tags start nothing"),
        Fact::ModelDeployed(_) => nothing("deployments are asked for their health by themselves"),
        Fact::ImageDeleted(_) | Fact::ChartDeleted(_) | Fact::BlobDeleted(_) => {
            nothing("what is deleted starts nothing")
        }
        Fact::ChartPushed(_) => nothing("charts are not deployed"),
        Fact::AvailabilityChanged(_) => nothing("it is shown by `trainyard events`, and no run depends on it"),
        Fact::SubscriptionValidation { .. } | Fact::Pinged { .. } => nothing("the sender tries whether we are there"),
        Fact::SubscriptionDeleted { .. } => nothing("nobody sends events of this subscription any more"),
    };
    if routes.is_empty() {
        routes = nothing("no project watches it");
    }
    routes
}

fn nothing(why: &str) -> Vec<Route> {
    vec![Route::Nothing(why.to_owned())]
}

fn pushed(push: &Push, list: &WatchList) -> Vec<Route> {
    let watching = list.projects.iter().filter(|(_, watch)| watch.has_repository(&push.repository));
    watching
        .flat_map(|(project, watch)| push.updates.iter().map(move |update| moved(project, watch, push, update)))
        .collect()
}

fn moved(project: &Project, watch: &Watch, push: &Push, update: &RefUpdate) -> Route {
    let reference = &update.reference;
    if update.after.is_none() {
        return Route::Nothing(format!("{reference} is deleted"));
    }
    let by = push.pushed_by.clone();
    let start = |wish, cause, gathers| Route::Start { project: project.clone(), wish, cause, by: by.clone(), gathers };
    match reference.kind() {
        ReferenceKind::Branch(name) => match reference.branch() {
            None => Route::Nothing(format!("{name} is a name that git allows and Trainyard does not")),
            Some(_) if watch.build.is_some() => {
                Route::Nothing("the build of this commit stands for the check, and its end is waited for".to_owned())
            }
            Some(branch) => start(Wish::Push { branch, commit: None }, None, true),
        },
        ReferenceKind::Tag(name) => start(Wish::Tag { tag: name.to_owned() }, None, false),
        _ => Route::Nothing(format!("{reference} is neither a branch nor a tag")),
    }
}

fn pull_request_changed(pull_request: &PullRequest, list: &WatchList) -> Vec<Route> {
    let PullRequest { repository, number, state, source, target, draft, from_fork, .. } = pull_request;
    let watching = list.projects.iter().filter(|(_, watch)| watch.has_repository(repository));
    let route = |project: &Project| {
        if *state != PullRequestState::Open {
            return Route::Nothing(format!("pull request {number} is closed; its merge is a push of {target}"));
        }
        if *draft {
            return Route::Nothing(format!("pull request {number} is a draft"));
        }
        if *from_fork {
            let why =
                format!("pull request {number} is from a fork: somebody else's code is checked when a person asks");
            return Route::Nothing(why);
        }
        let (Some(branch), Some(base)) = (source.branch(), target.branch()) else {
            return Route::Nothing(format!(
                "pull request {number} is from {source} to {target}, and these are no branches"
            ));
        };
        let wish = Wish::PullRequest { number: *number, branch, base };
        let by = pull_request.opened_by.clone();
        Route::Start { project: project.clone(), wish, cause: None, by, gathers: true }
    };
    watching.map(|(project, _)| route(project)).collect()
}

fn check_requested(check: &CheckRequest) -> Vec<Route> {
    let run = check.external_id.as_deref().and_then(|id| id.split(':').next()?.parse().ok());
    let by = check.by.clone().unwrap_or_else(|| "somebody on GitHub".to_owned());
    match (&check.ask, run) {
        (CheckAsk::Again, Some(run)) => vec![Route::Retry { run, by }],
        (CheckAsk::Again, None) => nothing("the check is not one of ours"),
        (CheckAsk::Button(_), _) => nothing("the check has no such button"),
    }
}

fn build_completed(build: &Build, list: &WatchList) -> Vec<Route> {
    let is_theirs = |watch: &Watch| {
        let repository = build.repository.as_ref().is_some_and(|repository| watch.has_repository(repository));
        let project = build.project.as_ref().zip(watch.devops_project.as_ref());
        repository || project.is_some_and(|(theirs, ours)| theirs.id.eq_ignore_ascii_case(ours))
    };
    let named = build.number.clone().unwrap_or_else(|| build.id.to_string());
    let watching = list.projects.iter().filter(|(_, watch)| is_theirs(watch));
    let route = |(project, watch): (&Project, &Watch)| {
        if !watch.has_pipeline(build.definition.as_deref(), build.definition_id) {
            return Route::Nothing("the pipeline does not stand for the check of this project".to_owned());
        }
        if build.result != BuildResult::Succeeded {
            return Route::Nothing(format!("build {named} did not go well, so nothing is delivered"));
        }
        let branch = build.reference.as_ref().and_then(|reference| reference.branch());
        let (Some(branch), Some(commit)) = (branch, build.commit.clone()) else {
            return Route::Nothing(format!("build {named} is of no branch"));
        };
        let cause = Some(format!("build/{}", build.id));
        let wish = Wish::Build { branch, commit, build: named.clone(), id: build.id };
        let by = build.requested_for.clone();
        Route::Start { project: project.clone(), wish, cause, by, gathers: false }
    };
    watching.map(route).collect()
}

/// The run whose effect has this name. Names of effects are made from the run's: `train-diabetes-7`, and for another try
/// `train-diabetes-7-2`.
fn wake(name: &str, list: &WatchList) -> Vec<Route> {
    let found = list.projects.keys().find_map(|project| {
        let (_, rest) = name.split_once(&format!("-{project}-"))?;
        let number = rest.split('-').next()?.parse().ok()?;
        Some(Route::Wake { project: project.clone(), number, waits_for: name.to_owned() })
    });
    found.map_or_else(|| nothing("it is not one of ours"), |wake| vec![wake])
}

fn model_registered(model: &RegisteredModel, list: &WatchList) -> Vec<Route> {
    if model.tags.contains_key(RUN_TAG) {
        return nothing("a run of ours registered it");
    }
    let watching = list.projects.iter().filter(|(_, watch)| watch.models.contains(&model.name));
    let route = |(project, _): (&Project, &Watch)| match model.version.number() {
        None => Route::Nothing(format!("version {} is no number", model.version)),
        Some(version) => Route::Start {
            project: project.clone(),
            wish: Wish::Model { name: model.name.clone(), version },
            cause: Some(format!("model/{}/{version}", model.name)),
            by: None,
            gathers: false,
        },
    };
    watching.map(route).collect()
}

/// A tag that `register` puts on the versions that it registers.
const RUN_TAG: &str = "run_number";

/// The tag of runs that we have started and somebody else has named: our job's name.
pub const JOB_TAG: &str = "trainyardJob";

fn drifted(drift: &Drift, list: &WatchList) -> Vec<Route> {
    let what = drift.target_dataset.as_ref().or(drift.name.as_ref()).unwrap_or(&drift.monitor);
    let why = format!("drift of {:.2} in {what}", drift.coefficient);
    let watching = list.projects.iter().filter(|(_, watch)| watch.workspaces.iter().any(|it| it.is(&drift.workspace)));
    watching.map(|(project, _)| retrain(project, Reason::Drift, &why)).collect()
}

fn blob_created(blob: &BlobChange, list: &WatchList) -> Vec<Route> {
    if !blob.committed {
        return nothing("the file is only begun; its end is told, too");
    }
    let why = format!("new data: {}/{}", blob.container, blob.blob);
    let watching = list.projects.iter().filter(|(_, it)| it.has_data(&blob.account, &blob.container, &blob.blob));
    watching.map(|(project, _)| retrain(project, Reason::Data, &why)).collect()
}

fn retrain(project: &Project, reason: Reason, why: &str) -> Route {
    let wish = Wish::Retrain { reason, why: why.to_owned() };
    Route::Start { project: project.clone(), wish, cause: None, by: None, gathers: true }
}

fn image_pushed(image: &ImageChange, list: &WatchList) -> Vec<Route> {
    let watching = list.projects.iter().filter(|(_, watch)| watch.images.contains(&image.repository));
    let route = |(project, _): (&Project, &Watch)| Route::Start {
        project: project.clone(),
        wish: Wish::Image { digest: image.digest.clone() },
        // The same content under two tags is one release.
        cause: Some(format!("image/{}", image.digest)),
        by: None,
        gathers: false,
    };
    watching.map(route).collect()
}

#[cfg(test)]
mod tests;
