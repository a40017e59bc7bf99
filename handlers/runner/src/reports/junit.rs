//! JUnit, as pytest, ruff and flake8 write it.
//!
//! ```text
//! testsuites > testsuite(tests, failures, errors, skipped) > testcase(classname, name, time) > failure | error | skipped
//! ```

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::{TestCase, TestOutcome, Tests, count, number};

/// How many tests of a report are kept one by one.
pub(super) const CASES_MAX: usize = 10_000;
/// Bytes that are kept of a name.
const NAME_MAX: usize = 500;
/// Bytes that are kept of why a test failed.
const MESSAGE_MAX: usize = 1000;
/// Bytes that are kept of what else was printed.
const DETAIL_MAX: usize = 2000;

/// Reads on behind the root element; None: the file is damaged.
pub(super) fn read(reader: &mut Reader<&[u8]>, root: &BytesStart, is_open: bool) -> Option<Tests> {
    let mut reading = Reading::default();
    reading.open(root, is_open);
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => reading.open(&tag, true),
            Event::Empty(tag) => reading.open(&tag, false),
            Event::End(_) => reading.close(),
            Event::Text(text) => reading.text(&text.xml10_content()),
            Event::CData(text) => reading.text(&text.xml10_content()),
            Event::GeneralRef(entity) => match entity.resolve_char_ref().ok()? {
                Some(character) => reading.text(character.encode_utf8(&mut [0; 4])),
                None => reading.text(resolve_predefined_entity(&entity).unwrap_or_default()),
            },
            Event::Eof => return (reading.depth == 0).then_some(reading.found),
            _ => {}
        }
    }
}

#[derive(Default)]
struct Reading {
    found: Tests,
    depth: usize,
    /// The suite whose counts hold for all that is in it: an outer one has counted what is in the inner ones.
    counted: Option<usize>,
    /// The name of the suite that was opened last, for cases without a class.
    suite: String,
    /// The case that is open, and where.
    case: Option<(usize, TestCase)>,
    /// The element of that case whose text is its detail.
    detail: Option<(usize, String)>,
}

impl Reading {
    fn open(&mut self, tag: &BytesStart, is_open: bool) {
        match tag.local_name().as_ref() {
            "testsuite" => {
                self.suite = text_of(tag, "name").unwrap_or_default();
                if self.counted.is_none() {
                    self.found.tests += count(tag, "tests");
                    self.found.failures += count(tag, "failures") + count(tag, "errors");
                    self.found.skipped += count(tag, "skipped");
                    self.counted = is_open.then_some(self.depth);
                }
            }
            "testcase" => {
                let case = self.case_of(tag);
                match is_open {
                    true => self.case = Some((self.depth, case)),
                    false => self.keep(case),
                }
            }
            "failure" => self.ends(TestOutcome::Failed, tag, is_open),
            "error" => self.ends(TestOutcome::Error, tag, is_open),
            "skipped" => self.ends(TestOutcome::Skipped, tag, is_open),
            _ => {}
        }
        self.depth += usize::from(is_open);
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.counted == Some(self.depth) {
            self.counted = None;
        }
        if let Some((_, detail)) = self.detail.take_if(|(depth, _)| *depth == self.depth)
            && let Some((_, case)) = &mut self.case
        {
            let detail = detail.trim();
            case.detail = (!detail.is_empty()).then(|| shorten(detail, DETAIL_MAX));
        }
        if let Some((_, case)) = self.case.take_if(|(depth, _)| *depth == self.depth) {
            self.keep(case);
        }
    }

    fn text(&mut self, text: &str) {
        if let Some((_, detail)) = &mut self.detail
            && detail.len() <= DETAIL_MAX
        {
            detail.push_str(text);
        }
    }

    fn case_of(&self, tag: &BytesStart) -> TestCase {
        TestCase {
            name: text_of(tag, "name").unwrap_or_else(|| "without a name".into()),
            suite: text_of(tag, "classname").or_else(|| text_of(tag, "file")).unwrap_or_else(|| self.suite.clone()),
            outcome: TestOutcome::Passed,
            duration_ms: number(tag, "time").map(|seconds| seconds.max(0.0) * 1000.0),
            message: None,
            detail: None,
        }
    }

    /// The first word about how a case ended counts: a test that failed may break again when it cleans up.
    fn ends(&mut self, outcome: TestOutcome, tag: &BytesStart, is_open: bool) {
        let Some((_, case)) = self.case.as_mut().filter(|(_, case)| case.outcome == TestOutcome::Passed) else {
            return;
        };
        case.outcome = outcome;
        case.message = attribute(tag, "message").map(|text| shorten(text.trim(), MESSAGE_MAX));
        if is_open {
            self.detail = Some((self.depth, String::new()));
        }
    }

    fn keep(&mut self, case: TestCase) {
        if self.found.cases.len() < CASES_MAX {
            self.found.cases.push(case);
        }
    }
}

fn text_of(tag: &BytesStart, name: &str) -> Option<String> {
    attribute(tag, name).map(|text| shorten(&text, NAME_MAX))
}

fn attribute(tag: &BytesStart, name: &str) -> Option<String> {
    let attribute = tag.try_get_attribute(name).ok()??;
    let text = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
    (!text.is_empty()).then(|| text.into_owned())
}

fn shorten(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most - '…'.len_utf8());
    format!("{}…", &text[..end])
}
