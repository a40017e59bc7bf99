//! Intake: somebody wants a run. The same cause gives the same run, however often it is told.

use futures::join;
use pipeline::event::{Event, Message, StepKey};
use pipeline::manifest::{Concern, Manifest};
use pipeline::names::{Branch, CommitId, Digest, EnvironmentName, ModelName, Project, RunId};
use pipeline::plan::plan;
use pipeline::release::Model;
use pipeline::run::{Ended, Facts, Outcome, Run, SCHEMA, Stage, Trigger};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::builds::Claimed;
use crate::keys;
use crate::ports::{Expect, Parcel, PortError, Revision, Write};
use crate::records::{Record, parcel, parse};
use crate::retrain::Retraining;
use crate::runner::Runner;

/// The manifest's place in a repository.
pub const MANIFEST: &str = "trainyard.yml";
/// So many pages of a hundred runs are looked through for the one that built an image.
const IMAGES_PAGES: usize = 5;
/// How often a start is tried again after another start of the same project came first.
const CONFLICTS: u32 = 200;

/// Somebody's wish for a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Whose.
    pub project: Project,
    /// What is wanted.
    #[serde(flatten)]
    pub wish: Wish,
    /// Who wants it.
    pub by: String,
    /// What caused it, where the wish alone does not say: a delivery's id. The same cause gives the same run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Nobody waits for it: what the manifest's filters leave out is no run, not even a skipped one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_if_wanted: bool,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// A branch got new commits.
    Push {
        /// Which.
        branch: Branch,
        /// Its head; None: whatever it is now.
        #[serde(default)]
        commit: Option<CommitId>,
    },
    /// A branch wants to be merged.
    PullRequest {
        /// The pull request's number.
        number: u64,
        /// The branch that wants to be merged.
        branch: Branch,
        /// Where to. The settings come from there.
        base: Branch,
    },
    /// A person starts the whole chain.
    Manual {
        /// This branch's head.
        #[serde(default)]
        branch: Option<Branch>,
        /// Or this commit.
        #[serde(default)]
        commit: Option<CommitId>,
    },
    /// A registered model is to be delivered.
    Model {
        /// Its name.
        name: ModelName,
        /// Its version.
        version: u64,
    },
    /// An image that some run built is to be delivered.
    Image {
        /// Which.
        digest: Digest,
    },
    /// What an older run made is to be delivered again, without training.
    Redeploy {
        /// Its id.
        run: RunId,
    },
    /// The last good release is to be put back.
    Rollback {
        /// Where.
        environment: EnvironmentName,
    },
    /// All steps are to be visited, and nothing done.
    Rehearsal {},
    /// A tag was set.
    Tag {
        /// Its name, without `refs/tags/`.
        tag: String,
    },
    /// A build of an existing pipeline has checked a commit of a branch.
    Build {
        /// The branch.
        branch: Branch,
        /// The commit that was built.
        commit: CommitId,
        /// What people call the build.
        build: String,
        /// Its number in the organisation: test results are published there.
        id: u64,
    },
    /// The model is to be trained again, although nobody changed the code.
    Retrain {
        /// What kind of reason there is.
        reason: RetrainReason,
        /// Why, in a few words.
        why: String,
    },
}

/// Why a model is trained again although nobody changed the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetrainReason {
    /// It is time.
    Schedule,
    /// There are new data.
    Data,
    /// The data are no longer what they were.
    Drift,
}

impl Wish {
    /// What people call it.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Push { branch, .. } => format!("push to {branch}"),
            Self::PullRequest { number, .. } => format!("pull request {number}"),
            Self::Manual { .. } => "manual start".to_owned(),
            Self::Model { name, version } => format!("model {name}:{version}"),
            Self::Image { digest } => format!("image {}", digest.short()),
            Self::Redeploy { run } => format!("redeploy of {run}"),
            Self::Rollback { environment } => format!("rollback of {environment}"),
            Self::Rehearsal {} => "rehearsal".to_owned(),
            Self::Tag { tag } => format!("tag {tag}"),
            Self::Build { build, .. } => format!("build {build}"),
            Self::Retrain { why, .. } => format!("retraining: {why}"),
        }
    }

    /// What it is about. Two wishes about the same that come at the same time are one.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::Retrain { reason, .. } => format!("retraining: {reason:?}"),
            other => other.describe(),
        }
    }
}

