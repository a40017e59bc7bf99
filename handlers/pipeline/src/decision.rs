//! What a step answers to an event: where it stands now, why, what is to be done, and how the run goes on.

use jiff::{SignedDuration, Timestamp};

use crate::effect::{Effect, ReplyTo};
use crate::event::{Event, Step, StepKey};
use crate::manifest::Manifest;
use crate::names::{Digest, EnvironmentName, JobName};
use crate::release::{Model, Profile, Release};
use crate::run::{Evaluation, Facts, Gate, On, Outcome, Progress, Run, StepRecord, Wait};

/// What a step knows when it decides.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The run, with all that it has found out.
    pub run: &'a Run,
    /// The step that decides.
    pub key: &'a StepKey,
    /// Its try.
    pub attempt: u32,
    /// The time.
    pub now: Timestamp,
}

impl<'a> Context<'a> {
    /// The settings that the run goes by.
    #[must_use]
    pub fn manifest(&self) -> &'a Manifest {
        &self.run.manifest
    }

    /// The environment that the step belongs to.
    #[must_use]
    pub fn environment(&self) -> &'a EnvironmentName {
        self.key.environment.as_ref().expect("the plan gives a step of a stage its environment")
    }

    /// Whom to tell when something for this step ends.
    #[must_use]
    pub fn reply_to(&self) -> ReplyTo {
        ReplyTo { run: self.run.id.clone(), step: self.key.clone(), attempt: self.attempt }
    }

    /// The name of a thing that this step makes: the same for the same try, so that making it twice makes it once.
    #[must_use]
    pub fn name(&self) -> String {
        let step = self.key.step.name().replace('_', "-");
        let environment = self.key.environment.as_ref().map(|name| format!("-{name}")).unwrap_or_default();
        let attempt = if self.attempt > 1 { format!("-{}", self.attempt) } else { String::new() };
        format!("{step}{environment}-{}-{}{attempt}", self.run.project, self.run.number)
    }

    /// The name of this step's job.
    #[must_use]
    pub fn job(&self) -> JobName {
        self.name().parse().expect("a project's name and numbers fit a job's name")
    }

    /// A wait for something that can be asked after.
    #[must_use]
    pub fn wait(&self, on: On, poll_every_secs: u32, deadline_secs: u64) -> Progress {
        let poll_at = (poll_every_secs > 0).then(|| self.now + SignedDuration::from_secs(poll_every_secs.into()));
        let patience = SignedDuration::from_secs(i64::try_from(deadline_secs).unwrap_or(i64::MAX / 2));
        let deadline = self.now.checked_add(patience).unwrap_or(Timestamp::MAX);
        Progress::Waiting(Wait { on, since: self.now, poll_at, poll_every_secs, deadline })
    }

    /// The same wait, asked after again one period from now.
    #[must_use]
    pub fn keep_waiting(&self, record: &StepRecord) -> Progress {
        let mut progress = record.progress.clone();
        if let Progress::Waiting(wait) = &mut progress {
            wait.poll_at = wait.poll_at.map(|_| self.now + SignedDuration::from_secs(wait.poll_every_secs.into()));
        }
        progress
    }
}

/// What a step decides about an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Where the step stands now.
    pub progress: Progress,
    /// Why.
    pub because: Vec<String>,
    /// What was found out.
    pub facts: Vec<Fact>,
    /// What is to be done.
    pub effects: Vec<Effect>,
    /// Events for this step at a later time, for waits shorter than the sweep's minute.
    pub later: Vec<(Timestamp, Event)>,
    /// How the run goes on.
    pub then: Then,
}

/// How a run goes on after a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// The step is not done.
    Stay,
    /// The next step of the plan is asked to begin; after the last one the run ends well.
    Next,
    /// The last good release of the environment is put back.
    RollBack,
    /// The run ends here.
    End {
        /// How.
        outcome: Outcome,
        /// The one action that would get on.
        advice: Option<String>,
    },
}

