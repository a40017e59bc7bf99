//! The handler must not outlive its host.
//!
//! A host that is killed cannot kill its handler. So the handler's stdin is a pipe whose other end only the host
//! holds, and the system closes that end with the host, however it ends. The host in Azure redirects no stdin; hence
//! the variable, without which the handler leaves stdin alone.

use std::io::Read;

/// The variable that says that stdin is such a pipe.
pub const HOST_PIPE: &str = "TRAINYARD_HOST_PIPE";

/// How a handler ends whose host has gone. Nobody is left to read it.
const EXIT_CODE: i32 = 3;

/// Ends this process as soon as its host has gone, if the host is one that says so; otherwise does nothing.
///
/// Call it once, early, in a handler. It ends as suddenly as a kill would: every step must bear that anyway.
pub fn watch_parent() {
    if std::env::var(HOST_PIPE).as_deref() != Ok("1") {
        return;
    }
    let watch = || {
        let mut buffer = [0; 64];
        let mut pipe = std::io::stdin().lock();
        // The host writes nothing. An error means as much as the end.
        while matches!(pipe.read(&mut buffer), Ok(1..)) {}
        std::process::exit(EXIT_CODE);
    };
    let thread = std::thread::Builder::new().name("host watch".into()).spawn(watch);
    if let Err(error) = thread {
        tracing::warn!("The handler cannot watch its host, and would outlive a killed one: {error}");
    }
}
