//! From a request of the host to one of the registered functions, and back.
//!
//! What it sees to for every function: the answer is always one that the host can read, a panic fails one request and
//! not the process, and an invocation ends before the host loses patience (one invocation that runs into
//! `functionTimeout` makes the host kill the handler, and with it every other invocation).

use std::{
    any::Any,
    collections::HashMap,
    convert::Infallible,
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header::ALLOW},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::net::TcpListener;
use tower_service::Service;
use tracing::{Instrument, debug, error, info_span, warn};

use crate::{FunctionName, Invocation, Outcome, outcome::json_response, redact, serve};

/// The largest request that is read: 256 MiB.
///
/// axum's own limit of 2 MB is too small. The largest Service Bus message has 100 MB, which base64 makes 134 MB, and
/// which as text of text comes to about twice its size; the host itself takes HTTP bodies of up to 100 MB. What is
/// larger is a mistake, and should be an error rather than the end of the process.
pub const DEFAULT_BODY_LIMIT: usize = 256 * 1024 * 1024;

/// How long an invocation may take: 4 minutes 30, below the 5 minutes that `functionTimeout` is on Consumption.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(270);

const INVOCATION_ID: &str = "x-azure-functions-invocationid";

type Handler = Box<dyn Fn(Invocation) -> Pin<Box<dyn Future<Output = Outcome> + Send>> + Send + Sync>;

/// The functions of an app.
pub struct Router {
    functions: HashMap<Arc<str>, Entry>,
    deadline: Duration,
    body_limit: usize,
}

struct Entry {
    name: Arc<str>,
    handler: Handler,
    deadline: Option<Duration>,
}

impl Router {
    /// A router without functions, with [`DEFAULT_DEADLINE`] and [`DEFAULT_BODY_LIMIT`].
    pub fn new() -> Self {
        Self { functions: HashMap::new(), deadline: DEFAULT_DEADLINE, body_limit: DEFAULT_BODY_LIMIT }
    }

    /// Sets how long an invocation may take. Choose less than `functionTimeout`.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets how large a request may be.
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Adds a function.
    ///
    /// It answers an [`Outcome`], or a `Result` whose error makes the host try again. At the deadline, and when the
    /// host goes away, it is dropped at whichever `await` it stands.
    ///
    /// # Panics
    ///
    /// When the name is not one that the host allows, or is taken.
    #[must_use]
    pub fn function<F, Fut>(self, name: &str, function: F) -> Self
    where
        F: Fn(Invocation) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Into<Outcome>> + Send + 'static,
    {
        self.add(name, None, function)
    }

    /// Adds a function with a deadline of its own, as for Event Grid, which waits 30 seconds and then sends again.
    ///
    /// # Panics
    ///
    /// As [`Router::function`].
    #[must_use]
    pub fn function_within<F, Fut>(self, deadline: Duration, name: &str, function: F) -> Self
    where
        F: Fn(Invocation) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Into<Outcome>> + Send + 'static,
    {
        self.add(name, Some(deadline), function)
    }

    /// Iterates over the names of the functions, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.functions.keys().map(|name| &**name)
    }

    /// Turns the functions into an axum router that answers every path, for use without [`Router::serve`].
    pub fn into_axum(self) -> axum::Router {
        axum::Router::new().fallback_service(Functions(Arc::new(self)))
    }

    /// Answers the host for as long as the process lives.
    ///
    /// # Errors
    ///
    /// When the listener fails for good.
    pub async fn serve(self, listener: TcpListener) -> io::Result<()> {
        serve::serve(listener, Functions(Arc::new(self)), std::future::pending()).await
    }

    /// Answers the host until `stop`, then finishes what is under way.
    ///
    /// Under the host the process must not end by itself, least of all with exit code 0; this is for hosts of one's
    /// own.
    ///
    /// # Errors
    ///
    /// When the listener fails for good.
    pub async fn serve_until(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        serve::serve(listener, Functions(Arc::new(self)), stop).await
    }

    fn add<F, Fut>(mut self, name: &str, deadline: Option<Duration>, function: F) -> Self
    where
        F: Fn(Invocation) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Into<Outcome>> + Send + 'static,
    {
        if let Err(error) = name.parse::<FunctionName>() {
            panic!("{error}");
        }
        // The host tells names apart without case, so two that differ in case only are one too many.
        let taken = self.names().any(|known| known.eq_ignore_ascii_case(name));
        assert!(!taken, "there are two functions named `{name}`");
        let handler: Handler = Box::new(move |invocation| {
            // Boxed before it is wrapped: a wrapper holds a future twice, as it came and as it is awaited.
            let future = Box::pin(function(invocation));
            Box::pin(async move { future.await.into() })
        });
        let name: Arc<str> = name.into();
        let entry = Entry { name: name.clone(), handler, deadline };
        self.functions.insert(name, entry);
        self
    }
}

