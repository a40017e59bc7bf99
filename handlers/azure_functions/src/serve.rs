//! Where the handler listens.

use std::{env, future::Future, io, net::Ipv4Addr};

use axum::{ServiceExt, serve::ListenerExt};
use tokio::net::TcpListener;
use tracing::warn;

use crate::router::Functions;

/// The port for a run without a host. Not 7071, which is where the host itself listens.
pub const DEFAULT_PORT: u16 = 7072;

/// The names under which the host tells the port, the current one first.
const NAMES: [&str; 2] = ["FUNCTIONS_CUSTOMHANDLER_PORT", "FUNCTIONS_HTTPWORKER_PORT"];

/// The environment holds something that is not a port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` in the environment variable `{name}` is not a port")]
pub struct InvalidPort {
    name: &'static str,
    value: String,
}

/// Returns the port that the host has chosen, or [`DEFAULT_PORT`] without a host.
///
/// # Errors
///
/// When the variable is set to something else than a port: on another port the host would never find the handler.
pub fn port_from_environment() -> Result<u16, InvalidPort> {
    port_from(|name| env::var(name).ok())
}

/// Listens on the one address at which the host looks, 127.0.0.1; nobody else's business is there.
///
/// Do it when everything is ready: the first answer opens the gates for all triggers.
///
/// # Errors
///
/// When the port is taken, or not ours to take.
pub async fn bind(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}

pub(crate) async fn serve(
    listener: TcpListener,
    functions: Functions,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    // Answers are small, and Nagle's algorithm would hold them back.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            warn!("Could not set TCP_NODELAY: {error}");
        }
    });
    axum::serve(listener, functions.into_make_service()).with_graceful_shutdown(stop).await
}

fn port_from(variable: impl Fn(&str) -> Option<String>) -> Result<u16, InvalidPort> {
    for name in NAMES {
        if let Some(value) = variable(name).filter(|value| !value.is_empty()) {
            return value.parse().map_err(|_| InvalidPort { name, value });
        }
    }
    Ok(DEFAULT_PORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_name_of_the_port_goes_before_the_old_one() {
        let with = |set: &'static [(&str, &str)]| {
            port_from(|name| {
                let mut set = set.iter();
                set.find_map(|(key, value)| (*key == name).then(|| (*value).to_owned()))
            })
        };
        assert_eq!(with(&[]), Ok(DEFAULT_PORT));
        assert_eq!(with(&[(NAMES[1], "5001")]), Ok(5001));
        assert_eq!(with(&[(NAMES[1], "5001"), (NAMES[0], "5000")]), Ok(5000));
        assert_eq!(with(&[(NAMES[0], ""), (NAMES[1], "5001")]), Ok(5001));
        assert_eq!(
            with(&[(NAMES[0], "http")]).unwrap_err().to_string(),
            "`http` in the environment variable `FUNCTIONS_CUSTOMHANDLER_PORT` is not a port"
        );
    }
}
