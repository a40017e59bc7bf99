//! Frames of AMQP 1.0, as bytes.

use fe2o3_amqp_types::performatives::Performative;
use fe2o3_amqp_types::sasl::{SaslCode, SaslMechanisms, SaslOutcome};
use serde::{Deserialize as _, Serialize};
use serde_amqp::de::Deserializer;
use serde_amqp::primitives::{Array, Symbol};
use serde_amqp::read::IoReader;

pub(super) const HEADER: [u8; 8] = [b'A', b'M', b'Q', b'P', 0, 1, 0, 0];
pub(super) const HEADER_OF_SASL: [u8; 8] = [b'A', b'M', b'Q', b'P', 3, 1, 0, 0];

const KIND_AMQP: u8 = 0;
const KIND_SASL: u8 = 1;

/// A frame that has come.
#[derive(Debug)]
pub(super) struct Frame {
    pub channel: u16,
    /// None: only a sign of life.
    pub performative: Option<Performative>,
    pub payload: Vec<u8>,
}

/// Takes the first frame of what has come; None: it is not there in full.
pub(super) fn take(buffer: &mut Vec<u8>) -> Option<Frame> {
    let bytes = take_bytes(buffer)?;
    let offset = usize::from(bytes[4]) * 4;
    assert_eq!(bytes[5], KIND_AMQP, "a frame of another kind");
    let channel = u16::from_be_bytes([bytes[6], bytes[7]]);
    let mut rest = &bytes[offset..];
    if rest.is_empty() {
        return Some(Frame { channel, performative: None, payload: Vec::new() });
    }
    let performative = Performative::deserialize(&mut Deserializer::new(IoReader::new(&mut rest))).unwrap();
    Some(Frame { channel, performative: Some(performative), payload: rest.to_vec() })
}

/// The same, not looked into.
pub(super) fn take_bytes(buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    let size = u32::from_be_bytes(buffer.get(..4)?.try_into().unwrap());
    let size = usize::try_from(size).unwrap();
    if buffer.len() < size {
        return None;
    }
    Some(buffer.drain(..size).collect())
}

pub(super) fn write(channel: u16, performative: &Performative, payload: &[u8]) -> Vec<u8> {
    let mut body = serde_amqp::to_vec(performative).unwrap();
    body.extend_from_slice(payload);
    framed(KIND_AMQP, channel, &body)
}

/// A sign of life.
pub(super) fn empty() -> Vec<u8> {
    framed(KIND_AMQP, 0, &[])
}

/// What the service offers, whoever comes.
pub(super) fn mechanisms() -> Vec<u8> {
    let names = ["MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL"].map(Symbol::from);
    sasl(&SaslMechanisms { sasl_server_mechanisms: Array::from(names.to_vec()) })
}

pub(super) fn welcome() -> Vec<u8> {
    sasl(&SaslOutcome { code: SaslCode::Ok, additional_data: None })
}

fn sasl(body: &impl Serialize) -> Vec<u8> {
    framed(KIND_SASL, 0, &serde_amqp::to_vec(body).unwrap())
}

fn framed(kind: u8, channel: u16, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).unwrap();
    let mut bytes = size.to_be_bytes().to_vec();
    bytes.extend([2, kind]);
    bytes.extend(channel.to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// What a performative is called when it has come, and when it was sent.
pub(super) fn names(performative: &Performative) -> (&'static str, &'static str) {
    match performative {
        Performative::Open(_) => ("<- open", "-> open"),
        Performative::Begin(_) => ("<- begin", "-> begin"),
        Performative::Attach(_) => ("<- attach", "-> attach"),
        Performative::Flow(_) => ("<- flow", "-> flow"),
        Performative::Transfer(_) => ("<- transfer", "-> transfer"),
        Performative::Disposition(_) => ("<- disposition", "-> disposition"),
        Performative::Detach(_) => ("<- detach", "-> detach"),
        Performative::End(_) => ("<- end", "-> end"),
        Performative::Close(_) => ("<- close", "-> close"),
    }
}