/// A run that was wished for.
#[derive(Debug, Clone, PartialEq)]
pub struct Started {
    /// The run.
    pub run: Run,
    /// Whether it is new; otherwise the same cause had started it before.
    pub created: bool,
}

/// Why there is no run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What is wished for cannot be; the sentence says why and what to do.
    #[error("{0}")]
    Refused(String),
    /// The project does not want it: a filter of its manifest, a cool-down.
    #[error("{0}")]
    Unwanted(String),
    /// A port could not do its part.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What is known of a project.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ProjectDocument {
    /// The last run's number.
    pub last_number: u64,
    /// Its branches.
    #[serde(default)]
    pub branches: BTreeMap<Branch, BranchRecord>,
    /// When its model is trained again by itself.
    #[serde(default, skip_serializing_if = "Retraining::is_default")]
    pub retraining: Retraining,
}

/// What is known of a branch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BranchRecord {
    /// The last commit that a run was started for.
    pub head: Option<CommitId>,
    /// The newest run of this branch, which a newer one supersedes.
    pub newest: Option<RunId>,
}

/// A claim on a cause: made once, and then the run's for ever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Claim {
    run: RunId,
    number: u64,
}

/// What a run will be made of.
struct Draft {
    trigger: Trigger,
    manifest: Manifest,
    branch: Option<Branch>,
    commit: Option<CommitId>,
    /// None: all of it counts. Some: nothing does, and why.
    skip: Option<String>,
    facts: Facts,
}

impl Runner {
    /// Starts a run, or finds the one that the same cause has started.
    ///
    /// # Errors
    ///
    /// [`StartError::Refused`] with a sentence for who wished for it.
    pub async fn start(&self, start: &Start) -> Result<Started, StartError> {
        // Only a wish that comes without a cause has to wait for the commit that it is about.
        let ahead = match (&start.cause, &start.wish) {
            (None, Wish::Push { .. } | Wish::PullRequest { .. }) => self.resolve(start).await?,
            _ => None,
        };
        let known = cause_of(start, ahead.as_ref());
        let cause = known.clone().unwrap_or_else(|| format!("wish/{}", unique()));
        let claim_key = keys::cause(&start.project, &cause);
        // Nobody can have claimed a cause that was made up just now.
        let claimed = async { if known.is_some() { self.claimed(&claim_key).await } else { Ok(None) } };
        let draft = async {
            let resolved = if ahead.is_some() { ahead } else { self.resolve(start).await? };
            self.draft(start, resolved).await
        };
        // Asked at once: each answer takes longer to come than to be found.
        let (claimed, draft, project) = join!(claimed, draft, self.project(&start.project));
        let mut claim = match claimed? {
            Some((_, Some(run))) => return Ok(Started { run, created: false }),
            claimed => claimed.map(|(claim, _)| claim),
        };
        let (draft, mut project) = (draft?, project?);
        let source = match (&draft.commit, &draft.skip) {
            (Some(commit), None) => Some(self.ports.source.snapshot(&start.project, commit).await?),
            _ => None,
        };
        for _ in 0..CONFLICTS {
            match self.create(start, &cause, claim, &draft, source.clone(), project).await {
                Ok(run) => return Ok(Started { run, created: true }),
                Err(PortError::Conflict { .. }) => tokio::task::yield_now().await,
                Err(error) => return Err(error.into()),
            }
            project = self.project(&start.project).await?;
            claim = match self.claimed(&claim_key).await? {
                Some((_, Some(run))) => return Ok(Started { run, created: false }),
                claimed => claimed.map(|(claim, _)| claim),
            };
        }
        Err(PortError::transient("runner", format!("project {} is too busy", start.project)).into())
    }

