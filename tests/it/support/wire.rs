//! HTTP as the Functions host speaks it to a handler: bytes on a connection.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// A handler that says nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a body is: said before it, or piece by piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// `Content-Length`, as the host does it for small bodies.
    Length,
    /// `Transfer-Encoding: chunked`, as it does it for all others.
    Chunked,
}

/// Posts a body to a function of the handler on this port; answers the status and the body.
#[track_caller]
pub fn invoke(port: u16, function: &str, body: &str, framing: Framing) -> (u16, Value) {
    let length = match framing {
        Framing::Length => format!("Content-Length: {}", body.len()),
        Framing::Chunked => "Transfer-Encoding: chunked".to_owned(),
    };
    let mut request = format!(
        "POST /{function} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json; charset=utf-8\r\n\
         X-Azure-Functions-InvocationId: 5a69b8b4-36bf-564d-80dd-be5884a7e757\r\nConnection: close\r\n{length}\r\n\r\n"
    )
    .into_bytes();
    match framing {
        Framing::Length => request.extend(body.as_bytes()),
        Framing::Chunked => {
            for piece in body.as_bytes().chunks(1000) {
                request.extend(format!("{:x}\r\n", piece.len()).bytes());
                request.extend(piece);
                request.extend(b"\r\n");
            }
            request.extend(b"0\r\n\r\n");
        }
    }
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap_or_else(|error| panic!("{function} does not answer: {error}"));

    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("an answer has a status");
    assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "the host may not take it: {head}");
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}
