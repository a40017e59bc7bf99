//! The files that the host reads: `function.json` and `host.json`.

use std::{fs, time::Duration};

use azure_functions::{
    AuthLevel, Binding, Function, FunctionName, FunctionTimeout, HostJson, Output, TimeSpan, Trigger, read_functions,
};
use serde_json::{Value, json};

#[test]
fn each_trigger_is_rendered_in_its_one_form_and_read_back() {
    for (function, bindings) in [
        (
            function("train", queue()),
            json!([{"type": "serviceBusTrigger", "direction": "in", "name": "message", "queueName": "train",
                "connection": "SERVICEBUS", "dataType": "binary"}]),
        ),
        (
            function("events", Trigger::EventGrid),
            json!([{"type": "eventGridTrigger", "direction": "in", "name": "event"}]),
        ),
        (
            function("approvals", http()),
            json!([{"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "function",
                "methods": ["get", "post"], "route": "approvals/{runId}"},
                {"type": "http", "direction": "out", "name": "res"}]),
        ),
        (
            function("deadlines", Trigger::Timer { schedule: "0 */5 * * * *".into() }),
            json!([{"type": "timerTrigger", "direction": "in", "name": "timer", "schedule": "0 */5 * * * *"}]),
        ),
    ] {
        let file = function.to_json();
        assert_eq!(serde_json::from_str::<Value>(&file).unwrap(), json!({ "bindings": bindings }));
        let read = Function::from_json(function.name.as_ref(), &file).unwrap();
        assert_eq!(read, function);
        assert_eq!(read.to_json(), file);
    }
}

#[test]
fn a_rendered_file_reads_well() {
    let expected = r#"{
  "bindings": [
    {
      "type": "serviceBusTrigger",
      "direction": "in",
      "name": "message",
      "queueName": "train",
      "connection": "SERVICEBUS",
      "dataType": "binary"
    }
  ]
}
"#;
    assert_eq!(function("train", queue()).to_json(), expected);
}

#[test]
fn a_file_written_by_hand_is_read_with_the_hosts_defaults() {
    let file = r#"{"disabled": false, "bindings": [
        {"type": "HTTPTRIGGER", "name": "request", "webHookType": ""},
        {"type": "http", "direction": "out", "name": "$return"}]}"#;
    let read = Function::from_json("Approvals", file).unwrap();
    let trigger = Trigger::Http { methods: Vec::new(), route: None, auth_level: AuthLevel::Function };
    assert_eq!(read.trigger(), Some(("request", &trigger)));
    let output = Binding::Output { name: "$return".into(), output: Output::Http };
    assert_eq!(read.bindings[1], output);
}

