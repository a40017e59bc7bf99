//! Where each key of a manifest stands in its file.
//!
//! The text is read once more as a plain tree, so that a rule about a value can name its line although the value itself
//! does not know it.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Location, Spanned};

/// A line and a column, each from 1.
pub(super) type Place = (u64, u64);

/// All keys and values with their places.
#[derive(Debug, Default)]
pub(super) struct Places {
    values: HashMap<String, Place>,
    /// By place: the section that a key belongs to, and the path of its value.
    keys: HashMap<Place, (String, String)>,
    /// By place: the path, and what stands there in words.
    found: HashMap<Place, (String, String)>,
}

impl Places {
    pub(super) fn of(root: &Spanned<Node>) -> Self {
        let mut places = Self::default();
        places.add(String::new(), root);
        places
    }

    /// Where this value stands, or the nearest section around it when the file is silent about it.
    pub(super) fn at(&self, path: &str) -> Place {
        let mut path = path;
        loop {
            if let Some(place) = self.values.get(path) {
                return *place;
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return self.values.get("").copied().unwrap_or((1, 1)),
            }
        }
    }

    /// The path and the words of the value that stands here.
    pub(super) fn found(&self, place: Place) -> Option<(&str, &str)> {
        let (path, words) = self.found.get(&place)?;
        Some((path, words))
    }

    /// The section that the key at this place belongs to; empty for the whole file.
    pub(super) fn section(&self, key: Place) -> Option<&str> {
        self.keys.get(&key).map(|(section, _)| section.as_str())
    }

    /// Where the value of the key at this place stands.
    pub(super) fn value_of(&self, key: Place) -> Option<Place> {
        let (_, value) = self.keys.get(&key)?;
        self.values.get(value).copied()
    }

    /// What the file says at this path, in words.
    pub(super) fn words(&self, path: &str) -> Option<&str> {
        let place = self.values.get(path)?;
        Some(&self.found.get(place)?.1)
    }

    fn add(&mut self, path: String, node: &Spanned<Node>) {
        let place = place(node.referenced);
        self.found.entry(place).or_insert_with(|| (path.clone(), node.value.words()));
        self.values.entry(path.clone()).or_insert(place);
        match &node.value {
            Node::Leaf(_) => {}
            Node::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.add(format!("{path}[{index}]"), item);
                }
            }
            Node::Map(entries) => {
                for (key, value) in entries {
                    let at = self::place(key.referenced);
                    let key = shown(&key.value);
                    let below = if path.is_empty() { key } else { format!("{path}.{key}") };
                    self.keys.entry(at).or_insert_with(|| (path.clone(), below.clone()));
                    self.add(below, value);
                }
            }
        }
    }
}

pub(super) fn place(location: Location) -> Place {
    (location.line(), location.column())
}

/// A text from the file as it may be shown: short, on one line, without control characters.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 80;
    let mut shown: String = text
        .chars()
        .take(MOST)
        .flat_map(|c| {
            // Directional marks can turn a line around in a terminal; `escape_debug` knows them all.
            let escape = c != '"' && c != '\'' && c != '\\';
            let escaped: Vec<char> = if escape { c.escape_debug().collect() } else { vec![c] };
            escaped
        })
        .collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

/// Any YAML.
#[derive(Debug)]
pub(super) enum Node {
    /// A value, in words.
    Leaf(String),
    /// A list.
    List(Vec<Spanned<Node>>),
    /// A section.
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl Node {
    fn words(&self) -> String {
        match self {
            Self::Leaf(words) => words.clone(),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a section".to_owned(),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNode)
    }
}

struct AnyNode;

impl<'de> Visitor<'de> for AnyNode {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Leaf(format!("`{value}`")))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Leaf(format!("`{value}`")))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Leaf(format!("`{value}`")))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Leaf(format!("`{value}`")))
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Node, E> {
        Ok(Node::Leaf(format!("`{value}`")))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Leaf(format!("`{value}`")))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Leaf(format!("the text `{}`", shown(value))))
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Leaf("nothing".to_owned()))
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<Node, E> {
        Ok(Node::Leaf("bytes".to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }
}
