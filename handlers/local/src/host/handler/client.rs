//! Pooled connections to the handler: HTTP/1.1, kept alive, one request at a time on each.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use azure_functions::StatusCode;
use azure_functions::host::HOST_VERSION;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use uuid::Uuid;

/// The largest answer that is read. A larger one is a mistake.
const ANSWER_LIMIT: usize = 256 << 20;

type Sender = SendRequest<Full<Bytes>>;
type Failed = Box<dyn std::error::Error + Send + Sync>;

/// The way to the handler.
pub(crate) struct Client {
    address: SocketAddr,
    host: HeaderValue,
    version: HeaderValue,
    agent: HeaderValue,
    /// The one used last is used next, so that those which a peak needed grow old at the bottom.
    idle: Mutex<Vec<Sender>>,
}

/// What came back.
pub(crate) struct Response {
    pub status: StatusCode,
    headers: HeaderMap,
    pub body: Bytes,
}

impl Response {
    pub fn content_type(&self) -> Option<&str> {
        self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok())
    }
}

impl Client {
    pub fn new(port: u16) -> Self {
        let value = |text: String| HeaderValue::from_str(&text).expect("digits, letters and marks are a header");
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            host: value(format!("127.0.0.1:{port}")),
            version: value(HOST_VERSION.to_owned()),
            agent: value(format!("Azure-Functions-Host/{HOST_VERSION}")),
            idle: Mutex::default(),
        }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Sends an invocation. It is never sent twice: the handler may have begun when the connection broke.
    pub async fn invoke(&self, function: Uri, id: Uuid, body: String) -> Result<Response, Failed> {
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = function;
        let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
        let id = HeaderValue::from_str(id.as_hyphenated().encode_lower(&mut buffer))?;
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        headers.insert("x-azure-functions-hostversion", self.version.clone());
        headers.insert("x-azure-functions-invocationid", id);
        headers.insert(USER_AGENT, self.agent.clone());
        self.send(request).await
    }

    /// Asks whether anybody is there. Any answer means yes.
    pub async fn probe(&self) -> Result<(), Failed> {
        let mut request = Request::new(Full::default());
        request.headers_mut().insert(HOST, self.host.clone());
        self.send(request).await.map(drop)
    }

    /// Holds a connection of its own until the handler closes it, or is not there any more.
    pub async fn until_closed(&self) {
        let Ok(stream) = TcpStream::connect(self.address).await else {
            return;
        };
        let Ok((mut sender, connection)) = handshake(TokioIo::new(stream)).await else {
            return;
        };
        let mut request = Request::new(Full::<Bytes>::default());
        request.headers_mut().insert(HOST, self.host.clone());
        let hold = async {
            // A server may close a connection on which nobody asks anything.
            if let Ok(response) = sender.send_request(request).await {
                drop(response.into_body().collect().await);
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            _ = connection => {}
            () = hold => {}
        }
    }

    async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Response, Failed> {
        loop {
            let (mut sender, is_new) = match self.idle_connection().await {
                Some(sender) => (sender, false),
                None => (self.connect().await?, true),
            };
            let response = match sender.try_send_request(request).await {
                Ok(response) => response,
                Err(mut error) => match error.take_message() {
                    // The handler closed an idle connection just now, and has seen nothing of the request.
                    Some(unsent) if !is_new => {
                        request = unsent;
                        continue;
                    }
                    _ => return Err(error.into_error().into()),
                },
            };
            let (head, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_LIMIT).collect().await?.to_bytes();
            self.idle().push(sender);
            return Ok(Response { status: head.status, headers: head.headers, body });
        }
    }

    async fn idle_connection(&self) -> Option<Sender> {
        loop {
            let mut sender = self.idle().pop()?;
            if sender.is_ready() || (!sender.is_closed() && sender.ready().await.is_ok()) {
                return Some(sender);
            }
        }
    }

    async fn connect(&self) -> Result<Sender, Failed> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Whoever waits for an answer hears how it ended.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Sender>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