    /// The run with this number.
    pub(crate) async fn run_numbered(&self, project: &Project, number: u64) -> Result<Option<RunId>, PortError> {
        let key = keys::number(project, number);
        let Some(document) = self.ports.store.get(&key).await? else { return Ok(None) };
        let claim: Claim = parse(&key, &document.body)?;
        Ok(Some(claim.run))
    }

    /// Who has claimed a cause; with None for a run that a crash kept from being written.
    async fn claimed(&self, key: &str) -> Result<Option<(Claim, Option<Run>)>, PortError> {
        let Some(document) = self.ports.store.get(key).await? else { return Ok(None) };
        let claim: Claim = parse(key, &document.body)?;
        let key = keys::run(&claim.run);
        let run = match self.ports.store.get(&key).await? {
            Some(document) => Some(parse(&key, &document.body)?),
            None => None,
        };
        Ok(Some((claim, run)))
    }

    /// The commit that is meant, where the wish is about one.
    async fn resolve(&self, start: &Start) -> Result<Option<CommitId>, StartError> {
        let revision = match &start.wish {
            Wish::Push { commit: Some(commit), .. }
            | Wish::Manual { commit: Some(commit), .. }
            | Wish::Build { commit, .. } => Revision::Commit(commit.clone()),
            Wish::Tag { tag } => Revision::Tag(tag.clone()),
            Wish::Push { branch, .. }
            | Wish::PullRequest { branch, .. }
            | Wish::Manual { branch: Some(branch), .. } => Revision::Branch(branch.clone()),
            _ => return Ok(None),
        };
        refused(self.ports.source.resolve(&start.project, &revision).await).map(Some)
    }

