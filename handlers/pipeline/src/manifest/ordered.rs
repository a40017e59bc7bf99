//! A map that keeps the order of the file.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserializer, Serializer};

use super::Environment;
use crate::names::EnvironmentName;

type Pairs = Vec<(EnvironmentName, Environment)>;

pub(super) fn serialize<S: Serializer>(pairs: &Pairs, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(pairs.len()))?;
    for (name, environment) in pairs {
        map.serialize_entry(name, environment)?;
    }
    map.end()
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pairs, D::Error> {
    struct InOrder;

    impl<'de> Visitor<'de> for InOrder {
        type Value = Pairs;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map of environments")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
            let mut pairs: Pairs = Vec::new();
            while let Some((name, environment)) = map.next_entry::<EnvironmentName, Option<Environment>>()? {
                if pairs.iter().any(|(known, _)| *known == name) {
                    return Err(serde::de::Error::custom(format!("environment `{name}` is there twice")));
                }
                pairs.push((name, environment.unwrap_or_default()));
            }
            Ok(pairs)
        }
    }

    deserializer.deserialize_map(InOrder)
}
