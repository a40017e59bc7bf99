//! TLS under AMQP.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Whom we trust to be who they say.
pub(in crate::service_bus) struct Tls {
    roots: RootCertStore,
    connector: OnceLock<TlsConnector>,
}

impl Tls {
    /// The authorities of the web. They are part of this program: no file is read for them.
    pub fn of_the_web() -> Self {
        Self::of(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
    }

    /// These authorities.
    pub fn of(roots: RootCertStore) -> Self {
        Self { roots, connector: OnceLock::new() }
    }

    /// The same stream, enciphered.
    pub async fn wrap(&self, host: &str, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
        self.connector()?.connect(name, stream).await
    }

    fn connector(&self) -> std::io::Result<TlsConnector> {
        if let Some(connector) = self.connector.get() {
            return Ok(connector.clone());
        }
        // Named here, as a process that knows two of them does not choose one by itself, and panics.
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(std::io::Error::other)?
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        Ok(self.connector.get_or_init(|| TlsConnector::from(Arc::new(config))).clone())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS by {} authorities", self.roots.len())
    }
}
