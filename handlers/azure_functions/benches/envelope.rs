//! What it costs to take one Service Bus message of 4 KB out of its envelope.

use azure_functions::Invocation;
use bytes::Bytes;

fn main() {
    divan::main();
}

fn envelope(name: &str) -> Bytes {
    let path = format!("{}/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).expect("the fixture is there").into()
}

#[divan::bench(args = ["servicebus-queue-single-binary", "servicebus-queue-single"])]
fn parse(bencher: divan::Bencher<'_, '_>, name: &str) {
    let body = envelope(name);
    bencher.counter(divan::counter::BytesCount::new(body.len())).bench(|| Invocation::parse("f", "", body.clone()));
}

#[divan::bench(args = ["servicebus-queue-single-binary", "servicebus-queue-single"])]
fn parse_and_read(bencher: divan::Bencher<'_, '_>, name: &str) {
    let body = envelope(name);
    bencher.counter(divan::counter::BytesCount::new(body.len())).bench(|| {
        let invocation = Invocation::parse("f", "", body.clone()).expect("it is golden");
        let message = invocation.service_bus_message().expect("it is a message");
        let id = message.message_id().map(String::from);
        (message.body().into_owned(), id, message.delivery_count())
    });
}
