//! Frames: how calls and answers lie in a stream of bytes.
//!
//! ```text
//! | length: u32 | number of the call: u64 | kind: u8 | body: MessagePack, structs as maps |
//!               `-------------------------- length ------------------------------------'
//! ```

use bytes::{Buf, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

/// The longest body of one call or answer, in bytes.
pub const FRAME_MAX: usize = 64 << 20;

/// Number and kind.
const HEAD: usize = 9;

/// The kind of an answer that is a result.
pub(super) const OK: u8 = 0;
/// The kind of an answer that is an error.
pub(super) const ERROR: u8 = 1;

/// A call or an answer as it arrived.
pub(super) struct Frame {
    pub number: u64,
    pub kind: u8,
    pub body: Bytes,
}

/// Why bytes are no frame, or a value does not become one.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    /// Too long.
    #[error("it has {} MiB, and the link carries at most {} MiB at once", length >> 20, limit >> 20)]
    TooLong { length: usize, limit: usize },
    /// Not even a head.
    #[error("a frame of {0} bytes is too short to be one")]
    TooShort(usize),
    /// Cannot be written.
    #[error("it cannot be written as MessagePack: {0}")]
    Unwritable(#[from] rmp_serde::encode::Error),
}

/// Writes a frame.
pub(super) fn encode<T: Serialize + ?Sized>(number: u64, kind: u8, body: &T) -> Result<Vec<u8>, FrameError> {
    let mut frame = Vec::with_capacity(256);
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(&number.to_be_bytes());
    frame.push(kind);
    // Named fields, because enums with a tag inside cannot be read back from anything else.
    body.serialize(&mut rmp_serde::Serializer::new(&mut frame).with_struct_map())?;
    let length = frame.len() - 4;
    match u32::try_from(length) {
        Ok(prefix) if length - HEAD <= FRAME_MAX => {
            frame[..4].copy_from_slice(&prefix.to_be_bytes());
            Ok(frame)
        }
        _ => Err(FrameError::TooLong { length, limit: FRAME_MAX }),
    }
}

/// Takes the next whole frame off the front, if it is there already.
pub(super) fn split(inbox: &mut BytesMut, limit: usize) -> Result<Option<Frame>, FrameError> {
    let Some(prefix) = inbox.first_chunk::<4>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*prefix) as usize;
    if length > limit + HEAD {
        return Err(FrameError::TooLong { length, limit });
    }
    if length < HEAD {
        return Err(FrameError::TooShort(length));
    }
    let whole = 4 + length;
    if inbox.len() < whole {
        inbox.reserve(whole - inbox.len());
        return Ok(None);
    }
    let mut frame = inbox.split_to(whole).freeze();
    frame.advance(4);
    let number = frame.get_u64();
    let kind = frame.get_u8();
    Ok(Some(Frame { number, kind, body: frame }))
}

/// Reads a body.
pub(super) fn decode<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, rmp_serde::decode::Error> {
    rmp_serde::from_slice(body)
}