    async fn draft(&self, start: &Start, resolved: Option<CommitId>) -> Result<Draft, StartError> {
        let project = &start.project;
        let draft = |trigger, manifest, branch: Option<&Branch>, commit| Draft {
            trigger,
            manifest,
            branch: branch.cloned(),
            commit,
            skip: None,
            facts: Facts::default(),
        };
        match &start.wish {
            Wish::Push { branch, .. } => {
                let commit = resolved.ok_or_else(|| refuse("the push names no commit"))?;
                self.draft_push(start, branch, commit).await
            }
            Wish::PullRequest { number, branch, base } => {
                let commit = resolved.ok_or_else(|| refuse("the pull request names no commit"))?;
                // Who changes the pipeline in a pull request does not change that pull request's own pipeline.
                let settings = refused(self.ports.source.resolve(project, &Revision::Branch(base.clone())).await)?;
                let manifest = self.manifest(project, &settings).await?;
                let trigger = Trigger::PullRequest { number: *number, base: base.clone() };
                let off = (!manifest.triggers.pull_requests).then(|| "`triggers.pull_requests: false`".to_owned());
                if let Some(off) = off.as_ref().filter(|_| start.only_if_wanted) {
                    return Err(StartError::Unwanted(off.clone()));
                }
                Ok(Draft { skip: off, ..draft(trigger, manifest, Some(branch), Some(commit)) })
            }
            Wish::Manual { branch, .. } => {
                let (commit, branch) = match resolved {
                    Some(commit) => (commit, branch.clone()),
                    None => self.default_head(project).await?,
                };
                let manifest = self.manifest(project, &commit).await?;
                Ok(draft(Trigger::Manual, manifest, branch.as_ref(), Some(commit)))
            }
            Wish::Model { name, version } => {
                let found = self.ports.models.get(name, *version).await?;
                let Some(found) = found else {
                    return Err(refuse(format!("there is no model {name}:{version} in the registry")));
                };
                let commit = match found.lineage.commit {
                    Some(commit) => commit,
                    None => self.default_head(project).await?.0,
                };
                let manifest = self.manifest(project, &commit).await?;
                if start.only_if_wanted && !manifest.triggers.models {
                    return Err(StartError::Unwanted("`triggers.models: false` in trainyard.yml".into()));
                }
                let trigger = Trigger::Model { model: Box::new(found.model.clone()) };
                Ok(Draft { facts: of_model(found.model), ..draft(trigger, manifest, None, Some(commit)) })
            }
            Wish::Image { digest } => {
                if let Some(older) = self.run_of_image(project, digest).await? {
                    return self.draft_redeploy(older).await;
                }
                if !self.ports.images.has(digest).await? {
                    return Err(refuse(format!(
                        "no run of {project} built image {digest}, and no registry of ours has it"
                    )));
                }
                let (commit, branch) = self.default_head(project).await?;
                let manifest = self.manifest(project, &commit).await?;
                let mut facts = of_model(Model::in_image(manifest.model_name(), digest));
                facts.image = Some(digest.clone());
                let trigger = Trigger::Image { image: digest.clone() };
                Ok(Draft { facts, ..draft(trigger, manifest, branch.as_ref(), Some(commit)) })
            }
            Wish::Redeploy { run } => {
                let key = keys::run(run);
                let Some(document) = self.ports.store.get(&key).await? else {
                    return Err(refuse(format!("there is no run {run}")));
                };
                let older: Run = parse(&key, &document.body)?;
                if older.project != *project {
                    return Err(refuse(format!("run {run} is of project {}, not of {project}", older.project)));
                }
                self.draft_redeploy(older).await
            }
            Wish::Rollback { environment } => {
                let (commit, _) = self.default_head(project).await?;
                let manifest = self.manifest(project, &commit).await?;
                if manifest.environment(environment).is_none() {
                    let names: Vec<_> = manifest.environments.iter().map(|(name, _)| name.as_str()).collect();
                    let names = names.join(", ");
                    return Err(refuse(format!("{project} has no environment {environment}; it has {names}")));
                }
                let trigger = Trigger::Rollback { environment: environment.clone() };
                Ok(draft(trigger, manifest, None, Some(commit)))
            }
            Wish::Tag { tag } => {
                let commit = resolved.ok_or_else(|| refuse("the tag names no commit"))?;
                let manifest = self.manifest(project, &commit).await?;
                if !manifest.triggers.takes_tag(tag) {
                    return Err(StartError::Unwanted(format!("tag {tag} is not delivered; see `triggers.tags`")));
                }
                Ok(draft(Trigger::Tag { tag: tag.clone() }, manifest, None, Some(commit)))
            }
            Wish::Build { branch, build, id, commit: wanted } => {
                self.verify(project, &Claimed { branch, commit: wanted, build, number: *id }).await?;
                let commit = resolved.ok_or_else(|| refuse("the build names no commit"))?;
                let mut draft = self.draft_push(start, branch, commit).await?;
                if draft.manifest.train.get().is_none() {
                    return Err(StartError::Unwanted("`train: false`, and the build has checked it".into()));
                }
                if draft.trigger == Trigger::Push {
                    draft.trigger = Trigger::Build { build: build.clone() };
                }
                draft.facts.build = Some(*id);
                Ok(draft)
            }
            Wish::Retrain { reason, why } => {
                let (commit, branch) = self.default_head(project).await?;
                let manifest = self.manifest(project, &commit).await?;
                let known = self.project(project).await?.0;
                let now = self.ports.clock.now();
                known.retraining.allows(&manifest.triggers.retrain, *reason, now).map_err(StartError::Unwanted)?;
                if manifest.train.get().is_none() {
                    return Err(StartError::Unwanted("`train: false` in trainyard.yml".into()));
                }
                let trigger = Trigger::Retraining { why: why.clone() };
                Ok(draft(trigger, manifest, branch.as_ref(), Some(commit)))
            }
            Wish::Rehearsal {} => {
                let manifest = match self.default_head(project).await {
                    Ok((commit, _)) => self.manifest(project, &commit).await?,
                    // A rehearsal shows that messages flow, also before there is a repository.
                    Err(_) => pipeline::manifest::read(MANIFEST, &format!("version: 1\nproject: {project}\n"))
                        .map_err(|error| refuse(error.to_string()))?,
                };
                Ok(draft(Trigger::Rehearsal, manifest, None, None))
            }
        }
    }

