//! What every invocation keeps, whatever stands in the place of the host, and what arrives of what the real one passes
//! on.

use std::borrow::Cow;

use azure_functions::host::{Call, CallerRequest, QueueMessage, RequestBody, ScheduleStatus, Tick};
use azure_functions::{BatchEncoding, DecodeError, Invocation, Value, redact};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json, value::RawValue};

use crate::replay::{Target, line};

/// The targets of this module.
pub const TARGETS: &[Target] = &[("delivery", delivery), ("invocation", invocation)];

const ENCODINGS: [BatchEncoding; 3] = [BatchEncoding::Binary, BatchEncoding::String, BatchEncoding::Json];

/// The body of a request, as anybody may send it.
pub fn invocation(input: &[u8]) {
    let parsed = Invocation::parse("train", "3a1c", input.to_vec());
    let text = str::from_utf8(input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input));
    let value = text.ok().and_then(|text| serde_json::from_str::<Json>(text).ok());
    let invocation = match parsed {
        Ok(invocation) => invocation,
        Err(error) => {
            assert!(!matches!(value, Some(Json::Object(_))), "an object is refused: {error}");
            assert_eq!(matches!(error, DecodeError::NotUtf8(_)), text.is_err());
            return assert_error(&error);
        }
    };
    let text = text.expect("an invocation is UTF-8");
    // Names are read as bytes, for the sake of half surrogate pairs, and may hold control characters as they are.
    let is_json = serde_json::from_str::<&RawValue>(text).is_ok() || text.contains(|c| c < ' ');
    assert!(is_json && text.trim_start().starts_with('{'), "an invocation is an object");
    assert_eq!((invocation.function(), invocation.id()), ("train", "3a1c"));
    assert_shown(&format!("{invocation:?}"));

    look_at_values(&invocation, input.len());
    look_at_message(&invocation, input.len());
    look_at_batch(&invocation, input.len());
    look_at_events(&invocation);
    look_at_request(&invocation, input.len());
    if let Some(context) = invocation.retry_context() {
        let told = invocation.metadata().get("RetryContext").and_then(|context| context.members().get("RetryCount"));
        assert!(told.is_some_and(|told| told.text().contains(&context.retry_count.to_string())), "{context:?}");
    }
    match invocation.timer() {
        Ok(timer) => {
            assert_eq!(timer, invocation.timer().expect("it was a tick before"));
            let times = [timer.last, timer.next, timer.last_updated];
            assert!(times.into_iter().flatten().all(|time| time > Timestamp::UNIX_EPOCH), "{timer:?}");
        }
        Err(error) => assert!(invocation.trigger().is_err(), "{error}"),
    }

    let marked = Invocation::parse("train", "3a1c", [b"\xef\xbb\xbf", text.as_bytes()].concat());
    let marked = marked.expect("a byte order mark does no harm");
    assert_eq!(format!("{marked:?}"), format!("{invocation:?}"));
    assert_eq!(marked.trigger().ok(), invocation.trigger().ok());
}

fn look_at_values(invocation: &Invocation, size: usize) {
    let mut total = 0;
    if let Ok(trigger) = invocation.trigger() {
        total += look_at(trigger);
        assert!(!trigger.json().is_empty());
    }
    for (name, value) in invocation.metadata().iter() {
        total += name.len() + look_at(value);
        let members = value.members();
        assert!(members.iter().count() == 0 || value.json().starts_with('{'));
        for (_, member) in members.iter() {
            look_at(member);
        }
    }
    assert!(total <= 2 * size, "{size} bytes became {total}");
    for name in ["message", "messages", "req", "event", "timer", "blob", "item", ""] {
        if let Some(value) = invocation.data(name) {
            look_at(value);
        }
    }
}

/// Reads a value in every way, and returns how many bytes the longest has.
fn look_at(value: Value<'_>) -> usize {
    let json = value.json();
    let document: Result<&RawValue, _> = serde_json::from_str(json);
    assert!(document.is_ok_and(|document| document.get() == json), "{json} is not one value");
    let (text, bytes) = (value.text(), value.bytes());
    // Half a surrogate pair has six bytes, and what stands for it nine.
    assert!(text.len() <= json.len() * 3 / 2 && bytes.len() <= json.len() * 3 / 2);
    assert_eq!(value.is_null(), json == "null" || json == "\"null\"");
    match value.base64() {
        Some(decoded) => {
            assert_eq!(*bytes, decoded);
            let once: String = serde_json::from_str(json).expect("base64 comes in a string");
            assert_eq!(STANDARD.encode(&decoded), once);
        }
        None => assert_eq!(*bytes, *text.as_bytes()),
    }
    if let Ok(parsed) = value.parse::<Json>() {
        assert_eq!(parsed, value.parse::<Json>().expect("it was parsed before"));
    } else {
        // Every text is at least a text; but not a number that does not fit.
        assert!(value.parse::<String>().is_ok(), "{json}");
    }
    if let Some(time) = value.time() {
        assert_eq!(time.to_string().parse().ok(), Some(time));
    }
    assert_shown(&format!("{value:?}"));
    text.len().max(bytes.len())
}