impl Default for Router {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("functions", &self.functions.keys())
            .field("deadline", &self.deadline)
            .field("body_limit", &self.body_limit)
            .finish()
    }
}

/// The functions as a service. There is one path a function and nothing to match, so nothing stands before it.
#[derive(Clone)]
pub(crate) struct Functions(Arc<Router>);

impl Service<Request> for Functions {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let router = self.0.clone();
        Box::pin(async move { Ok(answer(&router, request).await) })
    }
}

async fn answer(router: &Router, request: Request) -> Response {
    let path = request.uri().path();
    if path == "/" {
        // The host asks this 40 times a second until it is answered, and later to see how fast we are.
        return json_response(StatusCode::OK, "{}");
    }
    let name = path.strip_prefix('/').unwrap_or(path);
    let Some(entry) = router.functions.get(name) else {
        warn!(function.name = name, "There is no function `{name}`");
        let reason = format!("there is no function `{name}`");
        return Outcome::failure(StatusCode::NOT_FOUND, reason).into_response();
    };
    if request.method() != Method::POST {
        let reason = "functions are invoked by POST";
        let refusal = Outcome::failure(StatusCode::METHOD_NOT_ALLOWED, reason);
        let allow = [(ALLOW, HeaderValue::from_static("POST"))];
        return (allow, refusal).into_response();
    }
    let id = request.headers().get(INVOCATION_ID);
    let id = id.and_then(|id| id.to_str().ok()).unwrap_or_default();
    let span = info_span!("invocation", function.name = &*entry.name, invocation.id = id);
    let id = id.to_owned();
    let outcome = invoke(router, entry, id, request).instrument(span).await;
    outcome.into_response()
}

/// Runs one function, come what may, and logs a failure: the host drops the reason.
async fn invoke(router: &Router, entry: &Entry, id: String, request: Request) -> Outcome {
    let name = &*entry.name;
    let work = async {
        let body = match read(request, router.body_limit).await {
            Ok(body) => body,
            Err(outcome) => return outcome,
        };
        match Invocation::parse(entry.name.clone(), id, body) {
            Ok(invocation) => (entry.handler)(invocation).await,
            // Not a success, although it will not get better: the broker then keeps it as a dead letter.
            Err(error) => Outcome::failure(StatusCode::BAD_REQUEST, error),
        }
    };
    let deadline = entry.deadline.unwrap_or(router.deadline);
    let outcome = match tokio::time::timeout(deadline, catch_panic(work)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => {
            let panic = redact(&panic);
            error!("Function `{name}` panicked: {panic}");
            return Outcome::retry("the function panicked");
        }
        Err(_) => {
            error!("Function `{name}` did not end within {deadline:?}");
            return Outcome::retry(format!("the function did not end within {deadline:?}"));
        }
    };
    match outcome.reason() {
        Some(reason) => warn!("Function `{name}` failed: {}", redact(reason)),
        None => debug!("Function `{name}` succeeded"),
    }
    outcome
}

async fn read(request: Request, limit: usize) -> Result<Bytes, Outcome> {
    let body = Limited::new(request.into_body(), limit);
    let collected = body.collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            let reason = format!("the request has more than {limit} bytes");
            Outcome::failure(StatusCode::PAYLOAD_TOO_LARGE, reason)
        } else {
            Outcome::failure(StatusCode::BAD_REQUEST, error)
        }
    })?;
    Ok(collected.to_bytes())
}

/// Runs a future to its end or to its panic, and returns what the panic said.
///
/// Whatever the future held is dropped with it, so that nobody sees it half changed. Needs `panic = "unwind"`.
async fn catch_panic<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = pin!(future);
    std::future::poll_fn(move |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(message(&*panic))),
    })
    .await
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
