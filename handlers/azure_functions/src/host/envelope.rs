//! The body of a request: `{"Data":{…},"Metadata":{…}}`, always both, in this order, and nothing else.

use jiff::Timestamp;

use super::json::{DateForm, push_compact, push_date, push_guid, push_quoted, push_string};
use crate::{Members, Value};

/// What each invocation has, whatever its trigger. Each method renders one body.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The function.
    pub function: &'a str,
    /// The name of its trigger's binding.
    pub binding: &'a str,
    /// When it is called.
    pub now: Timestamp,
    /// A GUID, new for each call: `sys.RandGuid`.
    pub guid: u128,
}

/// The tick of a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// What is on record of the runs before; `None` for a timer that ticks more than once a minute.
    pub status: Option<ScheduleStatus>,
    /// Whether the tick comes late.
    pub is_past_due: bool,
}

/// What is on record of a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleStatus {
    /// When the last run began; `None` before the first has ended.
    pub last: Option<Timestamp>,
    /// The tick that was due next.
    pub next: Timestamp,
    /// When this was written.
    pub last_updated: Timestamp,
}

impl Call<'_> {
    /// Renders the tick of a timer.
    pub fn timer(&self, tick: &Tick) -> String {
        let mut out = self.open(512);
        out.push_str(r#"{"Schedule":{"AdjustForDST":true},"ScheduleStatus":"#);
        match tick.status {
            None => out.push_str("null"),
            Some(status) => {
                out.push_str(r#"{"Last":"#);
                match status.last {
                    Some(last) => push_date(&mut out, last, DateForm::FractionOffset),
                    None => out.push_str(r#""0001-01-01T00:00:00+00:00""#),
                }
                out.push_str(r#","Next":"#);
                push_date(&mut out, status.next, DateForm::FractionOffset);
                out.push_str(r#","LastUpdated":"#);
                push_date(&mut out, status.last_updated, DateForm::FractionOffset);
                out.push('}');
            }
        }
        out.push_str(match tick.is_past_due {
            true => r#","IsPastDue":true}},"Metadata":{"#,
            false => r#","IsPastDue":false}},"Metadata":{"#,
        });
        self.close(out, "sys")
    }

    /// Renders one event of Event Grid, which must be the text of a JSON object, of either schema.
    pub fn event(&self, event: &str) -> String {
        let mut out = self.open(2 * event.len() + 256);
        push_compact(&mut out, event);
        out.push_str(r#"},"Metadata":{"#);
        let members: Members<'_> = Value::new(event).members();
        let mut members = members.iter();
        if let Some((_, data)) = members.find(|(name, _)| *name == "data")
            && data.json() != "null"
        {
            out.push_str(r#""data":"#);
            push_nested(&mut out, data);
            out.push(',');
        }
        self.close(out, "sys")
    }

    /// Begins a body, up to where the trigger's value stands.
    pub(super) fn open(&self, capacity: usize) -> String {
        let mut out = String::with_capacity(capacity);
        out.push_str(r#"{"Data":{"#);
        push_string(&mut out, self.binding);
        out.push(':');
        out
    }

    /// Ends a body with the member that all metadata have.
    pub(super) fn close(&self, mut out: String, sys: &str) -> String {
        push_string(&mut out, sys);
        out.push_str(r#":{"MethodName":"#);
        push_string(&mut out, self.function);
        out.push_str(r#","UtcNow":"#);
        push_date(&mut out, self.now, DateForm::FractionZulu);
        out.push_str(r#","RandGuid":""#);
        push_guid(&mut out, self.guid);
        out.push_str("\"}}}");
        out
    }
}

/// Appends a value of binding data: an object as it is, a text quoted twice, anything else as text in a string.
pub(super) fn push_nested(out: &mut String, value: Value<'_>) {
    let json = value.json();
    match json.as_bytes().first() {
        Some(b'{') => push_compact(out, json),
        Some(b'"') => push_quoted(out, &value.inner_text().unwrap_or_default()),
        _ => {
            let mut text = String::with_capacity(json.len());
            push_compact(&mut text, json);
            push_string(out, &text);
        }
    }
}