fn look_at_message(invocation: &Invocation, size: usize) {
    let Ok(message) = invocation.service_bus_message() else {
        assert!(invocation.trigger().is_err());
        return;
    };
    let body = message.body();
    assert!(body.len() <= size * 3 / 2);
    assert_eq!(message.parse::<Json>().ok(), serde_json::from_slice(&body).ok());
    assert_eq!(message.has_trusted_metadata(), invocation.trigger().is_ok_and(|value| value.base64().is_some()));
    let texts = [
        message.message_id(),
        message.session_id(),
        message.correlation_id(),
        message.subject(),
        message.content_type(),
        message.dead_letter_source(),
    ];
    assert!(texts.iter().flatten().all(|text| !text.is_empty() && text.len() <= size * 3 / 2), "{texts:?}");
    let _ = (message.delivery_count(), message.sequence_number(), message.enqueued_time());
    let properties = serde_json::to_string(&message.application_properties()).expect("properties are JSON");
    assert!(properties.len() <= 2 + 12 * size);
    assert_eq!(message.metadata().iter().count(), invocation.metadata().iter().count());
    assert!(format!("{message:?}").len() <= 500 + 50 * size);
}

fn look_at_batch(invocation: &Invocation, size: usize) {
    let batches = ENCODINGS.map(|encoding| invocation.service_bus_batch(encoding));
    let [Ok(binary), Ok(string), Ok(json)] = &batches else {
        for batch in batches {
            assert_error(&batch.expect_err("an array is one in any encoding"));
        }
        return;
    };
    assert!(binary.len() == string.len() && string.len() == json.len() && json.len() <= size / 2);
    for ((binary, string), json) in binary.iter().zip(string).zip(json) {
        for other in [string, json] {
            assert_eq!(binary.message_id, other.message_id);
            assert_eq!(binary.session_id, other.session_id);
            assert_eq!(binary.correlation_id, other.correlation_id);
            assert_eq!(binary.delivery_count, other.delivery_count);
            assert_eq!(binary.enqueued_time, other.enqueued_time);
            assert_eq!(binary.application_properties, other.application_properties);
        }
        let text = str::from_utf8(&json.body).expect("JSON is a text");
        assert!(serde_json::from_str::<&RawValue>(text).is_ok(), "{text} is not JSON");
        assert!(str::from_utf8(&string.body).is_ok());
    }
    for batch in [binary, string, json] {
        assert!(batch.iter().map(|message| message.body.len()).sum::<usize>() <= size * 3 / 2);
    }
}

fn look_at_events(invocation: &Invocation) {
    let events = match invocation.event_grid_events() {
        Ok(events) => events,
        Err(error) => return assert_error(&error),
    };
    let trigger = invocation.trigger().expect("events come from the trigger's value");
    for event in &events {
        assert!(event.json().len() <= trigger.json().len() * 3 / 2);
        assert!(event.parse::<&RawValue>().is_ok(), "{} is not JSON", event.json());
        // In an array anything may stand, and what is no object is for the reader of events to refuse.
        if let Ok(value) = event.parse::<Json>() {
            let mut names = value.as_object().into_iter().flat_map(|members| members.keys());
            assert_eq!(event.is_cloud_event(), names.any(|name| name.eq_ignore_ascii_case("specversion")));
        }
        let _ = (event.id(), event.event_type());
        assert_shown(&format!("{event:?}"));
    }
}