    async fn draft_push(&self, start: &Start, branch: &Branch, commit: CommitId) -> Result<Draft, StartError> {
        let Start { project, only_if_wanted, .. } = start;
        let (manifest, known) = join!(self.manifest(project, &commit), self.project(project));
        let (manifest, (known, _)) = (manifest?, known?);
        let mut draft = Draft {
            trigger: Trigger::Push,
            branch: Some(branch.clone()),
            commit: Some(commit.clone()),
            skip: None,
            facts: Facts::default(),
            manifest,
        };
        let triggers = &draft.manifest.triggers;
        if !triggers.branches.contains(branch) {
            let names: Vec<_> = triggers.branches.iter().map(Branch::as_str).collect();
            let why = format!("branch {branch} is not delivered; `triggers.branches` are {}", names.join(", "));
            if *only_if_wanted {
                return Err(StartError::Unwanted(why));
            }
            draft.skip = Some(why);
            return Ok(draft);
        }
        // A first push, or one that changed nothing since, is delivered whole.
        let Some(before) = known.branches.get(branch).and_then(|record| record.head.as_ref()) else {
            return Ok(draft);
        };
        let changed = self.ports.source.changed(project, Some(before), &commit).await?;
        match triggers.concerns(&changed) {
            Concern::Nothing { reason } if *only_if_wanted => return Err(StartError::Unwanted(reason)),
            Concern::Nothing { reason } => draft.skip = Some(reason),
            Concern::Scoring => {
                if let Some(model) = self.live_model(project, &draft.manifest).await? {
                    draft.facts = of_model(model.clone());
                    draft.trigger = Trigger::ScoringChange { model: Box::new(model) };
                }
            }
            Concern::Everything => {}
        }
        Ok(draft)
    }

    async fn draft_redeploy(&self, older: Run) -> Result<Draft, StartError> {
        let (Some(model), Some(image)) = (older.facts.model.clone(), older.facts.image.clone()) else {
            return Err(refuse(format!("run {} made no image that could be deployed again", older.number)));
        };
        if !self.ports.images.has(&image).await? {
            return Err(refuse(format!("image {} of run {} is not there any more", image.short(), older.number)));
        }
        let mut facts = of_model(model.clone());
        facts.image = Some(image.clone());
        facts.profile = older.facts.profile.clone();
        let trigger = Trigger::Redeploy {
            run: older.id.clone(),
            number: older.number,
            model: Box::new(model),
            image,
            profile: older.facts.profile,
        };
        Ok(Draft { trigger, manifest: older.manifest, branch: older.branch, commit: older.commit, skip: None, facts })
    }

    /// The newest run of the project that built this image, among its last ones: history is not scanned.
    async fn run_of_image(&self, project: &Project, image: &Digest) -> Result<Option<Run>, StartError> {
        let mut after = None;
        for _ in 0..IMAGES_PAGES {
            let prefix = keys::numbers(project);
            let page = self.ports.store.list(&prefix, after.as_deref(), 100).await?;
            for key in &page {
                let Some(document) = self.ports.store.get(key).await? else { continue };
                let claim: Claim = parse(key, &document.body)?;
                let key = keys::run(&claim.run);
                let Some(document) = self.ports.store.get(&key).await? else { continue };
                let run: Run = parse(&key, &document.body)?;
                if run.facts.image.as_ref() == Some(image) {
                    return Ok(Some(run));
                }
            }
            after = page.last().cloned();
            if after.is_none() {
                break;
            }
        }
        Ok(None)
    }

