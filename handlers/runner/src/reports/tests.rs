use super::*;

fn told(name: &str, xml: &str) -> (Vec<String>, BTreeMap<String, f64>) {
    let (mut said, mut metrics) = Default::default();
    tell(name, &read(xml).unwrap(), &mut said, &mut metrics);
    (said, metrics)
}

fn cases(xml: &str) -> Vec<TestCase> {
    let Some(Report::Tests(tests)) = read(xml) else { panic!("it is JUnit: {xml}") };
    tests.cases
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
fn coverage_is_told_in_percent_and_counted_where_the_tool_counts() {
    let xml = r#"<?xml version="1.0" ?><!-- by a tool --><coverage line-rate="0.9524" branch-rate="1" lines-covered="40"
        lines-valid="42" branches-covered="0" branches-valid="0"><packages/></coverage>"#;
    let (said, metrics) = told("coverage.xml", xml);
    assert_eq!(metrics["coverage_line_percent"], 95.24);
    assert_eq!(said, ["coverage.xml: 95.24 % of the lines are covered"]);
    let counted = |xml| match read(xml) {
        Some(Report::Coverage { counted, .. }) => counted,
        other => panic!("{other:?}"),
    };
    assert_eq!(counted(xml), Some(Coverage { lines: Covered { covered: 40, total: 42 }, branches: None }));
    assert_eq!(counted(r#"<coverage line-rate="0.5"/>"#), None);
}

#[test]
fn each_test_says_how_it_ended_and_why() {
    let xml = r#"<testsuites><testsuite name="pytest" tests="5" failures="1" errors="1" skipped="1">
        <testcase classname="tests.unit.test_score" name="test_shape[1]" time="0.0315"/>
        <testcase classname="tests.unit.test_score" name="test_rows" time="0.002"><failure message="AssertionError: assert 9 &lt; 8&#10;at once">
def test_rows():
&gt;   assert 9 &#60; 8 &amp; more</failure><error message="and the tear-down broke"/></testcase>
        <testcase name="test_data"><error message="no &quot;data.csv&quot;"/><system-out>noise</system-out></testcase>
        <testcase classname="c" name="slow"><skipped message="only at night"/></testcase>
        <testcase time="soon"></testcase>
      </testsuite></testsuites>"#;
    let cases = cases(xml);

    let short: Vec<_> = cases.iter().map(|case| (case.suite.as_str(), case.name.as_str(), case.outcome)).collect();
    assert_eq!(
        short,
        [
            ("tests.unit.test_score", "test_shape[1]", TestOutcome::Passed),
            ("tests.unit.test_score", "test_rows", TestOutcome::Failed),
            ("pytest", "test_data", TestOutcome::Error),
            ("c", "slow", TestOutcome::Skipped),
            ("pytest", "without a name", TestOutcome::Passed),
        ]
    );
    assert_eq!(cases[0].duration_ms, Some(31.5));
    assert_eq!(cases[1].message.as_deref(), Some("AssertionError: assert 9 < 8\nat once"));
    assert_eq!(cases[1].detail.as_deref(), Some("def test_rows():\n>   assert 9 < 8 & more"));
    assert_eq!((cases[2].message.as_deref(), &cases[2].detail), (Some("no \"data.csv\""), &None));
    assert_eq!(cases[4].duration_ms, None);
}

#[test]
fn what_is_kept_is_bounded() {
    let long = "ü".repeat(5000);
    let one = format!(r#"<testcase name="{long}"><failure message="{long}">{long}</failure></testcase>"#);
    let case = &cases(&format!("<testsuite>{one}</testsuite>"))[0];
    assert!(case.name.len() <= 500 && case.name.ends_with('…'), "{}", case.name.len());
    assert!(case.message.as_ref().unwrap().len() <= 1000);
    assert!(case.detail.as_ref().unwrap().len() <= 2000);

    let many = r#"<testcase name="a"/>"#.repeat(junit::CASES_MAX + 1);
    assert_eq!(cases(&format!("<testsuite>{many}</testsuite>")).len(), junit::CASES_MAX);
}

#[test]
fn other_files_say_nothing() {
    for text in ["", "<html></html>", "<testsuites><testsuite", "<testsuites><testsuite>", "{}", "<coverage/>"] {
        assert_eq!(read(text), None, "{text}");
    }
}