fn look_at_request(invocation: &Invocation, size: usize) {
    let request = match invocation.http_request() {
        Ok(request) => request,
        Err(error) => return assert_error(&error),
    };
    let body = request.body();
    assert!(body.len() <= size * 3 / 2);
    assert_eq!(request.body_text(), String::from_utf8_lossy(&body));
    assert_eq!(request.parse::<Json>().ok(), serde_json::from_slice(&body).ok());
    for text in [request.header("Content-Type"), request.header("host"), request.query("stage"), request.param("runId")]
    {
        assert!(text.is_none_or(|text| text.len() <= size * 3 / 2));
    }
    let identities = request.identities();
    assert!(identities.len() <= size / 2);
    if let Some(user) = request.user() {
        assert!(user.is_authenticated && identities.contains(&user));
    }
    if let Some(key) = request.key_name() {
        let claims = identities.iter().flat_map(|identity| &identity.claims);
        assert!(claims.into_iter().any(|claim| claim.value == key), "{key}");
    }
    assert_shown(&format!("{request:?}"));
}

fn assert_error(error: &DecodeError) {
    let text = error.to_string();
    assert!(text.len() <= 500, "an error shows {} bytes", text.len());
    assert_shown(&text);
}

fn assert_shown(text: &str) {
    assert!(!text.contains(char::is_control), "{text:?}");
}

/// What the host passes on arrives as it was sent: a header's text, and a body.
pub fn delivery(input: &[u8]) {
    let mut body = input;
    let name = line(&mut body);
    let noon = Timestamp::from_second(1_773_748_800).expect("it is a time");
    let call = Call { function: "train", binding: "message", now: noon, guid: 7 };
    let text = str::from_utf8(body).ok();

    deliver_message(&call, name, body);
    deliver_batch(body);
    deliver_request(&call, name, body);
    deliver_tick(&call, name, body.len());
    let blob = parse(json!({"Data": {"blob": STANDARD.encode(body)}}).to_string());
    assert_eq!(*blob.data("blob").expect("it was sent").bytes(), *body);
    if let Some(text) = text {
        let quoted = json!(text).to_string();
        let item = parse(json!({"Data": {"item": quoted}, "Metadata": {"Id": json!(name).to_string()}}).to_string());
        assert_eq!(item.trigger().expect("it was sent").text(), text);
        assert_eq!(*item.service_bus_message().expect("it was sent").body(), *body);
        assert_eq!(item.metadata().get("id").expect("it was sent").text(), name);
        if let Ok(event @ Json::Object(_)) = serde_json::from_str::<Json>(text) {
            deliver_event(&call, &event);
        }
    }
}

fn parse(body: String) -> Invocation {
    Invocation::parse("train", "", body).expect("the host sends objects")
}

fn deliver_message(call: &Call<'_>, name: &str, body: &[u8]) {
    let told = Some(name).filter(|name| !name.is_empty());
    let invocation = parse(call.message(&QueueMessage {
        body,
        namespace: "sb.servicebus.windows.net",
        client: name,
        delivery_count: u32::try_from(body.len()).expect("the fuzzer's inputs are short"),
        dead_letter_source: told,
        lock_token: 5,
        expires_at: None,
        enqueued_at: call.now,
        message_id: name,
        content_type: told,
        sequence_number: i64::from(body.first().copied().unwrap_or_default()) - 100,
        properties: &[(name, name)],
        session_id: told,
    }));
    let message = invocation.service_bus_message().expect("it was sent");
    assert_eq!(*message.body(), *body);
    assert!(message.has_trusted_metadata());
    assert_eq!(message.delivery_count() as usize, body.len());
    assert_eq!(message.sequence_number(), Some(i64::from(body.first().copied().unwrap_or_default()) - 100));
    assert_eq!(message.enqueued_time(), Some(call.now));
    for text in [message.message_id(), message.session_id(), message.content_type(), message.dead_letter_source()] {
        assert_eq!(text.as_deref(), told);
    }
    assert_eq!(Json::Object(message.application_properties()), json!({name: name}));
}

