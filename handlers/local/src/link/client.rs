//! Dials the host, and dials again when the connection is lost.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use runner::ports::{PortError, Ports, Result as PortResult};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

use super::connection::Connection;
use super::frame::{self, FRAME_MAX, OK};
use super::method::Method;
use super::socket::Socket;
use super::{BACKEND, Hello, VERSION, Welcome, remote};

/// The host is on the same machine: who does not answer within this time will not.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Nobody is there.
    #[error("the host at {} cannot be reached: {reason}; is `trainyard up` running?", address.display())]
    Unreachable {
        /// Where it should be.
        address: PathBuf,
        /// What was seen.
        reason: String,
    },
    /// The host is there and says no.
    #[error("the host at {} refuses: {reason}", address.display())]
    Refused {
        /// Where it is.
        address: PathBuf,
        /// What it says.
        reason: String,
    },
}

/// Connects to the ports that a host [serves](super::serve). The connection is made again when it is lost.
///
/// # Errors
///
/// The host cannot be reached, or refuses the token or the version.
pub async fn connect(address: impl Into<PathBuf>, token: impl Into<String>) -> Result<Ports, LinkError> {
    let (address, token) = (address.into(), token.into());
    let (connection, welcome) = dial(&address, &token).await?;
    let link = Arc::new(Link {
        address,
        token,
        is_atomic: AtomicBool::new(welcome.is_atomic),
        current: Mutex::new(Arc::new(connection)),
        dialing: tokio::sync::Mutex::new(()),
    });
    Ok(remote::ports(&link, welcome.names))
}

/// The way to the host, whichever connection it is at the moment.
pub(super) struct Link {
    address: PathBuf,
    token: String,
    is_atomic: AtomicBool,
    current: Mutex<Arc<Connection>>,
    /// Held by the one that dials; the others wait for its connection.
    dialing: tokio::sync::Mutex<()>,
}

impl Link {
    /// Calls a method of the host's ports.
    pub async fn call<A: Serialize, T: DeserializeOwned>(&self, method: Method, args: A) -> PortResult<T> {
        let mut connection = self.current();
        if !connection.is_alive() {
            connection = self.renew().await?;
        }
        connection.call(method, &args).await
    }

    /// Whether the host's ledger is atomic.
    pub fn is_atomic(&self) -> bool {
        self.is_atomic.load(Ordering::Relaxed)
    }

    fn current(&self) -> Arc<Connection> {
        let current = self.current.lock();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn renew(&self) -> PortResult<Arc<Connection>> {
        let _dialing = self.dialing.lock().await;
        let current = self.current();
        if current.is_alive() {
            return Ok(current);
        }
        // Also a refusal is worth another try: a host that starts again has a handler of its own.
        let (connection, welcome) =
            dial(&self.address, &self.token).await.map_err(|error| PortError::transient(BACKEND, error))?;
        tracing::info!("Connected to the host at {} again", self.address.display());
        self.is_atomic.store(welcome.is_atomic, Ordering::Relaxed);
        let connection = Arc::new(connection);
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        *current = connection.clone();
        Ok(connection)
    }
}

async fn dial(address: &Path, token: &str) -> Result<(Connection, Welcome), LinkError> {
    let unreachable = |reason: String| LinkError::Unreachable { address: address.to_owned(), reason };
    match tokio::time::timeout(PATIENCE, shake_hands(address, token)).await {
        Ok(Ok(Ok(connected))) => Ok(connected),
        Ok(Ok(Err(reason))) => Err(LinkError::Refused { address: address.to_owned(), reason }),
        Ok(Err(error)) => Err(unreachable(error.to_string())),
        Err(_) => Err(unreachable(format!("no answer in {PATIENCE:?}"))),
    }
}

/// The outer error: the connection. The inner one: what the host says against us.
async fn shake_hands(address: &Path, token: &str) -> std::io::Result<Result<(Connection, Welcome), String>> {
    let socket = Socket::new(UnixStream::connect(address).await?)?;
    let hello = Hello { version: VERSION, token: token.into() };
    let hello = frame::encode(0, OK, &hello).map_err(std::io::Error::other)?;
    socket.write_all(&hello).await?;

    let mut inbox = BytesMut::with_capacity(16 << 10);
    let answer = loop {
        if let Some(answer) = frame::split(&mut inbox, FRAME_MAX).map_err(std::io::Error::other)? {
            break answer;
        }
        if (&socket).read_buf(&mut inbox).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    };
    if answer.kind != OK {
        let reason = frame::decode(&answer.body).map_err(std::io::Error::other)?;
        return Ok(Err(reason));
    }
    let welcome = frame::decode(&answer.body).map_err(std::io::Error::other)?;
    Ok(Ok((Connection::start(socket, inbox), welcome)))
}