/// Something that was found out.
#[expect(clippy::large_enum_variant, reason = "a few are alive at a time, and a box would be in every pattern")]
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A report that people can open.
    Report {
        /// `check/coverage.xml`.
        name: String,
        /// Its content.
        digest: Digest,
    },
    /// The checks have counted something.
    Checked(std::collections::BTreeMap<String, f64>),
    /// A challenger exists.
    Trained {
        /// By this job.
        job: JobName,
        /// With these numbers.
        metrics: std::collections::BTreeMap<String, f64>,
        /// In this file.
        model_file: Digest,
        /// From this data.
        data: Option<Digest>,
    },
    /// What became of the infrastructure, in sentences.
    Infrastructure(Vec<String>),
    /// The challenger was compared.
    Evaluated(Evaluation),
    /// The model is in the registry.
    Registered(Model),
    /// The image is built.
    Packaged(Digest),
    /// The image was measured.
    Profiled(Profile),
    /// The environment is this run's to change.
    Held {
        /// Which.
        environment: EnvironmentName,
        /// What serves there.
        before: Option<Release>,
        /// What could be put back.
        last_good: Option<Release>,
    },
    /// The release takes the environment's requests.
    Deployed {
        /// Where.
        environment: EnvironmentName,
        /// What.
        release: Release,
    },
    /// The release passed its smoke test.
    Tested {
        /// Where.
        environment: EnvironmentName,
    },
    /// The environment is no longer this run's.
    Left {
        /// Which.
        environment: EnvironmentName,
    },
    /// The gate before an environment.
    Gate {
        /// Which.
        environment: EnvironmentName,
        /// As it is now.
        gate: Gate,
    },
}

impl Facts {
    /// Takes a fact in.
    pub fn learn(&mut self, fact: Fact) {
        match fact {
            Fact::Report { name, digest } => {
                self.reports.insert(name, digest);
            }
            Fact::Checked(counts) => self.checks = counts,
            Fact::Trained { job, metrics, model_file, data } => {
                self.job = Some(job);
                self.metrics = metrics;
                self.model_file = Some(model_file);
                self.data = data;
            }
            Fact::Infrastructure(sentences) => self.infrastructure = sentences,
            Fact::Evaluated(evaluation) => self.evaluation = Some(evaluation),
            Fact::Registered(model) => self.model = Some(model),
            Fact::Packaged(digest) => self.image = Some(digest),
            Fact::Profiled(profile) => self.profile = Some(profile),
            Fact::Held { environment, before, last_good } => {
                let stage = self.stages.entry(environment).or_default();
                stage.held = true;
                stage.before = before;
                stage.last_good = last_good;
                stage.release = None;
                stage.tested = false;
            }
            Fact::Deployed { environment, release } => {
                self.stages.entry(environment).or_default().release = Some(release);
            }
            Fact::Tested { environment } => self.stages.entry(environment).or_default().tested = true,
            Fact::Left { environment } => self.stages.entry(environment).or_default().held = false,
            Fact::Gate { environment, gate } => self.stages.entry(environment).or_default().approval = Some(gate),
        }
    }
}

impl Decision {
    /// The step stands here now, and nothing else follows.
    #[must_use]
    pub fn to(progress: Progress) -> Self {
        Self {
            progress,
            because: Vec::new(),
            facts: Vec::new(),
            effects: Vec::new(),
            later: Vec::new(),
            then: Then::Stay,
        }
    }

    /// The step did what it is for.
    #[must_use]
    pub fn succeed() -> Self {
        Self { then: Then::Next, ..Self::to(Progress::Succeeded) }
    }

    /// There is nothing for the step to do.
    #[must_use]
    pub fn skip(because: impl Into<String>) -> Self {
        Self { then: Then::Next, ..Self::to(Progress::Skipped) }.because(because)
    }

    /// The step could not do its work, and the run ends.
    #[must_use]
    pub fn fail(because: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::to(Progress::Failed).because(because).end(Outcome::Failed, Some(advice.into()))
    }

    /// Adds a reason.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.because.push(reason.into());
        self
    }

    /// Adds something to do.
    #[must_use]
    pub fn perform(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }

    /// Adds something found out.
    #[must_use]
    pub fn learn(mut self, fact: Fact) -> Self {
        self.facts.push(fact);
        self
    }

    /// Adds an event for a later time.
    #[must_use]
    pub fn later(mut self, at: Timestamp, event: Event) -> Self {
        self.later.push((at, event));
        self
    }

    /// Ends the run.
    #[must_use]
    pub fn end(mut self, outcome: Outcome, advice: Option<String>) -> Self {
        self.then = Then::End { outcome, advice };
        self
    }

    /// Puts the last good release back.
    #[must_use]
    pub fn roll_back(mut self) -> Self {
        self.then = Then::RollBack;
        self
    }
}

/// What a person does next after a step failed: look, mend, try again.
#[must_use]
pub fn retry_advice(run: &Run, step: Step) -> String {
    format!("Look with `trainyard logs {0} {step}`, then `trainyard retry {0}`.", run.number)
}
