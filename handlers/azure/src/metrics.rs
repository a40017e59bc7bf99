//! Numbers that a training has left.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Numbers, and sentences about what is none.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Metrics {
    pub numbers: BTreeMap<String, f64>,
    pub problems: Vec<String>,
}

impl Metrics {
    /// From names and values. What is no number, or one that cannot be compared, is a problem.
    pub fn of(members: Map<String, Value>) -> Self {
        let mut metrics = Self::default();
        for (name, value) in members {
            // MLflow writes NaN and infinity as text.
            let number = value.as_f64().filter(|number| number.is_finite());
            match number {
                Some(number) => drop(metrics.numbers.insert(name, number)),
                None => {
                    let value: String = value.to_string().chars().take(40).collect();
                    metrics
                        .problems
                        .push(format!("the metric `{name}` is {value}, which can be compared with nothing"));
                }
            }
        }
        metrics
    }

    /// From a file of JSON, which problems call by its name.
    pub fn read(name: &str, bytes: &[u8]) -> Self {
        match serde_json::from_slice(bytes) {
            Ok(members) => Self::of(members),
            Err(error) => {
                let problem = format!("{name} must be one JSON object of names and numbers: {error}");
                Self { problems: vec![problem], ..Self::default() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_compared_is_said_and_left_out() {
        let members = json!({"mse": 0.5, "rows": 442, "r2": "NaN", "kind": "ridge", "gap": null});
        let Value::Object(members) = members else { panic!("an object") };

        let metrics = Metrics::of(members);

        assert_eq!(metrics.numbers, [("mse".to_owned(), 0.5), ("rows".into(), 442.0)].into());
        assert_eq!(metrics.problems.len(), 3);
        assert!(metrics.problems.contains(&"the metric `r2` is \"NaN\", which can be compared with nothing".into()));
    }
}
