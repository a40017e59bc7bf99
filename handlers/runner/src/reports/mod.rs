//! Reports that linters, tests and coverage tools leave: JUnit and Cobertura, read and told.
//!
//! A job platform tells their numbers and sentences when a job ends; the runner reads them once more, test by test, for
//! the code host.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde::{Deserialize, Serialize};

mod junit;
#[cfg(test)]
mod tests;

/// What a report says.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// JUnit.
    Tests(Tests),
    /// Cobertura.
    Coverage {
        /// Covered lines in percent.
        line_percent: f64,
        /// The same as counts, from tools that count.
        counted: Option<Coverage>,
    },
}

/// Tests, or the findings of a linter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tests {
    /// All of them, as the report counts.
    pub tests: u64,
    /// Failures and errors.
    pub failures: u64,
    /// Left out.
    pub skipped: u64,
    /// One by one, as many as are kept.
    pub cases: Vec<TestCase>,
}

/// One test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestCase {
    /// What its author called it.
    pub name: String,
    /// The class, module or file that it is in; may be empty.
    pub suite: String,
    /// How it ended.
    pub outcome: TestOutcome,
    /// How long it took.
    pub duration_ms: Option<f64>,
    /// Why it ended so, in a line or two.
    pub message: Option<String>,
    /// What else the tool printed about it, such as the stack.
    pub detail: Option<String>,
}

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestOutcome {
    /// As it should.
    Passed,
    /// What it looks at is wrong.
    Failed,
    /// The test itself broke.
    Error,
    /// It was left out.
    Skipped,
}

/// How much of the code the tests reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Lines.
    pub lines: Covered,
    /// Branches, where the tool was asked to count them.
    pub branches: Option<Covered>,
}

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    /// Reached.
    pub covered: u64,
    /// All.
    pub total: u64,
}

/// Reads a report; None: it is another kind of file, or damaged.
#[must_use]
pub fn read(xml: &str) -> Option<Report> {
    let mut reader = Reader::from_str(xml);
    loop {
        let (tag, is_open) = match reader.read_event().ok()? {
            Event::Start(tag) => (tag, true),
            Event::Empty(tag) => (tag, false),
            Event::Eof => return None,
            _ => continue,
        };
        return match tag.local_name().as_ref() {
            "coverage" => coverage(&tag),
            "testsuites" | "testsuite" => junit::read(&mut reader, &tag, is_open).map(Report::Tests),
            _ => None,
        };
    }
}

/// Adds what a report says to the sentences and numbers of a job.
pub fn tell(name: &str, report: &Report, said: &mut Vec<String>, metrics: &mut BTreeMap<String, f64>) {
    let mut add = |metric: &str, number: u64| {
        let number = f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        *metrics.entry(metric.to_owned()).or_default() += number;
    };
    match report {
        Report::Coverage { line_percent, .. } => {
            // Two decimals are what people compare with; more are noise.
            let percent = (line_percent * 100.0).round() / 100.0;
            metrics.insert("coverage_line_percent".to_owned(), percent);
            said.push(format!("{name}: {percent} % of the lines are covered"));
        }
        // A linter's JUnit file counts findings, not tests.
        Report::Tests(Tests { failures, .. }) if is_of_a_linter(name) => {
            add("lint_findings", *failures);
            let findings = if *failures == 1 { "finding" } else { "findings" };
            said.push(format!("{name}: {failures} {findings}"));
        }
        Report::Tests(Tests { tests, failures, skipped, .. }) => {
            add("tests", *tests);
            add("failures", *failures);
            let passed = tests.saturating_sub(failures + skipped);
            let mut sentence = format!("{name}: {passed} passed");
            for (number, word) in [(failures, "failed"), (skipped, "skipped")] {
                if *number > 0 {
                    sentence += &format!(", {number} {word}");
                }
            }
            said.push(sentence);
        }
    }
}

fn is_of_a_linter(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.to_ascii_lowercase().starts_with("lint")
}

fn coverage(tag: &BytesStart) -> Option<Report> {
    let line_percent = number(tag, "line-rate")? * 100.0;
    let covered = |what: &str| {
        let (covered, total) = (count(tag, &format!("{what}-covered")), count(tag, &format!("{what}-valid")));
        (total > 0).then_some(Covered { covered: covered.min(total), total })
    };
    let counted = covered("lines").map(|lines| Coverage { lines, branches: covered("branches") });
    Some(Report::Coverage { line_percent, counted })
}

/// A count among the attributes; 0 where it is not there.
fn count(tag: &BytesStart, name: &str) -> u64 {
    number(tag, name).map_or(0, |n| n.clamp(0.0, 1e9) as u64)
}

fn number(tag: &BytesStart, name: &str) -> Option<f64> {
    let attribute = tag.try_get_attribute(name).ok()??;
    attribute.value.trim().parse().ok().filter(|n: &f64| n.is_finite())
}
