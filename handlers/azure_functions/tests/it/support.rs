//! A small host: raw HTTP/1.1 over TCP, and the golden invocations.

use std::{fs, path::Path};

use azure_functions::{Invocation, Router, bind};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// How the body's length is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// As in Azure.
    Chunked,
    /// As under core tools.
    Sized,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// A connection to a handler that serves until the test ends.
pub(crate) struct Host(TcpStream);

impl Host {
    pub(crate) async fn start(router: Router) -> Self {
        let listener = bind(0).await.unwrap();
        let address = listener.local_addr().unwrap();
        assert!(address.ip().is_loopback());
        tokio::spawn(router.serve(listener));
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, "", &[]).await
    }

    pub(crate) async fn invoke(&mut self, function: &str, body: &[u8], framing: Framing) -> Answer {
        let (length, body) = match framing {
            Framing::Sized => (format!("Content-Length: {}\r\n", body.len()), body.to_vec()),
            Framing::Chunked => ("Transfer-Encoding: chunked\r\n".to_owned(), chunked(body)),
        };
        let headers = format!(
            "X-Azure-Functions-HostVersion: 4.1052.200\r\n\
             X-Azure-Functions-InvocationId: 3a1c6f0e-6f5b-4a52-a4a3-0b7d4a0f9c11\r\n\
             User-Agent: Azure-Functions-Host/4.1052.200\r\n{length}\
             Content-Type: application/json; charset=utf-8\r\n"
        );
        self.send("POST", &format!("/{function}"), &headers, &body).await
    }

    pub(crate) async fn send(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n");
        self.0.write_all(head.as_bytes()).await.unwrap();
        self.0.write_all(body).await.unwrap();
        self.answer().await
    }

    async fn answer(&mut self) -> Answer {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            assert_ne!(self.0.read_buf(&mut bytes).await.unwrap(), 0, "the handler hung up");
        };
        let head = str::from_utf8(&bytes[..end]).unwrap().to_ascii_lowercase();
        let length = head.split_once("content-length: ").unwrap().1;
        let length: usize = length.split_once("\r\n").unwrap().0.parse().unwrap();
        let mut body = bytes.split_off(end);
        while body.len() < length {
            assert_ne!(self.0.read_buf(&mut body).await.unwrap(), 0, "the handler hung up");
        }
        let status = head["http/1.1 ".len()..][..3].parse().unwrap();
        Answer { status, head, body }
    }
}

impl Answer {
    /// Asserts that the host can read the answer, and returns it.
    pub(crate) fn object(&self) -> Value {
        assert!(self.head.contains("content-type: application/json\r\n"), "{}", self.head);
        assert!(!(300..400).contains(&self.status) && self.status != 204);
        let answer: Value = serde_json::from_slice(&self.body).unwrap();
        assert!(answer.is_object(), "{answer}");
        if self.status == 200 {
            let is_list = |value: &Value| value.is_array();
            assert!(answer.get("Outputs").is_none_or(Value::is_object));
            assert!(answer.get("Logs").is_none_or(is_list));
        }
        answer
    }
}

/// Cuts a body in chunks that end in the middle of everything.
fn chunked(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in body.chunks(701) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    fs::read(fixtures.join(name).with_extension("json")).unwrap()
}

pub(crate) fn invocation(name: &str) -> Invocation {
    Invocation::parse("f", "", fixture(name)).unwrap()
}

/// The names of all invocations among the fixtures.
pub(crate) fn invocations() -> Vec<String> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let files = fs::read_dir(fixtures).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let json = paths.filter(|path| path.extension().is_some_and(|it| it == "json"));
    let names = json.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
    names.filter(|name| !name.starts_with("response-")).collect()
}