    /// The model that serves in production.
    async fn live_model(&self, project: &Project, manifest: &Manifest) -> Result<Option<Model>, StartError> {
        let Some(production) = manifest.production() else { return Ok(None) };
        let key = keys::environment(project, production);
        let Some(document) = self.ports.store.get(&key).await? else { return Ok(None) };
        let environment: pipeline::environment::Environment = parse(&key, &document.body)?;
        Ok(environment.champion().map(|release| release.model.clone()))
    }

    /// The head of the branch that is delivered by default.
    async fn default_head(&self, project: &Project) -> Result<(CommitId, Option<Branch>), StartError> {
        let head = |name: &str| {
            let branch: Branch = name.parse().expect("a branch's name");
            let revision = Revision::Branch(branch.clone());
            async move { self.ports.source.resolve(project, &revision).await.map(|commit| (commit, Some(branch))) }
        };
        let (main, master) = join!(head("main"), head("master"));
        match main {
            Err(PortError::Permanent { .. }) => refused(master),
            main => refused(main),
        }
    }

    async fn manifest(&self, project: &Project, commit: &CommitId) -> Result<Manifest, StartError> {
        let Some(bytes) = refused(self.ports.source.read(project, commit, MANIFEST).await)? else {
            let short = commit.short();
            return Err(refuse(format!(
                "commit {short} of {project} has no {MANIFEST}; `trainyard init DIR` writes one, then commit it"
            )));
        };
        let text = String::from_utf8(bytes).map_err(|_| refuse(format!("{MANIFEST} is not UTF-8 text")))?;
        let manifest = pipeline::manifest::read(MANIFEST, &text).map_err(|error| refuse(error.to_string()))?;
        if manifest.project != *project {
            let named = &manifest.project;
            return Err(refuse(format!("{MANIFEST} is of project {named}, but the run is for project {project}")));
        }
        Ok(manifest)
    }

    async fn project(&self, project: &Project) -> Result<(ProjectDocument, Expect), PortError> {
        let key = keys::project(project);
        match self.ports.store.get(&key).await? {
            Some(document) => Ok((parse(&key, &document.body)?, Expect::Version(document.version))),
            None => Ok((ProjectDocument::default(), Expect::Absent)),
        }
    }

