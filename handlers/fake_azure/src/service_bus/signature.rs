//! Shared access signatures, checked as the service does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;

/// The only rule, and its key.
pub(super) const RULE: &str = "RootManageSharedAccessKey";
pub(super) const KEY: &str = "SAS_KEY_VALUE";

/// When it ends.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn check(token: &str, audience: &str, now: Timestamp) -> Result<Timestamp, String> {
    let fields = token.strip_prefix("SharedAccessSignature ").ok_or("40101: no shared access signature")?;
    let raw = |name: &str| {
        let mut fields = fields.split('&').filter_map(|field| field.split_once('='));
        fields.find(|(field, _)| *field == name).map(|(_, value)| value).ok_or(format!("40102: no {name}"))
    };
    let (resource, expiry) = (raw("sr")?, raw("se")?);
    if crate::decoded(raw("skn")?) != RULE {
        return Err("40103: the rule is not there".into());
    }
    let mut signature = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    signature.update(format!("{resource}\n{expiry}").as_bytes());
    let is_ours = crate::decoded(&raw("sig")?.replace('+', "%2B")) == BASE64.encode(signature.finalize().into_bytes());
    let bare = |address: &str| address.split_once("://").map_or(address.to_owned(), |(_, rest)| rest.to_owned());
    let is_meant = bare(audience).starts_with(bare(&crate::decoded(resource)).as_str());
    let end =
        Timestamp::from_second(expiry.parse().map_err(|_| "40104: no expiry")?).map_err(|_| "40104: no expiry")?;
    match (is_ours, is_meant, end > now) {
        (true, true, true) => Ok(end),
        (true, true, false) => Err("40105: the signature has expired".into()),
        (true, false, _) => Err("40106: the signature is for another resource".into()),
        (false, ..) => Err("40107: the signature is not ours".into()),
    }
}
