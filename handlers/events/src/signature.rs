//! Whether a body was signed with a secret that we share with its sender.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::code::Code;

/// Why a body is not believed. It is answered 401 and not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// We have no secret to check with; without one, nothing is believed.
    #[error("there is no secret to check the signature with")]
    NoSecret,
    /// Nobody signed it.
    #[error("the body is not signed")]
    Missing,
    /// Signed with SHA-1, which proves nothing any more.
    #[error("the body is signed with SHA-1 alone; `X-Hub-Signature-256` is needed")]
    Legacy,
    /// A header of another form.
    #[error("the signature is not of the form that its sender uses")]
    Malformed,
    /// Not signed with our secret, or changed since.
    #[error("the signature is not that of this body")]
    Mismatch,
    /// Signed too long ago, or in the future: perhaps somebody sends again what he once overheard.
    #[error("the body was signed at another time than now")]
    Expired,
}

impl SignatureError {
    /// The code to count by.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Self::NoSecret | Self::Missing | Self::Legacy | Self::Malformed => Code::SignatureMissing,
            Self::Mismatch => Code::SignatureMismatch,
            Self::Expired => Code::SignatureExpired,
        }
    }
}

/// Compares what was shown with what is expected, in a time that says nothing about where they differ.
pub(crate) fn same(expected: &[u8], shown: &[u8]) -> Result<(), SignatureError> {
    // Both are hashed, so that not even their lengths are told. The key hides nothing and needs not to.
    let key: &[u8] = b"compare";
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(expected);
    check(&[key], &[shown], &mac.finalize().into_bytes())
}

/// Checks an HMAC-SHA-256 over these parts, in constant time. Several secrets are valid while one is being replaced.
pub(crate) fn check(secrets: &[impl AsRef<[u8]>], parts: &[&[u8]], tag: &[u8]) -> Result<(), SignatureError> {
    // An empty secret signs anything for anybody: it is a setting that was forgotten.
    let mut secrets = secrets.iter().map(AsRef::as_ref).filter(|secret| !secret.is_empty()).peekable();
    if secrets.peek().is_none() {
        return Err(SignatureError::NoSecret);
    }
    let signed = |secret: &[u8]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
        parts.iter().for_each(|part| mac.update(part));
        mac.verify_slice(tag).is_ok()
    };
    if secrets.any(signed) { Ok(()) } else { Err(SignatureError::Mismatch) }
}
