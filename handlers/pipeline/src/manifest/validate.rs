//! Impossible values: well-formed, and still not what anyone can mean.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use super::paths::glob_problem;
use super::places::{Places, shown};
use super::read::Problem;
use super::{
    Approval, Check, Environment, Evaluate, Infrastructure, Load, Manifest, Need, Retrain, Scoring, Smoke, Train,
};
use crate::schedule::Schedule;

const MOST_MINUTES: u32 = 30 * 24 * 60;
const MOST_HOURS: f64 = 30.0 * 24.0;

/// Another version's file, if it is one.
pub(super) fn version(places: &Places) -> Option<Problem> {
    let words = places.words("version")?;
    let number: u64 = words.trim_matches('`').parse().ok()?;
    (number != 1).then(|| {
        let (line, column) = places.at("version");
        let what = format!("version: {number} is not known; this Trainyard reads version 1");
        Problem { line, column, what }
    })
}

/// All impossible values.
pub(super) fn validate(manifest: &Manifest, places: &Places) -> Vec<Problem> {
    let mut problems = Problems { places, found: Vec::new() };
    problems.manifest(manifest);
    problems.found
}

/// Why a text cannot be a path in the repository; None: it can.
pub(super) fn path_problem(path: &str) -> Option<&'static str> {
    if path.is_empty() || path.len() > 300 {
        return Some("a path has 1 to 300 characters");
    }
    if path.starts_with('/') {
        return Some("paths begin at the repository's root by themselves: leave out the first `/`");
    }
    if path.contains('\\') || path.contains(char::is_control) {
        return Some("folders are divided by `/`; `\\` and control characters are not allowed");
    }
    if path.ends_with('/') {
        return Some("leave out the last `/`");
    }
    if path.split('/').any(|part| part == "..") {
        return Some("a path stays inside the repository, without `..`");
    }
    if path.split('/').any(|part| part.is_empty() || part == ".") {
        return Some("`//` and `./` name no folder: leave them out");
    }
    None
}

struct Problems<'a> {
    places: &'a Places,
    found: Vec<Problem>,
}

