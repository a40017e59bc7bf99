//! A Unix socket whose writer is left alone.
//!
//! On Linux a Unix socket tells its writer each time its peer has read something, since there is more room now. Tokio's
//! own socket listens for that all the time, and so is woken for nothing twice a call. This one listens for what comes
//! in, and for room only while there is none.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, Interest, ReadBuf};
use tokio::net;

/// As much is read at once. What is read into is filled with zeros first.
const READ_MAX: usize = 64 << 10;

pub(super) struct Socket {
    stream: AsyncFd<UnixStream>,
}

impl Socket {
    /// Takes over a socket.
    pub fn new(stream: net::UnixStream) -> io::Result<Self> {
        Ok(Self { stream: listening(stream.into_std()?, Interest::READABLE)? })
    }

    /// Writes as much as there is room for.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.get_ref().write(bytes)
    }

    /// Waits for room.
    pub async fn writable(&self) -> io::Result<()> {
        // A handle of its own for this one wait: what is listened for cannot be changed.
        let stream = listening(self.stream.get_ref().try_clone()?, Interest::WRITABLE)?;
        stream.writable().await.map(drop)
    }

    /// Writes all of it.
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.try_write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl AsyncRead for &Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let room = buffer.remaining().min(READ_MAX);
        loop {
            let mut guard = ready!(self.stream.poll_read_ready(context))?;
            let bytes = buffer.initialize_unfilled_to(room);
            let Ok(read) = guard.try_io(|stream| stream.get_ref().read(bytes)) else {
                continue;
            };
            let read = read?;
            if read < room {
                // Nothing is left; asking once more would only say so.
                guard.clear_ready();
            }
            buffer.advance(read);
            return Poll::Ready(Ok(()));
        }
    }
}

#[expect(deprecated, reason = "what replaces it is unsafe, for the sake of types that change their descriptor")]
fn listening(stream: UnixStream, interest: Interest) -> io::Result<AsyncFd<UnixStream>> {
    AsyncFd::with_interest(stream, interest)
}
