//! An application in Microsoft Entra ID that proves itself with a secret, a certificate or a cluster's word.
//!
//! Sources: [client credentials](https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow)
//! and [error codes](https://learn.microsoft.com/entra/identity-platform/reference-error-codes).

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::cloud::CloudConfiguration;
use azure_core::credentials::{AccessToken, Secret, TokenCredential};
use azure_core::error::{Error, ErrorKind};
use azure_core::http::{ClientMethodOptions, ClientOptions, RetryOptions, Transport};
use azure_identity::{
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions,
};
use jiff::Timestamp;
use reqwest::Url;
use runner::ports::{PortError, Result};

use super::certificate;
use super::cloud::Cloud;
use super::way::Way;
use super::{Credential, Token};
use crate::text;

const BACKEND: &str = "Microsoft Entra ID";
/// Characters of its own words that are passed on.
const WORDS_MAX: usize = 300;

/// What somebody has to do, by Entra ID's number of the error.
const ADVICE: [(&str, &str); 10] = [
    ("700016", "AZURE_CLIENT_ID is no application of this tenant; check it and AZURE_TENANT_ID"),
    ("7000215", "AZURE_CLIENT_SECRET is not the application's; set the secret's value, not its id"),
    ("7000222", "the application's secret has expired; make a new one"),
    ("700027", "the certificate is not among the application's; upload its public part there"),
    ("700024", "the proof is not valid at this time; check this machine's clock"),
    ("70021", "the application trusts no such workload; add a federated credential with this issuer and subject"),
    ("700213", "the application trusts no such workload; add a federated credential with this subject"),
    ("90002", "there is no such tenant; check AZURE_TENANT_ID"),
    ("500011", "the tenant does not know the service; check the scope, and AZURE_CLOUD"),
    ("53003", "a conditional access policy forbids it; ask who keeps the tenant"),
];

/// An application, and how it proves itself.
pub(super) struct Application {
    pub tenant: String,
    pub client_id: String,
    pub proof: Proof,
}

/// What proves that we are the application. Files are read each time: who keeps them exchanges them.
#[derive(Clone)]
pub(super) enum Proof {
    Secret(Secret),
    /// Key and certificate as PEM.
    Certificate(PathBuf),
    /// What a cluster says of a pod.
    Federated(PathBuf),
}

/// The way to Entra ID for one application.
pub(super) struct Entra {
    application: Application,
    cloud: Cloud,
    way: Arc<Way>,
}

/// The application where a service asks for this scope.
pub(super) struct Scoped {
    entra: Arc<Entra>,
    scope: String,
}

impl Entra {
    pub fn new(application: Application, cloud: Cloud, authority: Option<Url>) -> Self {
        let constant = || Url::parse(cloud.hosts().authority).expect("a constant address");
        Self { application, cloud, way: Arc::new(Way::to(authority.unwrap_or_else(constant))) }
    }

    pub fn for_scope(self: &Arc<Self>, scope: String) -> Scoped {
        Scoped { entra: self.clone(), scope }
    }

    fn identity(&self) -> String {
        let Application { tenant, client_id, proof } = &self.application;
        let proof = match proof {
            Proof::Secret(_) => "client secret",
            Proof::Certificate(_) => "certificate",
            Proof::Federated(_) => "workload identity",
        };
        format!("the application {client_id} of tenant {tenant} ({proof})")
    }

    fn options(&self) -> ClientOptions {
        let cloud = match self.cloud {
            Cloud::Public => CloudConfiguration::AzurePublic,
            Cloud::UsGovernment => CloudConfiguration::AzureGovernment,
            Cloud::China => CloudConfiguration::AzureChina,
        };
        ClientOptions {
            // Whoever wants the token tries again, and knows how long a function may take.
            retry: RetryOptions::none(),
            transport: Some(Transport::new(self.way.clone())),
            // Said, so that the variables of this process are not asked.
            cloud: Some(Arc::new(cloud)),
            ..ClientOptions::default()
        }
    }

