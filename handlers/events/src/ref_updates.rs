//! The refs of a push, as whoever hosts the repository sends them: the good become facts, the others are told apart.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::code::Code;
use crate::draft::Draft;
use crate::fact::{Push, RefUpdate};
use crate::member::Object;
use crate::names::{Reference, ReferenceKind};
use crate::reading::Refusal;
use crate::text;

/// So many refused updates are shown to a person; all are counted.
const MOST_SHOWN: usize = 5;

/// The updates of one push.
#[derive(Default)]
pub(crate) struct RefUpdates<'a> {
    good: Vec<RefUpdate>,
    refused: BTreeMap<Code, (Refusal, Vec<&'a Value>, usize)>,
}

impl<'a> RefUpdates<'a> {
    /// Takes one update, or the reason why it is none.
    pub(crate) fn take(&mut self, update: Result<RefUpdate, Refusal>, value: &'a Value) {
        match update {
            Ok(update) => self.good.push(update),
            Err(refusal) => {
                let (_, shown, count) = self.refused.entry(refusal.code).or_insert((refusal, Vec::new(), 0));
                *count += 1;
                if shown.len() < MOST_SHOWN {
                    shown.push(value);
                }
            }
        }
    }

    /// The updates to act upon, whether they are all, and what else there is to tell. None are left when all were
    /// refused.
    pub(crate) fn settle(mut self, default_branch: Option<&Reference>, draft: &mut Draft) -> (Vec<RefUpdate>, bool) {
        for (mut refusal, shown, count) in self.refused.into_values() {
            if count > 1 {
                refusal.reason = format!("{}; {count} refs in all", refusal.reason);
            }
            let part = Value::from_iter(shown.into_iter().cloned());
            draft.aside(refusal, || Some(text::part(&part)));
        }
        let all = self.good.len();
        if all > Push::MOST_UPDATES {
            self.good.sort_by_key(|update| match update.reference.kind() {
                _ if Some(&update.reference) == default_branch => 0,
                ReferenceKind::Branch(_) => 1,
                ReferenceKind::Tag(_) => 2,
                ReferenceKind::Other(_) => 3,
            });
            self.good.truncate(Push::MOST_UPDATES);
            draft.remark(Code::FanoutLimit, format!("{all} refs moved; {} of them are read", Push::MOST_UPDATES));
        }
        if let Some(hostile) = self.good.iter().find(|update| update.reference.is_hostile()) {
            remark_on_name(hostile, draft);
        }
        (self.good, all <= Push::MOST_UPDATES)
    }
}

/// Remarks on a name that git allows and that must not be taken for more.
pub(crate) fn remark_on_name(update: &RefUpdate, draft: &mut Draft) {
    if update.reference.is_hostile() {
        let name = text::quoted(update.reference.as_str());
        draft.remark(Code::RefHostile, format!("{name} is a name and nothing else"));
    }
}

/// One update, whose members have these names.
pub(crate) fn ref_update(update: &Object<'_>, [name, before, after]: [&str; 3]) -> Result<RefUpdate, Refusal> {
    let reference = update.parsed(name, Code::RefInvalid)?;
    // Zeros say that there is nothing; a missing member says nothing.
    update.text(before)?;
    update.text(after)?;
    let update = RefUpdate { reference, before: update.maybe_commit(before)?, after: update.maybe_commit(after)? };
    if update.before.is_none() && update.after.is_none() {
        let reason = format!("{} came from nothing and became nothing", text::quoted(update.reference.as_str()));
        return Err(Refusal::ignore(Code::RefNoChange, reason));
    }
    Ok(update)
}
