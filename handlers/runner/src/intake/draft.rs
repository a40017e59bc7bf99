//! What a run will be made of: whose code, by which manifest, from which facts.

use futures::join;
use pipeline::manifest::{Concern, Manifest};
use pipeline::names::{Branch, CommitId, Digest, EnvironmentName, Project};
use pipeline::release::Model;
use pipeline::run::{Facts, Run, Stage, Trigger};
use std::collections::BTreeMap;

use super::{Claim, MANIFEST, Start, StartError, Wish, refuse, refused};
use crate::builds::Claimed;
use crate::keys;
use crate::ports::{PortError, Revision};
use crate::records::parse;
use crate::runner::Runner;

/// So many pages of a hundred runs are looked through for the one that built an image.
const IMAGES_PAGES: usize = 5;

/// What a run will be made of.
pub(super) struct Draft {
    pub trigger: Trigger,
    pub manifest: Manifest,
    pub branch: Option<Branch>,
    pub commit: Option<CommitId>,
    /// None: all of it counts. Some: nothing does, and why.
    pub skip: Option<String>,
    pub facts: Facts,
}

impl Runner {
    /// The commit that is resolved, if the wish is about one.
    pub(super) async fn draft(&self, start: &Start, resolved: Option<CommitId>) -> Result<Draft, StartError> {
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
