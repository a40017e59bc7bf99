//! A handler that the test starts, as somebody with a debugger does.

use std::net::Ipv4Addr;
use std::process::{Child, Stdio};

use reqwest::Method;

use super::{Machine, ask, eventually};

/// A handler's process. Killed when it is dropped.
#[derive(Debug)]
pub struct Handler {
    child: Child,
}

impl Handler {
    /// Starts one on this port, for the host of this machine, and waits until it answers.
    pub fn start(machine: &Machine, port: u16) -> Self {
        // A host that has just begun has not said yet where its backends are.
        eventually("the host says where its backends are", || machine.home().join("link.json").exists().then_some(()));
        let mut handler = Self::spawn(machine, port);
        let url = format!("http://{}:{port}/", Ipv4Addr::LOCALHOST);
        eventually("the handler answers", || {
            if handler.child.try_wait().unwrap().is_some() {
                handler = Self::spawn(machine, port);
            }
            ask(Method::GET, &url, None).ok()
        });
        handler
    }

    fn spawn(machine: &Machine, port: u16) -> Self {
        let mut command = machine.command(&["handler"]);
        command.env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self { child: command.spawn().unwrap() }
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
