//! A whole run beside real environments; the rest of the world is the test.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use super::{advance, start};
use crate::effect::Effect;
use crate::environment::Environment;
use crate::event::{EnvironmentEvent, Event, Message};
use crate::names::EnvironmentName;
use crate::release::Release;
use crate::run::{Letter, On, Run};
use crate::steps::testing::{environment, key, noon, right_answer, run, run_id};

/// More steps than any delivery takes.
const PATIENCE: usize = 100;

/// A run beside real environments. Whoever calls plays the platforms and the people.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) run: Run,
    pub(crate) environments: BTreeMap<EnvironmentName, Environment>,
    pub(crate) now: Timestamp,
    /// Everything that was done in the world, in order.
    pub(crate) done: Vec<Effect>,
    /// Every message that the run was told, in order.
    pub(crate) taken: Vec<Message>,
    inbox: VecDeque<Message>,
    told: u32,
}

impl Delivery {
    /// A run that was just started; its first step has not been told yet.
    pub(crate) fn new(run: Run) -> Self {
        let environments = run.manifest.environments.iter().map(|(name, _)| name);
        let environments =
            environments.map(|name| (name.clone(), Environment::new(run.project.clone(), name.clone()))).collect();
        let (done, taken, inbox) = (Vec::new(), Vec::new(), VecDeque::new());
        let mut delivery = Self { run, environments, now: noon(), done, taken, inbox, told: 0 };
        start(&mut delivery.run, noon());
        delivery.perform();
        delivery
    }

    /// A run that has gone well so far and waits in this step.
    pub(crate) fn at(step: &str) -> Self {
        Self::new(run()).until(step)
    }

    /// Goes on well until the step waits.
    pub(crate) fn until(mut self, step: &str) -> Self {
        self.deliver();
        for _ in 0..PATIENCE {
            if self.waiting() == step {
                return self;
            }
            assert!(self.goes_well(), "{step} is never reached: {:?}", self.run.ended);
        }
        panic!("{step} is never reached");
    }

    /// Goes on well to the end.
    pub(crate) fn finished(mut self) -> Self {
        self.deliver();
        for _ in 0..PATIENCE {
            if !self.goes_well() {
                return self;
            }
        }
        panic!("L-TERMINATES: {} waits for ever", self.waiting());
    }

    /// One step on, as it should be. Answers whether there was anything to wait for.
    pub(crate) fn goes_well(&mut self) -> bool {
        let Some((key, _, wait)) = self.run.waiting() else { return false };
        let (step, on) = (key.to_string(), wait.on.clone());
        let event = match on {
            _ if wait.deadline <= self.now => Event::DeadlinePassed,
            On::Start => Event::RetryRequested { by: "berta".into() },
            On::Environment { .. } => Event::PollDue,
            on => right_answer(&step, &on, self.champion()),
        };
        self.hears(&step, event);
        true
    }

    /// Tells a step something, and all that follows from it at once.
    pub(crate) fn hears(&mut self, step: &str, event: Event) -> bool {
        let changed = self.hears_alone(step, event);
        self.deliver();
        changed
    }

    /// Tells a step something. What it sends is on its way and has not arrived when the next thing happens.
    pub(crate) fn hears_alone(&mut self, step: &str, event: Event) -> bool {
        let message = self.news(step, event);
        self.takes(&message)
    }

    /// News of the step's newest try, with an id of its own.
    pub(crate) fn news(&mut self, step: &str, event: Event) -> Message {
        self.told += 1;
        let step = key(step);
        let attempt = self.run.step(&step).map_or(1, |record| record.attempt);
        Message { id: format!("news-{}", self.told), run: self.run.id.clone(), step, attempt, event }
    }

    /// Takes a message, performs what is decided and keeps what is sent on its way.
    pub(crate) fn takes(&mut self, message: &Message) -> bool {
        let changed = advance(&mut self.run, message, self.now);
        self.taken.push(message.clone());
        self.perform();
        changed
    }

    /// Delivers what is on its way, and what follows from it.
    pub(crate) fn deliver(&mut self) {
        while let Some(message) = self.inbox.pop_front() {
            self.takes(&message);
        }
    }

    /// Another run says something to an environment.
    pub(crate) fn other_run(&mut self, number: u64, name: &str, event: &EnvironmentEvent) {
        let environment = self.environments.get_mut(&environment(name)).unwrap();
        environment.take(&run_id(number), event, "other", self.now);
        self.perform();
    }

    /// Its event when its time is up.
    pub(crate) fn deadline(&mut self) -> Event {
        if let Some((_, _, wait)) = self.run.waiting() {
            self.now = wait.deadline;
        }
        Event::DeadlinePassed
    }

    /// The step that waits; empty: none does.
    pub(crate) fn waiting(&self) -> String {
        self.run.waiting().map(|(key, _, _)| key.to_string()).unwrap_or_default()
    }

    /// How the run ended, in a word; empty: it has not.
    pub(crate) fn outcome(&self) -> &str {
        self.run.ended.as_ref().map_or("", |ended| ended.outcome.word())
    }

    /// The environment's document.
    pub(crate) fn environment(&self, name: &str) -> &Environment {
        &self.environments[&environment(name)]
    }

    /// The same beside an environment with a past.
    pub(crate) fn beside(mut self, environment: Environment) -> Self {
        self.environments.insert(environment.name.clone(), environment);
        self
    }

    fn champion(&self) -> Option<Release> {
        self.environments.get(self.run.manifest.production()?)?.champion().cloned()
    }

    fn perform(&mut self) {
        while !self.run.pending.is_empty() {
            let pending = self.run.pending.remove(0);
            self.done.push(pending.effect.clone());
            let Effect::TellEnvironment { environment, event } = &pending.effect else { continue };
            let environment = self.environments.get_mut(environment).expect("it is in the manifest");
            let Some(event) = environment.take(&self.run.id, event, &pending.id, self.now) else { continue };
            let run = self.run.id.clone();
            let answer = Message { id: pending.id, run, step: pending.step, attempt: pending.attempt, event };
            advance(&mut self.run, &answer, self.now);
            self.taken.push(answer);
        }
        let at_once = |letter: Letter| letter.deliver_at.is_none().then_some(letter.message);
        self.inbox.extend(std::mem::take(&mut self.run.outbox).into_iter().filter_map(at_once));
        for environment in self.environments.values_mut() {
            let letters = std::mem::take(&mut environment.outbox).into_iter().map(|letter| letter.message);
            self.inbox.extend(letters.filter(|message| message.run == self.run.id));
        }
    }
}
