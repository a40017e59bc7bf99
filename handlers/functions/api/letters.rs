//! Dead letters, shown and sent again.

use azure_functions::{HttpResponse, StatusCode};
use serde_json::{Value, json};

use super::Refusal;
use crate::functions::{App, dead_letter};

pub async fn list(app: &App) -> Result<HttpResponse, Refusal> {
    let letters: Vec<Value> = dead_letter::list(app)
        .await?
        .iter()
        .map(|(id, letter)| {
            json!({
                "id": id, "queue": letter.queue, "reason": letter.reason, "description": letter.description,
                "at": letter.at, "run": letter.run(),
            })
        })
        .collect();
    Ok(HttpResponse::json(StatusCode::OK, json!({"dead_letters": letters})))
}

pub async fn redrive(app: &App, id: &str) -> Result<HttpResponse, Refusal> {
    match dead_letter::redrive(app, id).await? {
        Some(letter) => {
            let said = format!("message {} is in {} again", letter.id, letter.queue);
            Ok(HttpResponse::json(StatusCode::OK, json!({"ok": true, "said": said})))
        }
        None => Err(Refusal::missing(format!("there is no dead letter {id}; `trainyard dead-letters` lists them"))),
    }
}
