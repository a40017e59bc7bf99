//! What GitHub tells about a webhook's deliveries.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Github;
use crate::{Asked, Told};

/// So many of them are kept apart by a cursor.
const CURSOR: &str = "v1_";

impl Github {
    /// One that a webhook sends, and what came of it.
    pub fn deliver(&mut self, guid: &str, at: Timestamp, status: &str, status_code: u16) {
        let delivery = delivery(self.deliveries.len(), guid, at, (status, status_code), false);
        self.deliveries.insert(0, delivery);
    }

    pub(super) fn tell_of_deliveries(&mut self, below: &[&str], asked: &Asked<'_>) -> Told {
        match (asked.method, below) {
            ("GET", []) => {
                let page: usize = asked.query["per_page"].parse().unwrap();
                assert!(page <= 100, "{page}");
                let cursor = asked.query.get("cursor").and_then(|cursor| cursor.strip_prefix(CURSOR)?.parse().ok());
                let left = self.deliveries.iter().skip_while(|it| cursor.is_some() && it["id"].as_u64() != cursor);
                let mut left: Vec<_> = left.take(page + 1).cloned().collect();
                let next = (left.len() > page).then(|| left.pop().unwrap()["id"].clone());
                let told = Told::json(200, &left.into());
                match next {
                    Some(id) => {
                        let address = asked.address("api.github.com");
                        let path = asked.path.join("/");
                        let next = format!("<{address}/{path}?per_page={page}&cursor={CURSOR}{id}>; rel=\"next\"");
                        told.with("link", next)
                    }
                    None => told,
                }
            }
            ("POST", [id, "attempts"]) => {
                let first = self.deliveries.iter().find(|it| it["id"].as_u64() == id.parse().ok());
                let Some(first) = first else {
                    return Told::json(404, &json!({"message": "Not Found", "status": "404"}));
                };
                let guid = first["guid"].as_str().unwrap().to_owned();
                let again = delivery(self.deliveries.len(), &guid, asked.now, ("OK", 200), true);
                self.deliveries.insert(0, again);
                Told::json(202, &json!({}))
            }
            _ => Told::json(404, &json!({"message": "Not Found", "status": "404"})),
        }
    }
}

/// `hook-delivery-item`.
fn delivery(nth: usize, guid: &str, at: Timestamp, (status, status_code): (&str, u16), redelivery: bool) -> Value {
    json!({
        "id": 12_000_000_000_u64 + nth as u64, "guid": guid, "delivered_at": at.to_string(), "redelivery": redelivery,
        "duration": 0.3, "status": status, "status_code": status_code, "event": "push", "action": null,
        "installation_id": null, "repository_id": 123, "throttled_at": null,
    })
}
