//! Values that may be written in more than one way.
//!
//! They are read by hand: an untagged enum would only say that nothing matched, and not where.

use std::fmt;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// What the two readers by hand expect, in words.
pub(super) const BY_HAND: [&str; 2] = ["a section or `false`", "`one`, `all` or a whole number"];

/// A section, or `false`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Toggle<T> {
    /// The section; `true` or nothing stands for its defaults.
    On(T),
    /// `false`: this repository does without.
    Off(bool),
}

impl<T: Default> Default for Toggle<T> {
    fn default() -> Self {
        Self::On(T::default())
    }
}

impl<T> Toggle<T> {
    /// The section, unless it is turned off.
    pub fn get(&self) -> Option<&T> {
        match self {
            Self::On(section) => Some(section),
            Self::Off(_) => None,
        }
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Toggle<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SectionOrFalse<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for SectionOrFalse<T> {
            type Value = Toggle<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(BY_HAND[0])
            }

            fn visit_bool<E: Error>(self, on: bool) -> Result<Toggle<T>, E> {
                Ok(if on { Toggle::default() } else { Toggle::Off(false) })
            }

            fn visit_unit<E: Error>(self) -> Result<Toggle<T>, E> {
                Ok(Toggle::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Toggle<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Toggle::On)
            }
        }

        deserializer.deserialize_any(SectionOrFalse(PhantomData))
    }
}

/// How many approvals open a gate. One rejection always closes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Any one approver.
    One,
    /// Every one of `approvers`.
    All,
    /// This many.
    #[serde(untagged)]
    Count(u32),
}

impl<'de> Deserialize<'de> for Need {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordOrCount;

        impl Visitor<'_> for WordOrCount {
            type Value = Need;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(BY_HAND[1])
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Need, E> {
                match word {
                    "one" => Ok(Need::One),
                    "all" => Ok(Need::All),
                    other => Err(E::invalid_value(Unexpected::Str(other), &self)),
                }
            }

            fn visit_u64<E: Error>(self, count: u64) -> Result<Need, E> {
                u32::try_from(count).map(Need::Count).map_err(|_| E::invalid_value(Unexpected::Unsigned(count), &self))
            }
        }

        deserializer.deserialize_any(WordOrCount)
    }
}