    /// Makes the run: its number, the claim on its cause, its document and its first message.
    async fn create(
        &self,
        start: &Start,
        cause: &str,
        claimed: Option<Claim>,
        draft: &Draft,
        source: Option<Digest>,
        (mut project, expect): (ProjectDocument, Expect),
    ) -> Result<Run, PortError> {
        let now = self.ports.clock.now();
        let is_claimed = claimed.is_some();
        let Claim { run: id, number } = claimed.unwrap_or_else(|| {
            project.last_number += 1;
            let number = project.last_number;
            Claim { run: RunId::newest(now, &format!("{}/{number}/{cause}", start.project)), number }
        });
        let mut run = Run {
            schema: SCHEMA,
            id: id.clone(),
            number,
            project: start.project.clone(),
            trigger: draft.trigger.clone(),
            branch: draft.branch.clone(),
            commit: draft.commit.clone(),
            source,
            requested_by: start.by.clone(),
            created_at: now,
            plan: if draft.skip.is_some() { Vec::new() } else { plan(&draft.trigger, &draft.manifest) },
            manifest: draft.manifest.clone(),
            steps: BTreeMap::new(),
            facts: draft.facts.clone(),
            ended: None,
            superseded_by: None,
            pending: Vec::new(),
            outbox: Vec::new(),
            early: Vec::new(),
            journal: Vec::new(),
        };
        pipeline::start(&mut run, now);
        if let Some(reason) = &draft.skip {
            let because = vec![reason.clone()];
            run.ended = Some(Ended { outcome: Outcome::Skipped, at: now, step: None, because, advice: None });
            run.pending.clear();
        }
        let mut parcels: Vec<Parcel> = Vec::new();
        let delivers = matches!(draft.trigger, Trigger::Push | Trigger::Build { .. } | Trigger::ScoringChange { .. });
        if delivers && draft.skip.is_none() {
            project.retraining.remember(&draft.manifest.triggers.retrain, now);
        }
        if matches!(draft.trigger, Trigger::Retraining { .. }) {
            project.retraining.began(now);
        }
        if let Some(branch) = draft.branch.as_ref().filter(|_| delivers) {
            let record = project.branches.entry(branch.clone()).or_default();
            record.head = draft.commit.clone();
            if draft.skip.is_none() && draft.manifest.triggers.supersede {
                let older = record.newest.replace(id.clone());
                // Where saving and sending are two, a crash may have left the name of a run that was never written.
                if let Some(older) = older.filter(|older| *older != id)
                    && self.ports.store.get(&keys::run(&older)).await?.is_some()
                {
                    parcels.push(superseded(older, &id, number));
                }
            }
        }
        parcels.extend(run.outbox.iter().map(parcel));
        if self.ports.ledger.is_atomic() {
            run.outbox.clear();
        }
        let claim = Some(serde_json::to_vec(&Claim { run: id.clone(), number }).expect("a claim is plain data"));
        let document = Some(serde_json::to_vec(&run).expect("a run is plain data"));
        let project_body = Some(serde_json::to_vec(&project).expect("a project is plain data"));
        // In this order: a crash after the first leaves a number that no run has, and one after the second a claim that
        // the next try takes up.
        let mut writes = vec![Write { key: keys::project(&start.project), body: project_body, expect }];
        if !is_claimed {
            writes.push(Write { key: keys::cause(&start.project, cause), body: claim.clone(), expect: Expect::Absent });
        }
        writes.push(Write { key: keys::number(&start.project, number), body: claim, expect: Expect::Anything });
        if run.ended.is_none() {
            writes.push(Write { key: keys::active(&id), body: Some(b"{}".to_vec()), expect: Expect::Anything });
        }
        writes.push(Write { key: keys::run(&id), body: document, expect: Expect::Absent });
        // Locked before anybody can know of the run: its first message waits until it is kept.
        let slot = self.records.slot(&id);
        let mut kept = slot.lock().await;
        let versions = self.ports.ledger.commit(writes, parcels).await?;
        run.outbox.clear();
        *kept = versions.into_iter().last().map(|version| Record::new(run.clone(), version));
        self.records.tidy(&id, kept.as_ref());
        Ok(run)
    }
}

/// What makes two wishes the same. None: nothing does, people may want the same thing twice.
fn cause_of(start: &Start, commit: Option<&CommitId>) -> Option<String> {
    if let Some(cause) = &start.cause {
        return Some(cause.clone());
    }
    match (&start.wish, commit) {
        (Wish::Push { branch, .. }, Some(commit)) => Some(format!("push/{branch}/{commit}")),
        (Wish::PullRequest { number, .. }, Some(commit)) => Some(format!("pull-request/{number}/{commit}")),
        _ => None,
    }
}

/// A text that was never there before.
fn unique() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn superseded(older: RunId, newer: &RunId, number: u64) -> Parcel {
    let id = format!("{older}/superseded-by-{newer}");
    // Any step of the run takes it: the news is the run's.
    let step = StepKey::of(pipeline::event::Step::Check);
    let event = Event::Superseded { by: newer.clone(), number };
    let message = Message { id, run: older, step, attempt: u32::MAX, event };
    parcel(&pipeline::run::Letter { deliver_at: None, message })
}

fn of_model(model: Model) -> Facts {
    Facts {
        metrics: model.metrics.clone(),
        model_file: Some(model.digest.clone()),
        model: Some(model),
        stages: BTreeMap::<EnvironmentName, Stage>::new(),
        ..Facts::default()
    }
}

fn refuse(reason: impl Into<String>) -> StartError {
    StartError::Refused(reason.into())
}

/// What the source will never know is the fault of who asked.
fn refused<T>(result: Result<T, PortError>) -> Result<T, StartError> {
    result.map_err(|error| match error {
        PortError::Permanent { reason, .. } => StartError::Refused(reason),
        other => StartError::Port(other),
    })
}

#[cfg(test)]
mod tests;