fn deliver_batch(body: &[u8]) {
    let parts: Vec<&[u8]> = body.split(|byte| *byte == b'\n').take(8).collect();
    let texts: Vec<Cow<'_, str>> = parts.iter().map(|part| String::from_utf8_lossy(part)).collect();
    let encoded: Vec<String> = parts.iter().map(|part| STANDARD.encode(part)).collect();
    let counts: Vec<usize> = (1..=parts.len()).collect();
    let envelope = |bodies: Json| {
        let metadata =
            json!({"DeliveryCountArray": json!(counts).to_string(), "MessageIdArray": json!(texts).to_string()});
        // The host writes an array as text in a string; an older one as it is.
        [json!(bodies.to_string()), bodies]
            .map(|bodies| parse(json!({"Data": {"messages": bodies}, "Metadata": metadata}).to_string()))
    };
    for (encoding, bodies) in [
        (BatchEncoding::Binary, json!(encoded)),
        (BatchEncoding::String, json!(texts)),
        (BatchEncoding::Json, json!(texts)),
    ] {
        for invocation in envelope(bodies) {
            let batch = invocation.service_bus_batch(encoding).expect("a batch was sent");
            assert_eq!(batch.len(), parts.len());
            for (at, message) in batch.iter().enumerate() {
                match encoding {
                    BatchEncoding::Binary => assert_eq!(message.body, parts[at]),
                    BatchEncoding::String => assert_eq!(message.body, texts[at].as_bytes()),
                    BatchEncoding::Json => {
                        assert_eq!(serde_json::from_slice::<String>(&message.body).ok().as_deref(), Some(&*texts[at]))
                    }
                }
                assert_eq!(
                    (message.delivery_count as usize, message.message_id.as_deref()),
                    (at + 1, Some(&*texts[at]))
                );
            }
        }
    }
}

fn deliver_event(call: &Call<'_>, event: &Json) {
    let invocation = parse(call.event(&event.to_string()));
    let events = invocation.event_grid_events().expect("an event was sent");
    let [arrived] = events.as_slice() else { panic!("one event became {}", events.len()) };
    assert_eq!(arrived.parse::<Json>().ok().as_ref(), Some(event));
    // A batch, as text in a string and as it is.
    for batch in [json!(json!([event, event]).to_string()), json!([event, event])] {
        let invocation = parse(json!({"Data": {"events": batch}}).to_string());
        let events = invocation.event_grid_events().expect("events were sent");
        assert_eq!(events.len(), 2);
        assert!(events.iter().all(|arrived| arrived.parse::<Json>().ok().as_ref() == Some(event)));
    }
}

fn deliver_request(call: &Call<'_>, name: &str, body: &[u8]) {
    const SECRET: &str = "hunter2hunter2";
    let text = str::from_utf8(body).ok();
    let url = format!("https://trainyard.example/api/approvals?b={name}&code={SECRET}");
    let (plain, octets, json) = ("text/plain", "Application/Octet-Stream", "application/json");
    let mut bodies = vec![(RequestBody::Absent, plain, &b""[..]), (RequestBody::Bytes(body), octets, body)];
    if let Some(text) = text {
        bodies.extend([(RequestBody::Text(text), plain, body), (RequestBody::Json(text), json, body)]);
    }
    for (sent, content_type, expected) in bodies {
        // What is called JSON and is none goes on as text, without members in the metadata.
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let invocation = parse(call.http(&CallerRequest {
            url: &url,
            method: "POST",
            query: &[pair("b", name), pair("code", SECRET)],
            headers: &[pair("Content-Type", content_type), pair("X-Name", name)],
            params: &[("runId".to_owned(), Some(name.to_owned())), ("stage".to_owned(), None)],
            body: sent,
        }));
        let request = invocation.http_request().expect("a request was sent");
        assert_eq!(*request.body(), *expected);
        assert_eq!((&*request.method(), &*request.url()), ("POST", &*url));
        assert_eq!(request.query("B").as_deref(), Some(name));
        assert_eq!(request.header("x-name").as_deref(), Some(name));
        assert_eq!(request.param("runid").as_deref(), Some(name));
        assert_eq!(request.param("stage"), None);
        assert!(request.user().is_none() && request.key_name().is_none());
        let shown = format!("{request:?} {invocation:?}");
        assert!(name.contains("hunter2") || !shown.contains("hunter2"), "{shown}");
    }
    let clean = redact(&url);
    assert!(clean.len() <= url.len() * 11, "{clean}");
}

fn deliver_tick(call: &Call<'_>, name: &str, size: usize) {
    let second = i64::try_from(size).expect("the fuzzer's inputs are short") * 997 + 1;
    let later = |seconds| call.now + SignedDuration::from_secs(seconds);
    let status = ScheduleStatus {
        last: (!name.is_empty()).then(|| later(-second)),
        next: later(second),
        last_updated: later(0),
    };
    for status in [None, Some(status)] {
        let tick = Tick { status, is_past_due: name.len() % 2 == 1 };
        let timer = parse(call.timer(&tick)).timer().expect("a tick was sent");
        assert_eq!(timer.is_past_due, tick.is_past_due);
        assert_eq!(timer.last, status.and_then(|status| status.last));
        assert_eq!(timer.next, status.map(|status| status.next));
        assert_eq!(timer.last_updated, status.map(|status| status.last_updated));
    }
}