impl Problems<'_> {
    fn refuse(&mut self, path: &str, what: &str) {
        let (line, column) = self.places.at(path);
        let what = format!("{path}: {what}");
        self.found.push(Problem { line, column, what });
    }

    fn manifest(&mut self, manifest: &Manifest) {
        if manifest.version != 1 {
            self.refuse("version", "must be 1");
        }
        self.triggers(manifest);
        if let Some(check) = manifest.check.get() {
            self.check(check);
        }
        if let Some(train) = manifest.train.get() {
            self.train(train);
        }
        self.evaluate(&manifest.evaluate, manifest.train.get().is_some());
        for (index, tag) in manifest.register.tags.iter().enumerate() {
            self.said(&format!("register.tags[{index}]"), tag);
        }
        self.scoring(&manifest.scoring);
        if let Some(infrastructure) = &manifest.infrastructure {
            self.infrastructure(infrastructure);
        }
        if !(1..=10).contains(&manifest.environments.len()) {
            let what = format!("1 to 10 environments, not {}", manifest.environments.len());
            self.refuse("environments", &what);
        }
        for (name, environment) in &manifest.environments {
            self.environment(&format!("environments.{name}"), environment);
        }
    }

    fn triggers(&mut self, manifest: &Manifest) {
        let triggers = &manifest.triggers;
        if triggers.branches.is_empty() {
            self.refuse("triggers.branches", "at least one branch, or nothing is ever delivered");
        }
        self.globs("triggers.paths.include", &triggers.paths.include);
        self.globs("triggers.paths.exclude", &triggers.paths.exclude);
        self.globs("triggers.scoring_paths", &triggers.scoring_paths);
        self.globs("triggers.tags", &triggers.tags);
        self.retrain(&triggers.retrain);
    }

    fn retrain(&mut self, retrain: &Retrain) {
        if let Some(schedule) = &retrain.schedule
            && let Err(problem) = Schedule::parse(schedule)
        {
            self.refuse("triggers.retrain.schedule", &format!("{schedule:?} is no schedule: {problem}"));
        }
        if !(0.0..=MOST_HOURS).contains(&retrain.cooldown_hours) {
            let what = format!("0 to {MOST_HOURS} hours, not {}", retrain.cooldown_hours);
            self.refuse("triggers.retrain.cooldown_hours", &what);
        }
        self.within("triggers.retrain.most_in_a_week", retrain.most_in_a_week, 1..=1000);
    }

    fn check(&mut self, check: &Check) {
        self.path("check.environment", &check.environment);
        self.said_if("check.lint", check.lint.as_deref());
        self.said_if("check.test", check.test.as_deref());
        if !(0.0..=100.0).contains(&check.coverage.min_line) {
            let what = format!("a percentage from 0 to 100, not {}", check.coverage.min_line);
            self.refuse("check.coverage.min_line", &what);
        }
        self.within("check.timeout_minutes", check.timeout_minutes, 1..=MOST_MINUTES);
    }

    fn train(&mut self, train: &Train) {
        self.path("train.environment", &train.environment);
        self.said("train.command", &train.command);
        self.path_if("train.parameters", train.parameters.as_deref());
        self.path_if("train.data", train.data.as_deref());
        if train.model.contains('/') || path_problem(&train.model).is_some() {
            self.refuse(
                "train.model",
                "the name of one file, without folders: the command leaves it in the folder `TRAINYARD_OUTPUTS`",
            );
        }
        self.within("train.timeout_minutes", train.timeout_minutes, 1..=MOST_MINUTES);
    }

    fn evaluate(&mut self, evaluate: &Evaluate, trains: bool) {
        if evaluate.run && trains && evaluate.rules.is_empty() {
            self.refuse("evaluate.rules", "at least one rule, or `evaluate.run: false` to release without comparing");
        }
        let mut metrics = HashSet::new();
        for (index, rule) in evaluate.rules.iter().enumerate() {
            let at = |key: &str| format!("evaluate.rules[{index}].{key}");
            self.said(&at("metric"), &rule.metric);
            if !metrics.insert(&rule.metric) {
                let what = format!("a second rule for `{}`; one rule says all", shown(&rule.metric));
                self.refuse(&at("metric"), &what);
            }
            if !(rule.min_improvement.is_finite() && rule.min_improvement >= 0.0) {
                self.refuse(&at("min_improvement"), "a number that is 0 or more");
            }
            if rule.bound.is_some_and(|bound| !bound.is_finite()) {
                self.refuse(&at("bound"), "a finite number");
            }
        }
    }

    fn scoring(&mut self, scoring: &Scoring) {
        self.path("scoring.entry", &scoring.entry);
        self.path("scoring.environment", &scoring.environment);
        for (index, path) in scoring.include.iter().enumerate() {
            // The whole repository is a folder too.
            if path != "." {
                self.path(&format!("scoring.include[{index}]"), path);
            }
        }
        self.path_if("scoring.tests", scoring.tests.as_deref());
        if let Some(load) = &scoring.profile {
            let Load { payload, seconds, concurrency } = load;
            self.path("scoring.profile.payload", payload);
            self.within("scoring.profile.seconds", *seconds, 1..=600);
            self.within("scoring.profile.concurrency", *concurrency, 1..=64);
        }
        for (index, smoke) in scoring.smoke.iter().enumerate() {
            self.smoke(&format!("scoring.smoke[{index}]"), smoke);
        }
    }

    fn infrastructure(&mut self, infrastructure: &Infrastructure) {
        let Infrastructure { template, parameters, timeout_minutes } = infrastructure;
        self.path("infrastructure.template", template);
        self.path_if("infrastructure.parameters", parameters.as_deref());
        for (key, path) in [("template", Some(template)), ("parameters", parameters.as_ref())] {
            if path.is_some_and(|path| path.ends_with(".bicep") || path.ends_with(".bicepparam")) {
                let what = "Bicep is not understood by Azure itself: compile it with `az bicep build` (or `build-params`) \
                            and name the JSON file";
                self.refuse(&format!("infrastructure.{key}"), what);
            }
        }
        self.within("infrastructure.timeout_minutes", *timeout_minutes, 1..=24 * 60);
    }

    fn smoke(&mut self, at: &str, smoke: &Smoke) {
        self.path(&format!("{at}.payload"), &smoke.payload);
        let expect = &smoke.expect;
        let at = format!("{at}.expect");
        self.within(&format!("{at}.status"), u32::from(expect.status), 100..=599);
        if !(expect.tolerance.is_finite() && expect.tolerance >= 0.0) {
            self.refuse(&format!("{at}.tolerance"), "a number that is 0 or more");
        }
        let result = expect.result.as_deref();
        if result.is_some_and(|numbers| numbers.iter().any(|number| !number.is_finite())) {
            self.refuse(&format!("{at}.result"), "finite numbers");
        }
        if let (Some(numbers), Some(length)) = (result, expect.length)
            && numbers.len() != length
        {
            let what = format!("`result` has {} numbers, and not {length}", numbers.len());
            self.refuse(&format!("{at}.length"), &what);
        }
    }

    fn environment(&mut self, at: &str, environment: &Environment) {
        let Some(approval) = &environment.approval else {
            return;
        };
        let at = |key: &str| format!("{at}.approval.{key}");
        let Approval { approvers, need, .. } = approval;
        let mut names = HashSet::new();
        for (index, approver) in approvers.iter().enumerate() {
            let place = at(&format!("approvers[{index}]"));
            self.said(&place, approver);
            if !names.insert(approver) {
                let what = format!("`{}` is named twice", shown(approver));
                self.refuse(&place, &what);
            }
        }
        match need {
            Need::One => {}
            Need::All if approvers.is_empty() => {
                self.refuse(&at("need"), "`all` needs `approvers` to be named");
            }
            Need::All => {}
            Need::Count(0) => self.refuse(&at("need"), "`one`, `all` or a whole number from 1"),
            Need::Count(count) => {
                let named = approvers.len();
                if named > 0 && usize::try_from(*count).is_ok_and(|count| count > named) {
                    let what = format!("{count} approvals can never come from {named} `approvers`");
                    self.refuse(&at("need"), &what);
                }
            }
        }
        if !(approval.timeout_hours > 0.0 && approval.timeout_hours <= MOST_HOURS) {
            let what = format!("more than 0 hours and at most {MOST_HOURS} (30 days)");
            self.refuse(&at("timeout_hours"), &what);
        }
    }

    fn globs(&mut self, at: &str, globs: &[String]) {
        for (index, glob) in globs.iter().enumerate() {
            if let Some(problem) = glob_problem(glob) {
                let what = format!("`{}` is not a glob: {problem}", shown(glob));
                self.refuse(&format!("{at}[{index}]"), &what);
            }
        }
    }

    fn path(&mut self, at: &str, path: &str) {
        if let Some(problem) = path_problem(path) {
            let what = format!("`{}` is not a path: {problem}", shown(path));
            self.refuse(at, &what);
        }
    }

    fn path_if(&mut self, at: &str, path: Option<&str>) {
        if let Some(path) = path {
            self.path(at, path);
        }
    }

    fn said(&mut self, at: &str, text: &str) {
        if text.trim().is_empty() || text.contains('\0') {
            self.refuse(at, "must not be empty");
        }
    }

    fn said_if(&mut self, at: &str, text: Option<&str>) {
        if text.is_some_and(|text| text.trim().is_empty()) {
            self.refuse(at, "must not be empty; `null` leaves it out");
        }
    }

    fn within(&mut self, at: &str, number: u32, allowed: RangeInclusive<u32>) {
        if !allowed.contains(&number) {
            let (least, most) = allowed.into_inner();
            let what = format!("a whole number from {least} to {most}, not {number}");
            self.refuse(at, &what);
        }
    }
}
