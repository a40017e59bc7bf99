//! A namespace on a port.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::connection;
use super::fault::{Fault, Stage, Words};
use super::queues::{Message, Queues};
use super::signature::{KEY, RULE};

/// For `localhost`, signed by itself.
const CERTIFICATE: &[u8] = include_bytes!("../../fixtures/localhost_certificate.pem");
const CERTIFICATE_KEY: &[u8] = include_bytes!("../../fixtures/localhost_key.pem");

/// A namespace that speaks AMQP, serving as long as the process lives.
#[derive(Clone)]
pub struct Namespace {
    pub queues: Queues,
    shared: Arc<Shared>,
    port: u16,
}

/// A token as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutToken {
    pub kind: String,
    pub audience: String,
    pub token: String,
    pub expires_at: Option<Timestamp>,
}

/// What all connections know.
pub(super) struct Shared {
    pub queues: Queues,
    state: Mutex<State>,
    orders: broadcast::Sender<Order>,
    connections: AtomicUsize,
}

struct State {
    faults: Vec<Fault>,
    wire: Vec<&'static str>,
    tokens: Vec<PutToken>,
    message_bytes_max: u64,
    batch_bytes_max: Option<u64>,
}

/// What all connections are to do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    /// Detach all links to queues.
    Detach(Words),
    /// Close in good order.
    Close(Words),
    /// Break.
    Drop,
}

impl Namespace {
    /// Without TLS, as emulators are.
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// With TLS, by a certificate for `localhost`.
    pub async fn start_with_tls() -> Self {
        let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
        let key = PrivateKeyDer::from_pem_slice(CERTIFICATE_KEY).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Self::start_with(Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    /// Who trusts these trusts it.
    #[must_use]
    pub fn authorities() -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(CERTIFICATE).unwrap()).unwrap();
        roots
    }

    async fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State {
            faults: Vec::new(),
            wire: Vec::new(),
            tokens: Vec::new(),
            message_bytes_max: 256 << 10,
            batch_bytes_max: None,
        };
        let shared = Arc::new(Shared {
            queues: Queues::default(),
            state: Mutex::new(state),
            orders: broadcast::channel(16).0,
            connections: AtomicUsize::new(0),
        });
        let serving = shared.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, tls.clone(), serving.clone()));
            }
        });
        Self { queues: shared.queues.clone(), shared, port }
    }

    /// The host, with the port.
    #[must_use]
    pub fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// As an emulator gives it.
    #[must_use]
    pub fn connection_string(&self) -> String {
        let host = self.host();
        format!("Endpoint=sb://{host}/;SharedAccessKeyName={RULE};SharedAccessKey={KEY};UseDevelopmentEmulator=true;")
    }

    /// All that a queue has taken, in order.
    #[must_use]
    pub fn received(&self, queue: &str) -> Vec<Message> {
        self.queues.received(queue)
    }

    /// Lets this go wrong, once.
    pub fn spoil(&self, fault: Fault) {
        self.shared.state().faults.push(fault);
    }

    /// Faults that are still to come.
    #[must_use]
    pub fn faults_left(&self) -> usize {
        self.shared.state().faults.len()
    }

    /// All is well from now on.
    pub fn heal(&self) {
        self.shared.state().faults.clear();
    }

    /// Bytes of the largest message; what batches may have where it is another number.
    pub fn limit(&self, message_bytes_max: u64, batch_bytes_max: Option<u64>) {
        let mut state = self.shared.state();
        (state.message_bytes_max, state.batch_bytes_max) = (message_bytes_max, batch_bytes_max);
    }

    /// Frames since the last time: `<- transfer` has come, `-> disposition` was sent.
    #[must_use]
    pub fn take_wire(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.shared.state().wire)
    }

    /// What has gone over the wire so far is of no interest.
    pub fn forget_wire(&self) {
        self.shared.state().wire.clear();
    }

    /// Tokens that were put.
    #[must_use]
    pub fn tokens(&self) -> Vec<PutToken> {
        self.shared.state().tokens.clone()
    }

    /// Connections so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Detaches all links to queues, as after ten minutes without a message.
    pub fn detach_all(&self, words: Words) {
        let _ = self.shared.orders.send(Order::Detach(words));
    }

    /// Closes all connections in good order.
    pub fn close_all(&self, words: Words) {
        let _ = self.shared.orders.send(Order::Close(words));
    }

    /// Breaks all connections.
    pub fn drop_all(&self) {
        let _ = self.shared.orders.send(Order::Drop);
    }
}

async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    shared.connections.fetch_add(1, Ordering::SeqCst);
    stream.set_nodelay(true).unwrap();
    match shared.fault(Stage::Connection) {
        Some(Fault::Hangup) => return,
        Some(_) => {
            std::future::pending::<()>().await;
        }
        None => {}
    }
    let orders = shared.orders.subscribe();
    match tls {
        None => connection::serve(stream, shared, orders).await,
        // Who does not trust us goes away.
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                connection::serve(stream, shared, orders).await;
            }
        }
    }
}

impl Shared {
    /// The fault that is due at this stage.
    pub fn fault(&self, stage: Stage) -> Option<Fault> {
        let mut state = self.state();
        let at = state.faults.iter().position(|fault| fault.stage() == stage)?;
        Some(state.faults.remove(at))
    }

    pub fn note(&self, frame: &'static str) {
        self.state().wire.push(frame);
    }

    pub fn keep(&self, token: PutToken) {
        self.state().tokens.push(token);
    }

    pub fn limits(&self) -> (u64, Option<u64>) {
        let state = self.state();
        (state.message_bytes_max, state.batch_bytes_max)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Service Bus at port {}", self.port)
    }
}
