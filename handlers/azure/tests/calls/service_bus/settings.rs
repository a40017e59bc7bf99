//! Settings and connection strings.

use std::sync::Arc;

use azure::{Anybody, ConnectionString, ServiceBus, ServiceBusSettings, ServiceBusTransport};
use runner::ports::SystemClock;

#[test]
fn the_smallest_settings_name_the_namespace() {
    let settings: ServiceBusSettings =
        serde_json::from_str(r#"{"namespace": "contoso.servicebus.windows.net"}"#).unwrap();
    assert_eq!((settings.transport, settings.timeout_secs), (ServiceBusTransport::Amqp, 30));
    assert_eq!((settings.is_emulator, settings.message_bytes_max), (false, 262_144));
    let bus = ServiceBus::new(settings, Arc::new(Anybody), Arc::new(SystemClock)).unwrap();
    assert_eq!(bus.to_string(), "Azure Service Bus contoso.servicebus.windows.net");

    let https: ServiceBusSettings =
        serde_json::from_str(r#"{"namespace": "contoso.servicebus.windows.net", "transport": "https"}"#).unwrap();
    assert_eq!(https.transport, ServiceBusTransport::Https);
    assert!(serde_json::from_str::<ServiceBusSettings>(r#"{"namespace": "x", "transprot": "https"}"#).is_err());
}

#[test]
fn a_namespace_that_is_no_host_is_said() {
    for wrong in ["", "https://contoso.servicebus.windows.net", "contoso/x", "contoso:amqp"] {
        let settings = ServiceBusSettings { namespace: wrong.into(), ..smallest() };
        let error = ServiceBus::new(settings, Arc::new(Anybody), Arc::new(SystemClock)).unwrap_err().to_string();
        assert!(error.starts_with("settings: the namespace of Service Bus is"), "{error}");
    }
}

#[test]
fn a_connection_string_is_read_whatever_its_order() {
    let cloud = ConnectionString::parse(
        "sharedaccesskey=a+b/c==; SharedAccessKeyName=sender;Endpoint=sb://contoso.servicebus.windows.net/;",
    );
    assert_eq!(cloud.unwrap().settings(), smallest());
    let emulator = "Endpoint=sb://localhost:5673;SharedAccessKeyName=r;SharedAccessKey=k;UseDevelopmentEmulator=true";
    let emulator = ConnectionString::parse(emulator).unwrap();
    assert_eq!((emulator.settings().namespace.as_str(), emulator.settings().is_emulator), ("localhost:5673", true));
    assert_eq!(format!("{emulator:?}"), "the key r of localhost:5673");
}

#[test]
fn a_connection_string_that_leads_nowhere_is_said_without_its_key() {
    let wrong = [
        ("SharedAccessKeyName=n;SharedAccessKey=s3cr3t", "has no Endpoint"),
        ("Endpoint=sb://host/;SharedAccessKey=s3cr3t", "has no SharedAccessKeyName"),
        ("Endpoint=sb://host/;SharedAccessKeyName=n;SharedAccessKey=", "has no SharedAccessKey"),
        ("Endpoint=https://host/;SharedAccessKeyName=n;SharedAccessKey=s3cr3t", "does not look like sb://host/"),
        ("Endpoint=sb://host/;SharedAccessKeyName=n;SharedAccessKey=s3cr3t;EntityPath=q", "of one queue alone"),
        ("s3cr3t", "has no Endpoint"),
    ];
    for (text, why) in wrong {
        let error = ConnectionString::parse(text).unwrap_err().to_string();
        assert!(error.contains(why) && !error.contains("s3cr3t"), "{error}");
    }
}

fn smallest() -> ServiceBusSettings {
    serde_json::from_str(r#"{"namespace": "contoso.servicebus.windows.net"}"#).unwrap()
}
