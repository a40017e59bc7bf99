//! Reading reports that linters, tests and coverage tools leave: JUnit and Cobertura.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// What a report says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Report {
    /// JUnit: how many of each.
    Tests {
        /// All of them.
        tests: u64,
        /// Failures and errors.
        failures: u64,
        /// Left out.
        skipped: u64,
    },
    /// Cobertura: covered lines in percent.
    Coverage(f64),
}

/// Reads a report; None: it is another kind of file, or damaged.
pub(super) fn read(xml: &str) -> Option<Report> {
    let mut reader = Reader::from_str(xml);
    // Suites may be in suites, and the outer one has counted what is in the inner ones.
    let mut counted = None;
    let mut depth = 0;
    let mut found: Option<Report> = None;
    loop {
        let (tag, is_open) = match reader.read_event().ok()? {
            Event::Start(tag) => (tag, true),
            Event::Empty(tag) => (tag, false),
            Event::End(_) => {
                depth -= 1;
                if counted == Some(depth) {
                    counted = None;
                }
                continue;
            }
            Event::Eof => return found,
            _ => continue,
        };
        match tag.local_name().as_ref() {
            "coverage" if depth == 0 => {
                return number(&tag, "line-rate").map(|rate| Report::Coverage(rate * 100.0));
            }
            "testsuites" => {
                found.get_or_insert(NOTHING);
            }
            "testsuite" if counted.is_none() => {
                let suite = counts(&tag);
                found = Some(sum(found.unwrap_or(NOTHING), &suite));
                if is_open {
                    counted = Some(depth);
                }
            }
            _ => {}
        }
        if is_open {
            depth += 1;
        }
    }
}

/// Adds what a report says to the sentences and numbers of a job.
pub(super) fn tell(name: &str, report: &Report, said: &mut Vec<String>, metrics: &mut BTreeMap<String, f64>) {
    let mut add = |metric: &str, number: u64| {
        let number = f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        *metrics.entry(metric.to_owned()).or_default() += number;
    };
    match report {
        Report::Coverage(percent) => {
            // Two decimals are what people compare with; more are noise.
            let percent = (percent * 100.0).round() / 100.0;
            metrics.insert("coverage_line_percent".to_owned(), percent);
            said.push(format!("{name}: {percent} % of the lines are covered"));
        }
        // A linter's JUnit file counts findings, not tests.
        Report::Tests { failures, .. } if is_of_a_linter(name) => {
            add("lint_findings", *failures);
            let findings = if *failures == 1 { "finding" } else { "findings" };
            said.push(format!("{name}: {failures} {findings}"));
        }
        Report::Tests { tests, failures, skipped } => {
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

const NOTHING: Report = Report::Tests { tests: 0, failures: 0, skipped: 0 };

fn counts(tag: &BytesStart) -> Report {
    let count = |name| number(tag, name).map_or(0, |n| n.clamp(0.0, 1e9) as u64);
    Report::Tests { tests: count("tests"), failures: count("failures") + count("errors"), skipped: count("skipped") }
}

fn sum(left: Report, right: &Report) -> Report {
    match (left, right) {
        (
            Report::Tests { tests, failures, skipped },
            Report::Tests { tests: more_tests, failures: more_failures, skipped: more_skipped },
        ) => Report::Tests {
            tests: tests + more_tests,
            failures: failures + more_failures,
            skipped: skipped + more_skipped,
        },
        (left, _) => left,
    }
}

fn number(tag: &BytesStart, name: &str) -> Option<f64> {
    let attribute = tag.try_get_attribute(name).ok()??;
    attribute.value.trim().parse().ok().filter(|n: &f64| n.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, xml: &str) -> (Vec<String>, BTreeMap<String, f64>) {
        let (mut said, mut metrics) = Default::default();
        tell(name, &read(xml).unwrap(), &mut said, &mut metrics);
        (said, metrics)
    }

    #[test]
    fn a_report_of_tests_becomes_a_sentence_and_numbers() {
        let xml = r#"<?xml version="1.0"?><testsuites name="pytest tests">
            <testsuite name="a > b" tests="12" errors="1" failures="0" skipped="0">
              <testcase name="x"><system-out><![CDATA[<testsuite tests="99">]]></system-out></testcase>
              <testsuite name="inner" tests="5" failures="5"/>
            </testsuite>
            <testsuite tests="3" skipped="2"/></testsuites>"#;
        let (said, metrics) = told("unit-testresults.xml", xml);
        assert_eq!(said, ["unit-testresults.xml: 12 passed, 1 failed, 2 skipped"]);
        assert_eq!(metrics["tests"], 15.0);
        assert_eq!(metrics["failures"], 1.0);
    }

    #[test]
    fn findings_of_a_linter_are_no_tests() {
        let xml = r#"<testsuites name="ruff" tests="1"><testsuite name="ruff" tests="2" failures="2"/></testsuites>"#;
        let (said, metrics) = told("lint-testresults.xml", xml);
        assert_eq!(said, ["lint-testresults.xml: 2 findings"]);
        assert_eq!(metrics.keys().collect::<Vec<_>>(), ["lint_findings"]);
    }

    #[test]
    fn coverage_is_told_in_percent() {
        let xml = r#"<?xml version="1.0" ?><!-- by a tool --><coverage line-rate="0.9524" branch-rate="1"><packages/></coverage>"#;
        let (said, metrics) = told("coverage.xml", xml);
        assert_eq!(metrics["coverage_line_percent"], 95.24);
        assert_eq!(said, ["coverage.xml: 95.24 % of the lines are covered"]);
    }

    #[test]
    fn other_files_say_nothing() {
        for text in ["", "<html></html>", "<testsuites><testsuite", "{}", "<coverage/>"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
