//! A connection with its session: where tokens are put and links begin.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};

use fe2o3_amqp::connection::ConnectionHandle;
use fe2o3_amqp::sasl_profile::SaslProfile;
use fe2o3_amqp::session::SessionHandle;
use fe2o3_amqp::{Connection, Sender, Session};
use fe2o3_amqp_cbs::client::CbsClient;
use fe2o3_amqp_cbs::token::CbsToken;
use runner::ports::{PortError, Result};
use serde_amqp::primitives::Timestamp;
use tokio::net::TcpStream;
use tokio::sync::{Mutex, oneshot, watch};

use super::Tls;
use super::link::Failure;
use super::trouble;
use crate::credential::Token;
use crate::http::CallError;
use crate::service_bus::SERVICE;

const PORT: u16 = 5671;
const PORT_PLAIN: u16 = 5672;
/// Bytes of a frame, as the service has them.
const FRAME_BYTES_MAX: u32 = 64 << 10;
/// Without a sign of the service for so long a connection is dead. It is asked for one twice as often.
const IDLE_MILLIS: u32 = 60_000;
const SIGNATURE: &str = "SharedAccessSignature ";
const BEARER: &str = "Bearer ";

/// Where a namespace is.
#[derive(Debug)]
pub(super) struct Place {
    /// With the port, if settings name one.
    pub host: String,
    name: String,
    port: u16,
    /// None: plain, as emulators have it.
    pub tls: Option<Tls>,
}

impl Place {
    pub fn new(host: &str, tls: Option<Tls>) -> Result<Self> {
        let usual = if tls.is_some() { PORT } else { PORT_PLAIN };
        let (name, port) = match host.rsplit_once(':') {
            None => (host, Ok(usual)),
            Some((name, port)) => (name, port.parse()),
        };
        let port = port.map_err(|_| {
            PortError::permanent(
                "settings",
                format!("the namespace of Service Bus is {host:?}, which has no such port"),
            )
        })?;
        Ok(Self { host: host.to_owned(), name: name.to_owned(), port, tls })
    }
}

/// A connection. It ends when the last link on it is dropped.
pub(super) struct Line {
    /// What is opened through it. None: somebody was interrupted, and what is half done cannot be gone on with.
    desk: Mutex<Option<Desk>>,
    links_made: AtomicU32,
}

/// In the order in which they are to be ended.
struct Desk {
    cbs: CbsClient,
    session: Watch,
    connection: ConnectionHandle<()>,
}

/// A session that is watched, for nobody tells those who wait for an answer on it that none will come any more. Each link
/// has one of its own, so that what ends one of them leaves the others alone. It ends when this is dropped.
pub(super) struct Watch {
    ended: watch::Receiver<()>,
    _hold: oneshot::Sender<()>,
}

impl Watch {
    fn new(mut session: SessionHandle<()>) -> Self {
        let (watching, ended) = watch::channel(());
        let (hold, dropped) = oneshot::channel();
        tokio::spawn(async move {
            tokio::select! {
                _ = session.on_end() => {}
                _ = dropped => {}
            }
            drop(watching);
        });
        Self { ended, _hold: hold }
    }

    /// What comes of something that is waited for on this session; None: the session has ended.
    pub async fn unless_ended<T>(&self, waited_for: impl Future<Output = T>) -> Option<T> {
        let mut ended = self.ended.clone();
        tokio::select! {
            // What has come before the end counts.
            biased;
            result = waited_for => Some(result),
            _ = ended.changed() => None,
        }
    }
}

impl Line {
    pub async fn open(place: &Place) -> Result<Self, CallError> {
        let failed = |what: &str, error: &dyn std::fmt::Display| {
            CallError::unavailable(SERVICE, format!("could not {what} {}:{}: {error}", place.name, place.port))
        };
        let stream = TcpStream::connect((place.name.as_str(), place.port)).await;
        let stream = stream.map_err(|error| failed("reach", &error))?;
        // A message is small and waited for: it must not wait for others to fill a packet.
        stream.set_nodelay(true).map_err(|error| failed("reach", &error))?;
        let container = format!("trainyard-{:016x}", RandomState::new().hash_one(place.port));
        let builder = Connection::builder()
            .container_id(container)
            .hostname(place.name.as_str())
            .sasl_hostname(place.name.as_str())
            .max_frame_size(FRAME_BYTES_MAX)
            .idle_time_out(IDLE_MILLIS)
            .sasl_profile(SaslProfile::Anonymous);
        let opened = match &place.tls {
            None => builder.open_with_stream(stream).await,
            Some(tls) => {
                let stream = tls.wrap(&place.name, stream).await.map_err(|error| failed("trust", &error))?;
                builder.open_with_stream(stream).await
            }
        };
        let mut connection = opened.map_err(|error| trouble::of_open(&error, &place.name))?;
        let session = Session::begin(&mut connection).await;
        let mut session = session.map_err(|error| trouble::of_begin(&error))?;
        let cbs = CbsClient::attach(&mut session).await;
        let cbs = cbs.map_err(|error| failed("put tokens at", &error))?;
        let desk = Desk { cbs, session: Watch::new(session), connection };
        Ok(Self { desk: Mutex::new(Some(desk)), links_made: AtomicU32::new(0) })
    }

    /// Says who we are towards a queue. What asks for no token gets none.
    pub async fn authorize(&self, place: &Place, queue: &str, token: &Token) -> Result<(), Failure> {
        let Some(header) = token.header() else { return Ok(()) };
        let header = header.to_str().unwrap_or_default();
        let (kind, value) = match header.strip_prefix(BEARER) {
            Some(value) => ("jwt", value),
            None if header.starts_with(SIGNATURE) => ("servicebus.windows.net:sastoken", header),
            None => {
                let reason = "takes tokens of Microsoft Entra ID and shared access signatures, and nothing else";
                return Err(Failure::of_answer(CallError::refused(SERVICE, reason.into())));
            }
        };
        let expires_at = token.expires_at().map(|at| Timestamp::from_milliseconds(at.as_millisecond()));
        let token = CbsToken::new(value, kind, expires_at);
        let mut kept = self.desk.lock().await;
        let mut desk = kept.take().ok_or_else(Failure::interrupted)?;
        let put = desk.cbs.put_token(format!("sb://{}/{queue}", place.host), token);
        let put = desk.session.unless_ended(put).await;
        *kept = Some(desk);
        match put {
            Some(put) => put.map_err(trouble::of_token),
            None => Err(Failure::of_line(trouble::ended())),
        }
    }

    /// Begins a link to a queue, with a session of its own.
    pub async fn attach(&self, queue: &str) -> Result<(Sender, Watch), Failure> {
        let name = format!("{queue}-{}", self.links_made.fetch_add(1, Ordering::Relaxed));
        let mut kept = self.desk.lock().await;
        let mut desk = kept.take().ok_or_else(Failure::interrupted)?;
        let attached = async {
            let session = Session::begin(&mut desk.connection).await;
            let mut session = session.map_err(|error| Failure::of_line(trouble::of_begin(&error)))?;
            let sender = Sender::builder().name(name.clone()).source(name).target(queue).attach(&mut session).await;
            Ok((sender.map_err(trouble::of_attach)?, Watch::new(session)))
        };
        let attached = attached.await;
        *kept = Some(desk);
        attached
    }
}