    /// Made each time: it keeps what it gets, and a token that became worthless would be given again.
    fn credential(&self) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let Application { tenant, client_id, proof } = &self.application;
        let client_options = self.options();
        if let Proof::Secret(secret) = proof {
            let options = ClientSecretCredentialOptions { client_options };
            return Ok(ClientSecretCredential::new(tenant, client_id.clone(), secret.clone(), Some(options))?);
        }
        let authority = self.cloud.hosts().authority;
        let word = Word {
            audience: format!("{authority}/{tenant}/oauth2/v2.0/token"),
            client_id: client_id.clone(),
            proof: proof.clone(),
        };
        let options = ClientAssertionCredentialOptions { client_options };
        Ok(ClientAssertionCredential::new(tenant.clone(), client_id.clone(), word, Some(options))?)
    }
}

/// What is said in place of a secret.
struct Word {
    audience: String,
    client_id: String,
    proof: Proof,
}

#[async_trait]
impl ClientAssertion for Word {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let refuse = |reason: String| Error::with_message(ErrorKind::Credential, reason);
        let (Proof::Certificate(path) | Proof::Federated(path)) = &self.proof else {
            return Err(refuse("a secret needs no word".into()));
        };
        let text = tokio::fs::read_to_string(path).await;
        let text = text.map_err(|error| refuse(format!("{} cannot be read: {error}", path.display())))?;
        match &self.proof {
            Proof::Certificate(_) => certificate::word(&text, &self.client_id, &self.audience)
                .map_err(|reason| refuse(format!("{}: {reason}", path.display()))),
            _ => Ok(text.trim().to_owned()),
        }
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the word of {}", self.client_id)
    }
}

#[async_trait]
impl Credential for Scoped {
    async fn token(&self) -> Result<Token> {
        let refused = |error| refused(BACKEND, &self.identity(), &self.scope, &error);
        let credential = self.entra.credential().map_err(refused)?;
        given(&credential.get_token(&[&self.scope], None).await.map_err(refused)?)
    }

    fn identity(&self) -> String {
        self.entra.identity()
    }
}

impl fmt::Debug for Scoped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.identity())
    }
}

/// A token as we carry it.
pub(super) fn given(token: &AccessToken) -> Result<Token> {
    let end = Timestamp::from_second(token.expires_on.unix_timestamp());
    // Without a time it is asked for anew each time, rather than kept for ever.
    Token::bearer(token.token.secret(), Some(end.unwrap_or(Timestamp::UNIX_EPOCH)))
}

/// Why there is no token, and whether there may be one soon.
pub(super) fn refused(backend: &'static str, identity: &str, scope: &str, error: &Error) -> PortError {
    let inner = innermost(error);
    // Its number and its sentence; what follows are ids of the request, and an address for programmers.
    let said = inner.to_string();
    let said = said.split(['\n', '\r']).find(|line| !line.trim().is_empty()).unwrap_or_default();
    let said = said.split("Trace ID:").next().unwrap_or_default().trim().trim_end_matches('.');
    let said = if said.is_empty() { "no reason is given".into() } else { text::first(said, WORDS_MAX) };
    let reason = |advice: &str| {
        let scope = scope.trim_end_matches("/.default");
        format!("{identity} gets no token for {scope}: {said}{advice}")
    };
    let is_weather = match inner.kind() {
        ErrorKind::HttpResponse { status, .. } => {
            let status = u16::from(*status);
            status >= 500 || matches!(status, 408 | 429)
        }
        ErrorKind::Connection | ErrorKind::Io | ErrorKind::DataConversion => true,
        ErrorKind::Credential | ErrorKind::Other => timed_out(error),
    };
    if is_weather {
        return PortError::transient(backend, reason(""));
    }
    let advice = match inner.kind() {
        ErrorKind::HttpResponse { error_code: Some(codes), .. } => {
            codes.split(',').find_map(|code| ADVICE.iter().find(|(known, _)| *known == code))
        }
        _ => None,
    };
    PortError::permanent(backend, reason(&advice.map(|(_, advice)| format!(". {advice}")).unwrap_or_default()))
}

/// The error that the library wraps in its own sentences.
fn innermost(error: &Error) -> &Error {
    let mut inner = error;
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        if let Some(next) = next.downcast_ref::<Error>() {
            inner = next;
        }
        cause = next.source();
    }
    inner
}

fn timed_out(error: &Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        if next.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut) {
            return true;
        }
        cause = next.source();
    }
    false
}
