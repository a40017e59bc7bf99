//! The caller's end of one connection: many calls in flight, one stream of frames each way.
//!
//! A call that is nearly alone writes its frame itself, which saves two switches between tasks. Where many are in
//! flight, frames gather in a buffer and one task writes them together, which saves system calls.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use runner::ports::{PortError, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use super::BACKEND;
use super::frame::{self, FRAME_MAX, Frame, OK};
use super::method::Method;
use super::socket::Socket;

/// With at most so many calls in flight, each writes its own frame.
const FEW: usize = 4;

/// A live connection. Dropping it ends its tasks.
pub(super) struct Connection {
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

struct Shared {
    socket: Socket,
    last: AtomicU64,
    state: Mutex<State>,
    /// Tells the writing task that there is something in the buffer.
    filled: Notify,
}

#[derive(Default)]
struct State {
    waiting: HashMap<u64, oneshot::Sender<Frame>>,
    buffer: Vec<u8>,
    /// The writing task is in the middle of a buffer: nobody else may write.
    writing: bool,
    lost: Option<String>,
}

impl Connection {
    /// Takes over a connection after its handshake. `rest` is what was read past it.
    pub fn start(socket: Socket, rest: BytesMut) -> Self {
        let shared =
            Arc::new(Shared { socket, last: AtomicU64::new(0), state: Mutex::default(), filled: Notify::new() });
        let mut tasks = JoinSet::new();
        tasks.spawn(read(rest, shared.clone()));
        tasks.spawn(write(shared.clone()));
        Self { shared, _tasks: tasks }
    }

    /// Whether it is worth another call.
    pub fn is_alive(&self) -> bool {
        self.shared.state().lost.is_none()
    }

    /// Calls a method and waits for its answer.
    pub async fn call<A: Serialize, T: DeserializeOwned>(&self, method: Method, args: &A) -> Result<T> {
        let number = self.shared.last.fetch_add(1, Ordering::Relaxed) + 1;
        let call = frame::encode(number, method as u8, args).map_err(|error| {
            let reason = format!("{} cannot be called: {error}", method.name());
            PortError::permanent(BACKEND, reason)
        })?;
        let answer = self.shared.send(number, &call)?;
        let answer = answer.await.map_err(|_| self.shared.lost(method))?;
        let unreadable = |error| {
            let reason = format!("the answer to {} cannot be read: {error}", method.name());
            PortError::permanent(BACKEND, reason)
        };
        if answer.kind == OK {
            frame::decode(&answer.body).map_err(unreadable)
        } else {
            Err(frame::decode(&answer.body).map_err(unreadable)?)
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a frame on its way.
    fn send(&self, number: u64, call: &[u8]) -> Result<oneshot::Receiver<Frame>> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.state();
        if let Some(reason) = &state.lost {
            return Err(PortError::transient(BACKEND, reason));
        }
        state.waiting.insert(number, sender);
        let idle = state.buffer.is_empty() && !state.writing;
        let mut written = 0;
        if idle && state.waiting.len() <= FEW {
            // What is wrong with the connection, if anything, the tasks will find out as well.
            written = self.socket.try_write(call).unwrap_or(0);
        }
        state.buffer.extend_from_slice(&call[written..]);
        let wake = idle && !state.buffer.is_empty();
        drop(state);
        if wake {
            self.filled.notify_one();
        }
        Ok(receiver)
    }

    /// Ends the connection for everybody who waits.
    fn lose(&self, reason: &str) {
        let mut state = self.state();
        if state.lost.is_none() {
            state.lost = Some(format!(
                "the connection to the host is lost: {reason}; whether the call was performed is not known, try again"
            ));
        }
        let waiting = std::mem::take(&mut state.waiting);
        state.buffer = Vec::new();
        drop(state);
        drop(waiting);
    }

    fn lost(&self, method: Method) -> PortError {
        let state = self.state();
        let reason = state.lost.as_deref().unwrap_or("the call was dropped");
        PortError::transient(BACKEND, format_args!("{}: {reason}", method.name()))
    }
}

/// Hands answers to those who wait for them, until the connection is lost.
async fn read(mut inbox: BytesMut, shared: Arc<Shared>) {
    let reason = read_all(&mut inbox, &shared).await;
    shared.lose(&reason);
}

async fn read_all(inbox: &mut BytesMut, shared: &Shared) -> String {
    use tokio::io::AsyncReadExt;

    let mut arrived = Vec::new();
    loop {
        {
            let mut state = shared.state();
            loop {
                match frame::split(inbox, FRAME_MAX) {
                    Ok(Some(frame)) => {
                        if let Some(sender) = state.waiting.remove(&frame.number) {
                            arrived.push((sender, frame));
                        }
                    }
                    Ok(None) => break,
                    Err(error) => return format!("what it sent is no answer: {error}"),
                }
            }
        }
        for (sender, frame) in arrived.drain(..) {
            // Whoever asked may have gone.
            let _ = sender.send(frame);
        }
        inbox.reserve(8 << 10);
        match (&shared.socket).read_buf(inbox).await {
            Ok(0) => return "the host has closed it".into(),
            Ok(_) => {}
            Err(error) => return error.to_string(),
        }
    }
}

/// Writes what gathers in the buffer.
async fn write(shared: Arc<Shared>) {
    let mut buffer = Vec::new();
    loop {
        shared.filled.notified().await;
        // Others that are about to call get to add their frames.
        tokio::task::yield_now().await;
        loop {
            {
                let mut state = shared.state();
                state.writing = !state.buffer.is_empty();
                if !state.writing {
                    break;
                }
                std::mem::swap(&mut state.buffer, &mut buffer);
            }
            if let Err(error) = shared.socket.write_all(&buffer).await {
                return shared.lose(&error.to_string());
            }
            buffer.clear();
            // One large artifact is no reason to hold its memory for good.
            buffer.shrink_to(1 << 20);
        }
    }
}
