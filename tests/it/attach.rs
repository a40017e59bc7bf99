//! `trainyard up --handler-port`: the host works with a handler that somebody else starts, for instance in a debugger.

use rustix::process::Signal;

use crate::support::{Handler, Machine, eventually, free_port, json, signal};

#[test]
fn a_rehearsal_goes_through_a_handler_that_was_started_by_hand() {
    let machine = Machine::prepare(&[]);
    let port = free_port();
    machine.begin(&["--handler-port", &port.to_string()]);
    eventually("the host says what it waits for", || machine.host_log().contains("trainyard handler").then_some(()));
    assert!(machine.host_log().contains(&format!("FUNCTIONS_CUSTOMHANDLER_PORT={port}")), "{}", machine.host_log());
    assert_eq!(machine.status()["handler"], json!({"state": "starting", "pid": null, "port": port}));

    let _handler = Handler::start(&machine, port);

    machine.until_up();
    machine.rehearsed(&machine.rehearse());
    assert_eq!(machine.status()["handler"], json!({"state": "ready", "pid": null, "port": port}));
}

#[test]
fn a_handler_that_is_ended_and_started_again_in_between_is_waited_for() {
    let machine = Machine::prepare(&[]);
    let port = free_port();
    machine.begin(&["--handler-port", &port.to_string()]);
    let handler = Handler::start(&machine, port);
    machine.until_up();
    machine.rehearsed(&machine.rehearse());

    drop(handler);
    eventually("the host has noticed", || (machine.status()["handler"]["state"] == "starting").then_some(()));
    assert_eq!(machine.status()["state"], "Starting");
    let _handler = Handler::start(&machine, port);

    machine.until_up();
    machine.rehearsed(&machine.rehearse());
}

#[test]
fn a_handler_that_is_killed_in_the_middle_of_a_call_is_called_again_when_it_is_back() {
    let machine = Machine::prepare(&[]);
    let port = free_port();
    machine.begin(&["--handler-port", &port.to_string()]);
    let handler = Handler::start(&machine, port);
    machine.until_up();
    let run = machine.rehearse();
    // Whatever the run is at now stays in the handler's hands until it dies.
    signal(handler.process(), Signal::STOP);
    drop(handler);

    let _handler = Handler::start(&machine, port);

    machine.until_up();
    machine.rehearsed(&run);
}

#[test]
fn a_handler_in_a_debugger_finds_a_host_that_was_started_again() {
    let machine = Machine::prepare(&[]);
    let port = free_port();
    let arguments = ["--handler-port", &port.to_string()];
    machine.begin(&arguments);
    let handler = Handler::start(&machine, port);
    machine.until_up();
    machine.rehearsed(&machine.rehearse());

    machine.down();
    machine.begin(&arguments);
    machine.until_up();
    machine.rehearsed(&machine.rehearse());
    machine.kill();
    machine.begin(&arguments);
    machine.until_up();

    machine.rehearsed(&machine.rehearse());
    drop(handler);
}
