//! What a manifest means where it is silent: the values of MLOpsPython.

use super::{
    Approval, Check, Coverage, Environment, Evaluate, Expect, Goal, Need, OnWorse, Retrain, Rule, Scoring, Train,
    Triggers,
};
use crate::names::EnvironmentName;

impl Default for Triggers {
    fn default() -> Self {
        let branch = |name: &str| name.parse().expect("a branch's name");
        Self {
            branches: vec![branch("main"), branch("master")],
            pull_requests: true,
            paths: super::Paths { include: Vec::new(), exclude: vec!["docs/**".into(), "**/*.md".into()] },
            scoring_paths: vec!["scoring/**".into()],
            supersede: true,
            tags: Vec::new(),
            models: true,
            retrain: Retrain::default(),
        }
    }
}

impl Default for Retrain {
    fn default() -> Self {
        Self { schedule: None, on_data: true, on_drift: true, cooldown_hours: 6.0, most_in_a_week: 14 }
    }
}

impl Default for Check {
    fn default() -> Self {
        Self {
            environment: "requirements-ci.txt".into(),
            lint: Some("ruff check .".into()),
            test: Some("pytest --junitxml=unit-testresults.xml --cov=. --cov-report=xml".into()),
            coverage: Coverage::default(),
            timeout_minutes: 60,
        }
    }
}

impl Default for Coverage {
    fn default() -> Self {
        Self { min_line: 0.0, required: true }
    }
}

impl Default for Train {
    fn default() -> Self {
        Self {
            auto: true,
            environment: "requirements.txt".into(),
            command: "python training/train.py".into(),
            parameters: Some("parameters.json".into()),
            data: None,
            model: "model.pkl".into(),
            timeout_minutes: 24 * 60,
        }
    }
}

impl Default for Evaluate {
    fn default() -> Self {
        let mse = Rule { metric: "mse".into(), goal: Goal::Minimize, min_improvement: 0.0, bound: None };
        Self { run: true, on_worse: OnWorse::Stop, rules: vec![mse] }
    }
}

impl Default for Scoring {
    fn default() -> Self {
        Self {
            entry: "scoring/score.py".into(),
            environment: "scoring/requirements.txt".into(),
            include: vec!["scoring".into()],
            tests: None,
            profile: None,
            smoke: Vec::new(),
        }
    }
}

impl Default for Expect {
    fn default() -> Self {
        Self { status: 200, result: None, length: None, tolerance: 1e-6 }
    }
}

impl Default for Approval {
    fn default() -> Self {
        Self { approvers: Vec::new(), need: Need::One, timeout_hours: 48.0, requester_may_approve: false }
    }
}

pub(super) fn environments() -> Vec<(EnvironmentName, Environment)> {
    let name = |text: &str| text.parse().expect("an environment's name");
    let gated = Environment { approval: Some(Approval::default()), ..Environment::default() };
    vec![(name("qa"), Environment::default()), (name("prod"), gated)]
}

pub(super) fn infrastructure_minutes() -> u32 {
    120
}

pub(super) fn load_seconds() -> u32 {
    5
}

pub(super) fn load_concurrency() -> u32 {
    2
}
