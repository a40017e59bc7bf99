//! What is taken of a kubeconfig: where the API server is, and by which authority it is known.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;

/// A kubeconfig, as far as it is read.
#[derive(Deserialize)]
struct Kubeconfig {
    #[serde(default)]
    clusters: Vec<NamedCluster>,
    #[serde(default)]
    users: Vec<NamedUser>,
}

#[derive(Deserialize)]
struct NamedCluster {
    cluster: Server,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Server {
    server: String,
    certificate_authority_data: Option<String>,
}

#[derive(Deserialize)]
struct NamedUser {
    #[serde(default)]
    user: User,
}

/// What opens a cluster by itself. That it is there is all that is looked at.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct User {
    client_certificate: Option<String>,
    client_certificate_data: Option<String>,
    client_key: Option<String>,
    client_key_data: Option<String>,
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<String>,
    password: Option<String>,
}

impl User {
    fn has_credentials(&self) -> bool {
        let Self { client_certificate, client_certificate_data, client_key, client_key_data, .. } = self;
        let certificates = [client_certificate, client_certificate_data, client_key, client_key_data];
        certificates.into_iter().chain([&self.token, &self.token_file, &self.password]).any(Option::is_some)
    }
}

/// Where an API server is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Whereabouts {
    pub server: String,
    /// Certificates of its authority, as PEM.
    pub authority: Option<Vec<u8>>,
}

/// Why a kubeconfig is of no use.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It opens the cluster by itself: there is no Entra ID between us and the administrator's rights.
    OpensByItself,
    /// It cannot be read. What was in it is not told.
    Unreadable(&'static str),
}

/// Reads a kubeconfig, as it comes from the service: Base64 of YAML.
pub(super) fn read(value: &str) -> Result<Whereabouts, Unfit> {
    let yaml = BASE64.decode(value.trim()).map_err(|_| Unfit::Unreadable("it is not Base64"))?;
    let yaml = String::from_utf8(yaml).map_err(|_| Unfit::Unreadable("it is not UTF-8"))?;
    // The parser's words quote the text, which may hold secrets.
    let config: Kubeconfig = serde_saphyr::from_str(&yaml).map_err(|_| Unfit::Unreadable("it is not a kubeconfig"))?;
    if config.users.iter().any(|named| named.user.has_credentials()) {
        return Err(Unfit::OpensByItself);
    }
    let Some(NamedCluster { cluster }) = config.clusters.into_iter().next() else {
        return Err(Unfit::Unreadable("it names no cluster"));
    };
    let decode = |data: String| BASE64.decode(data.trim());
    let authority = cluster.certificate_authority_data.map(decode).transpose();
    let authority = authority.map_err(|_| Unfit::Unreadable("its certificate authority is not Base64"))?;
    Ok(Whereabouts { server: cluster.server, authority })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "apiVersion: v1
kind: Config
clusters:
- name: aks
  cluster:
    server: https://aks-1a2b.hcp.westeurope.azmk8s.io:443
    certificate-authority-data: Y2VydGlmaWNhdGU=
users:
- name: clusterUser
  user:
";

    #[test]
    fn only_address_and_authority_are_taken() {
        let exec = format!(
            "{HEAD}    exec:\n      apiVersion: client.authentication.k8s.io/v1beta1\n      command: kubelogin\n"
        );

        let found = read(&BASE64.encode(exec)).unwrap();

        assert_eq!(found.server, "https://aks-1a2b.hcp.westeurope.azmk8s.io:443");
        assert_eq!(found.authority.as_deref(), Some(&b"certificate"[..]));
    }

    #[test]
    fn what_opens_the_cluster_by_itself_is_refused() {
        for line in ["client-certificate-data: eA==", "client-key-data: eA==", "token: s3cr3t", "password: s3cr3t"] {
            let config = format!("{HEAD}    {line}\n");
            assert_eq!(read(&BASE64.encode(config)), Err(Unfit::OpensByItself), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_told() {
        for text in ["clusters: []", "{", "clusters: [{cluster: {server: [s3cr3t]}}]"] {
            let unfit = read(&BASE64.encode(text)).unwrap_err();
            assert!(!format!("{unfit:?}").contains("s3cr3t"), "{text}");
        }
        assert!(read("***").is_err());
    }
}
