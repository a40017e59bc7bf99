//! What one transfer carries: a message, or a batch of them.

use std::ops::Range;

use fe2o3_amqp::Sendable;
use fe2o3_amqp_types::messaging::message::__private::Serializable;
use fe2o3_amqp_types::messaging::{Batch, Data, Message, MessageAnnotations, Properties};
use fe2o3_amqp_types::primitives::{Binary, Timestamp, Value};
use runner::ports::Parcel;

use crate::http::CallError;
use crate::service_bus::lots::cut;
use crate::service_bus::{BATCH_COUNT_MAX, CONTENT_TYPE, SERVICE, too_large};

/// The message format of a batch: each data section is a whole message. It is taken as a whole or not at all.
const BATCH_FORMAT: u32 = 0x8001_3700;
/// Bytes of a batch beside its messages: what its own properties take at most.
const ENVELOPE: usize = 2 << 10;
/// Bytes before each message of a batch.
const SECTION: usize = 8;
/// When a message is to be handed out.
const SCHEDULED: &str = "x-opt-scheduled-enqueue-time";

/// Bytes that a queue takes at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub message_bytes: usize,
    pub batch_bytes: usize,
}

/// One transfer.
pub(super) enum Load {
    Single(Sendable<Data>),
    Batch {
        message: Sendable<Batch<Data>>,
        /// Which ones of the lot.
        parcels: Range<usize>,
    },
}

impl Load {
    pub fn single(parcel: &Parcel) -> Self {
        Self::Single(message(parcel).into())
    }

    pub fn count(&self) -> usize {
        match self {
            Self::Single(_) => 1,
            Self::Batch { parcels, .. } => parcels.len(),
        }
    }

    /// Its messages, if it is a batch.
    pub fn parcels<'a>(&self, lot: &'a [Parcel]) -> &'a [Parcel] {
        match self {
            Self::Single(_) => &[],
            Self::Batch { parcels, .. } => &lot[parcels.clone()],
        }
    }
}

/// Packs the messages of a lot into as few transfers as its queue allows.
pub(super) fn pack(parcels: &[Parcel], limits: Limits, namespace: &str) -> Result<Vec<Load>, CallError> {
    let unwritable =
        |error: serde_amqp::Error| CallError::refused(SERVICE, format!("a message cannot be written: {error}"));
    let mut sizes = Vec::with_capacity(parcels.len());
    for parcel in parcels {
        let size = serde_amqp::serialized_size(&Serializable(message(parcel))).map_err(unwritable)?;
        if size > limits.message_bytes {
            return Err(too_large(parcel, size, limits.message_bytes, namespace));
        }
        sizes.push(size + SECTION);
    }
    let mut loads = Vec::new();
    for run in cut(&sizes, limits.batch_bytes.saturating_sub(ENVELOPE), BATCH_COUNT_MAX) {
        let [first, _, ..] = &parcels[run.clone()] else {
            loads.extend(parcels[run].iter().map(Load::single));
            continue;
        };
        let sections = parcels[run.clone()].iter().map(|parcel| serde_amqp::to_vec(&Serializable(message(parcel))));
        let sections = sections.collect::<Result<Vec<_>, _>>().map_err(unwritable)?;
        // The service finds the place of all of them by the properties of the first.
        let message =
            Message::builder().properties(properties(first)).data_batch(sections.into_iter().map(Binary::from));
        let message = Sendable::builder().message_format(BATCH_FORMAT).message(message.build()).build();
        loads.push(Load::Batch { message, parcels: run });
    }
    Ok(loads)
}

fn message(parcel: &Parcel) -> Message<Data> {
    let mut message = Message::builder().properties(properties(parcel)).data(Binary::from(parcel.body.clone())).build();
    message.message_annotations = parcel.deliver_at.map(|at| {
        // Milliseconds: the next one, as nothing may come early.
        let millis = at.as_millisecond() + i64::from(at.subsec_nanosecond() % 1_000_000 > 0);
        MessageAnnotations::builder().insert(SCHEDULED, Value::Timestamp(Timestamp::from_milliseconds(millis))).build()
    });
    message
}

fn properties(parcel: &Parcel) -> Properties {
    Properties::builder()
        .message_id(parcel.id.clone())
        .content_type(CONTENT_TYPE)
        .group_id(parcel.session.clone())
        .build()
}
