//! The fields of a span, as JSON.
//!
//! Every invocation has a span, and hardly one logs anything. The fields of the JSON format itself are gathered as a map
//! of values first, which takes longer than to find out what the invocation is about; these are written as they come.

use std::fmt;

use serde::ser::Serializer as _;
use tracing::span::Record;
use tracing_serde::SerdeMapVisitor;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormattedFields;
use tracing_subscriber::fmt::format::{FormatFields, Writer};

/// Writes the fields of a span as one JSON object.
#[derive(Debug)]
pub struct SpanFields;

impl<'writer> FormatFields<'writer> for SpanFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut json = Vec::with_capacity(128);
        let mut serializer = serde_json::Serializer::new(&mut json);
        let mut members = SerdeMapVisitor::new(serializer.serialize_map(None).map_err(|_| fmt::Error)?);
        fields.record(&mut members);
        members.finish().map_err(|_| fmt::Error)?;
        writer.write_str(str::from_utf8(&json).map_err(|_| fmt::Error)?)
    }

    /// A field that is recorded again is there twice then, and whoever reads the object takes the last.
    fn add_fields(&self, current: &'writer mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        let mut more = String::new();
        self.format_fields(Writer::new(&mut more), fields)?;
        current.fields = match (current.fields.strip_suffix('}'), &more[1..]) {
            (None | Some("{"), _) => more,
            (Some(_), "}") => return Ok(()),
            (Some(before), more) => format!("{before},{more}"),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Lines {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    /// The span of the one line that is logged in it.
    fn span_of(log: impl FnOnce()) -> Value {
        let lines = Lines::default();
        let layer = tracing_subscriber::fmt::layer().json().fmt_fields(SpanFields).with_writer(lines.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let line: Value = serde_json::from_slice(&lines.0.lock().unwrap()).unwrap();
        line["span"].clone()
    }

    #[test]
    fn a_line_has_the_fields_of_its_span_whatever_they_are() {
        let span = span_of(|| {
            let said = "a \"word\"\n";
            let span =
                tracing::info_span!("invocation", said, shown = %"text", count = 3_u64, late = tracing::field::Empty);
            span.in_scope(|| tracing::info!("hello"));
        });
        assert_eq!(span, json!({"name": "invocation", "said": "a \"word\"\n", "shown": "text", "count": 3}));
    }

    #[test]
    fn fields_that_are_known_later_are_added() {
        let span = span_of(|| {
            let span = tracing::info_span!("work", first = 1, second = tracing::field::Empty);
            span.record("second", "two");
            span.in_scope(|| tracing::info!("hello"));
        });
        assert_eq!(span, json!({"name": "work", "first": 1, "second": "two"}));
        let span = span_of(|| {
            let span = tracing::info_span!("work", only = tracing::field::Empty);
            span.record("only", true);
            span.in_scope(|| tracing::info!("hello"));
        });
        assert_eq!(span, json!({"name": "work", "only": true}));
    }
}
