//! The leanest caller there is: one connection that is kept, blocking reads and writes. What it costs is hardly seen.

use std::io::{self, Read, Write};
use std::net::TcpStream;

/// A kept connection.
pub struct Http {
    stream: TcpStream,
    port: u16,
    request: Vec<u8>,
    inbox: Vec<u8>,
}

impl Http {
    pub fn connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, port, request: Vec::new(), inbox: vec![0; 64 << 10] })
    }

    /// Asks, and answers the status and the body.
    pub fn ask(&mut self, method: &str, path: &str, body: &str) -> io::Result<(u16, &str)> {
        self.ask_with(method, path, "", body)
    }

    /// The same with more headers, each with its end of line.
    pub fn ask_with(&mut self, method: &str, path: &str, headers: &str, body: &str) -> io::Result<(u16, &str)> {
        let Self { stream, port, request, inbox } = self;
        request.clear();
        write!(
            request,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
             {headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        stream.write_all(request)?;
        let mut filled = 0;
        loop {
            if filled == inbox.len() {
                inbox.resize(2 * filled, 0);
            }
            let read = stream.read(&mut inbox[filled..])?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            if let Some((status, body)) = whole(&inbox[..filled])? {
                let body = std::str::from_utf8(&self.inbox[body..filled]).map_err(io::Error::other)?;
                return Ok((status, body));
            }
        }
    }
}

/// The status and where the body begins, once all of it is there.
fn whole(inbox: &[u8]) -> io::Result<Option<(u16, usize)>> {
    let Some(end) = inbox.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&inbox[..end]).map_err(io::Error::other)?;
    let status = head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let begin = end + 4;
    Ok((inbox.len() - begin >= length.unwrap_or(0)).then_some((status, begin)))
}
