//! What is sent together.

use std::collections::{HashMap, HashSet};

use runner::ports::Parcel;

/// A queue's messages of one session, or those without one, in order. There is at least one.
///
/// Service Bus refuses a batch with more than one session: each of them may be kept by another broker.
#[derive(Debug)]
pub(super) struct Lot {
    pub queue: String,
    pub parcels: Vec<Parcel>,
}

/// Sorts messages by queue and session. Of two with the same id for the same queue the first one counts, as it would if
/// they came one after the other.
pub(super) fn lots(parcels: Vec<Parcel>) -> Vec<Lot> {
    let mut lots: Vec<Lot> = Vec::new();
    let mut places = HashMap::new();
    let mut ids = HashSet::new();
    for parcel in parcels {
        if !ids.insert((parcel.queue.clone(), parcel.id.clone())) {
            continue;
        }
        let place = *places.entry((parcel.queue.clone(), parcel.session.clone())).or_insert_with(|| {
            lots.push(Lot { queue: parcel.queue.clone(), parcels: Vec::new() });
            lots.len() - 1
        });
        lots[place].parcels.push(parcel);
    }
    lots
}

/// Cuts a lot into runs of messages that a batch takes, by the sizes of the messages. A message that is too large for a
/// batch is a run of its own.
pub(super) fn cut(sizes: &[usize], batch_bytes_max: usize, batch_count_max: usize) -> Vec<std::ops::Range<usize>> {
    let mut cuts = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, size) in sizes.iter().enumerate() {
        if at > start && (bytes + size > batch_bytes_max || at - start == batch_count_max) {
            cuts.push(start..at);
            (start, bytes) = (at, 0);
        }
        bytes += size;
    }
    if start < sizes.len() {
        cuts.push(start..sizes.len());
    }
    cuts
}