#[test]
fn what_cannot_be_done_is_said() {
    let bus = r#""type":"serviceBusTrigger","name":"m","queueName":"q","connection":"c""#;
    for (bindings, error) in [
        (r#"{"type":"blobTrigger","name":"b"}"#.to_owned(), "function `f`: the binding `blobTrigger` is not supported"),
        (format!("{{{bus}}}"), "function `f`: a `serviceBusTrigger` without `dataType: \"binary\"` is not supported"),
        (
            format!(r#"{{{bus},"dataType":"binary","cardinality":"many"}}"#),
            "function `f`: `cardinality: \"many\"` is not supported",
        ),
        (
            format!(r#"{{{bus},"dataType":"binary","isSessionsEnabled":true}}"#),
            "function `f`: `isSessionsEnabled: true` is not supported",
        ),
        (
            r#"{"type":"timerTrigger","name":"t"}"#.to_owned(),
            "function `f`: a `timerTrigger` without `schedule` is not supported",
        ),
        (
            r#"{"type":"httpTrigger","name":"r","authLevel":"root"}"#.to_owned(),
            "function `f`: `authLevel: \"root\"` is not supported",
        ),
        (r#"{"type":"http","name":"res"}"#.to_owned(), "function `f` has 0 triggers instead of one"),
        (
            r#"{"type":"eventGridTrigger"},{"type":"eventGridTrigger"}"#.to_owned(),
            "function `f` has 2 triggers instead of one",
        ),
    ] {
        let file = format!(r#"{{"bindings":[{bindings}]}}"#);
        assert_eq!(Function::from_json("f", &file).unwrap_err().to_string(), error);
    }
    let error = Function::from_json("f", "{}").unwrap_err().to_string();
    assert!(error.starts_with("function `f`: missing field `bindings`"), "{error}");
}

#[test]
fn names_follow_the_hosts_rule() {
    for name in ["a", "Train", "train-2_b", &*"x".repeat(128), "hosts"] {
        assert_eq!(name.parse::<FunctionName>().unwrap().to_string(), name);
    }
    for name in ["", "1a", "-a", "_a", "a.b", "a/b", "ä", "host", "HOST", &*"x".repeat(129)] {
        assert!(name.parse::<FunctionName>().is_err(), "{name}");
    }
}

#[test]
fn the_functions_of_an_app_are_the_folders_beside_host_json() {
    let app = tempfile::tempdir().unwrap();
    for function in [function("train", queue()), function("approvals", http())] {
        let folder = app.path().join(function.name.as_ref());
        fs::create_dir_all(folder.join("deeper")).unwrap();
        fs::write(folder.join("function.json"), function.to_json()).unwrap();
        fs::write(folder.join("deeper/function.json"), "{}").unwrap();
    }
    fs::create_dir(app.path().join("no function")).unwrap();
    fs::write(app.path().join("host.json"), HostJson::new("trainyard").to_json()).unwrap();

    let read = read_functions(app.path()).unwrap();

    assert_eq!(read, [function("approvals", http()), function("train", queue())]);
}

#[test]
fn host_json_is_rendered_and_read_back() {
    let mut host = HostJson::new("trainyard");
    host.custom_handler.description.arguments = vec!["handler".into()];
    host.custom_handler.initialization_timeout = Some(TimeSpan(Duration::from_secs(60)));
    host.function_timeout = Some(FunctionTimeout::After(Duration::from_secs(600)));
    host.extensions.http.route_prefix = Some(String::new());
    host.extensions.service_bus.insert("maxConcurrentCalls".into(), 16.into());
    let file = host.to_json();
    assert_eq!(
        serde_json::from_str::<Value>(&file).unwrap(),
        json!({
            "version": "2.0",
            "customHandler": {
                "description": {"defaultExecutablePath": "trainyard", "arguments": ["handler"]},
                "initializationTimeout": "00:01:00",
            },
            "functionTimeout": "00:10:00",
            "extensions": {"http": {"routePrefix": ""}, "serviceBus": {"maxConcurrentCalls": 16}},
            "extensionBundle": {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"},
        })
    );
    assert_eq!(HostJson::from_json(&file).unwrap(), host);
    assert_eq!(host.route_prefix(), "");
}

#[test]
fn a_host_json_written_by_hand_loses_nothing() {
    let file = json!({
        "version": "2.0",
        "logging": {"logLevel": {"default": "Information"}},
        "functionTimeout": "-1",
        "customHandler": {
            "description": {"defaultExecutablePath": "x", "workingDirectory": "y"},
            "enableForwardingHttpRequest": true,
            "port": 9000,
        },
        "extensions": {"http": {"maxConcurrentRequests": 5}, "queues": {"batchSize": 1}},
        "extensionBundle": {"id": "B", "version": "[1, 2)", "downloadPath": "z"},
    });
    let host = HostJson::from_json(&file.to_string()).unwrap();
    assert_eq!(host.function_timeout, Some(FunctionTimeout::Never));
    assert!(host.custom_handler.enable_forwarding_http_request);
    assert_eq!(host.route_prefix(), "api");
    assert_eq!(serde_json::from_str::<Value>(&host.to_json()).unwrap(), file);
    for file in ["{}", r#"{"version":"2.0","customHandler":{"description":{}}}"#] {
        assert!(HostJson::from_json(file).is_err(), "{file}");
    }
}

fn function(name: &str, trigger: Trigger) -> Function {
    Function::new(name, trigger).unwrap()
}

fn queue() -> Trigger {
    Trigger::ServiceBusQueue { queue: "train".into(), connection: "SERVICEBUS".into() }
}

fn http() -> Trigger {
    Trigger::Http {
        methods: vec!["get".into(), "post".into()],
        route: Some("approvals/{runId}".into()),
        auth_level: AuthLevel::Function,
    }
}
