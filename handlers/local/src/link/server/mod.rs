//! The host's end: lets callers in, performs their calls, answers in the order in which they are done.
//!
//! Calls of the store, the bus and the ledger are performed by the connection's own task, and the answers of all that
//! are done go out in one write. Other calls may take long and get a task each.

mod dispatch;

use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use runner::ports::Ports;
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::frame::{self, ERROR, FRAME_MAX, Frame, OK};
use super::method::Method;
use super::socket::Socket;
use super::{Hello, VERSION, Welcome};

/// A caller that has not said hello by then is none.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest hello.
const HELLO_MAX: usize = 4 << 10;
/// With so many calls under way on one connection, no more are read.
const CALLS_MAX: usize = 1024;
/// With so many bytes of answers that the caller does not read, no more calls are read.
const BACKLOG_MAX: usize = 4 << 20;

/// The longest path of a socket, in bytes: `sun_path` in unix(7), with its closing zero, on the systems that give it
/// the least room.
const PATH_MAX: usize = 103;

/// Where the socket of a home is: in it, or in the folder for temporary files if the path is too long for a socket's.
#[must_use]
pub fn place(home: &Path) -> PathBuf {
    let inside = home.join("link.sock");
    if inside.as_os_str().len() <= PATH_MAX {
        return inside;
    }
    let name: String =
        Sha256::digest(home.as_os_str().as_bytes())[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    std::env::temp_dir().join(format!("trainyard-{name}.sock"))
}

/// Listens on a socket that this user alone may connect to. One that an earlier host has left is removed.
///
/// # Errors
///
/// What the system says: the folder cannot be written, the path is too long.
pub fn listen(place: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(place) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(place)?;
    std::fs::set_permissions(place, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves the ports to callers that know the token, until this future is dropped; their connections end with it.
pub async fn serve(listener: UnixListener, token: String, ports: Ports) {
    let ports = Arc::new(ports);
    let token: Arc<str> = token.into();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let (ports, token) = (ports.clone(), token.clone());
                    connections.spawn(async move {
                        if let Err(error) = greet_and_serve(stream, &token, ports).await {
                            tracing::warn!("A connection to the ports ended: {error}");
                        }
                    });
                }
                Err(error) => {
                    // No more file descriptors, as a rule: those that are open must close first.
                    tracing::error!("The ports cannot take a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn greet_and_serve(stream: UnixStream, token: &str, ports: Arc<Ports>) -> io::Result<()> {
    let socket = Socket::new(stream)?;
    let mut inbox = BytesMut::with_capacity(16 << 10);
    let hello = tokio::time::timeout(PATIENCE, hello(&socket, &mut inbox)).await??;
    let (answer, refusal) = match check(&hello, token) {
        Ok(()) => (frame::encode(0, OK, &welcome(&ports)), None),
        Err(reason) => (frame::encode(0, ERROR, reason), Some(reason)),
    };
    socket.write_all(&answer.map_err(io::Error::other)?).await?;
    if let Some(reason) = refusal {
        return Err(io::Error::new(ErrorKind::PermissionDenied, reason));
    }
    converse(&socket, inbox, ports).await
}

async fn hello(mut socket: &Socket, inbox: &mut BytesMut) -> io::Result<Frame> {
    loop {
        if let Some(frame) = frame::split(inbox, HELLO_MAX).map_err(io::Error::other)? {
            return Ok(frame);
        }
        if socket.read_buf(inbox).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
}

fn check(hello: &Frame, token: &str) -> Result<(), &'static str> {
    let Ok(hello) = frame::decode::<Hello>(&hello.body) else {
        return Err("the first message is no hello; only `trainyard handler` is served here");
    };
    if !same(&hello.token, token) {
        return Err("the token is not the one of this host; start the handler through the host");
    }
    if hello.version != VERSION {
        return Err("host and handler speak different versions; use one binary for both");
    }
    Ok(())
}

/// Compares in a time that says nothing about where they differ, nor about their lengths.
fn same(told: &str, token: &str) -> bool {
    let (told, token) = (Sha256::digest(told), Sha256::digest(token));
    let difference = told.iter().zip(token).fold(0, |difference, (a, b)| std::hint::black_box(difference | (a ^ b)));
    difference == 0
}

fn welcome(ports: &Ports) -> Welcome {
    Welcome {
        is_atomic: ports.ledger.is_atomic(),
        names: [
            ports.store.to_string(),
            ports.bus.to_string(),
            ports.ledger.to_string(),
            ports.artifacts.to_string(),
            ports.source.to_string(),
            ports.jobs.to_string(),
            ports.models.to_string(),
            ports.images.to_string(),
            ports.deployments.to_string(),
        ],
    }
}

/// Performs calls until the caller goes.
async fn converse(socket: &Socket, mut inbox: BytesMut, ports: Arc<Ports>) -> io::Result<()> {
    let mut reader = socket;
    let mut quick = FuturesUnordered::new();
    let (done, mut slow_done) = mpsc::unbounded_channel();
    let mut slow = 0;
    let mut outbox = Outbox::default();
    loop {
        while quick.len() + slow < CALLS_MAX
            && let Some(call) = frame::split(&mut inbox, FRAME_MAX).map_err(io::Error::other)?
        {
            let method = Method::numbered(call.kind);
            let answer = dispatch::answer(ports.clone(), call);
            if method.is_none_or(Method::is_quick) {
                quick.push(answer);
            } else {
                // Not ended with the connection: what a platform has begun to do it had better finish.
                let done = done.clone();
                slow += 1;
                tokio::spawn(async move { done.send(answer.await) });
            }
        }
        while let Poll::Ready(Some(answer)) = futures::poll!(quick.next()) {
            outbox.bytes.extend_from_slice(&answer);
        }
        outbox.write(|bytes| socket.try_write(bytes))?;

        let room = quick.len() + slow < CALLS_MAX && outbox.bytes.len() < BACKLOG_MAX;
        inbox.reserve(8 << 10);
        tokio::select! {
            biased;
            Some(answer) = quick.next() => outbox.bytes.extend_from_slice(&answer),
            Some(answer) = slow_done.recv() => {
                slow -= 1;
                outbox.bytes.extend_from_slice(&answer);
            }
            read = reader.read_buf(&mut inbox), if room => {
                if read? == 0 {
                    return Ok(());
                }
            }
            writable = socket.writable(), if !outbox.bytes.is_empty() => writable?,
        }
    }
}

/// Answers that are not written yet.
#[derive(Default)]
struct Outbox {
    bytes: BytesMut,
}

impl Outbox {
    /// Writes as much as the connection takes now.
    fn write(&mut self, write: impl Fn(&[u8]) -> io::Result<usize>) -> io::Result<()> {
        while !self.bytes.is_empty() {
            match write(&self.bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => self.bytes.advance(written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
