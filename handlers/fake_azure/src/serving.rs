//! Models that serve, wherever they were deployed: as the inference server answers that is in their images.
//!
//! Source: [microsoft/azureml-inference-server](https://github.com/microsoft/azureml-inference-server).

use std::fmt;

use crate::{Asked, Told};

/// What a model answers: the host that was called, and the body.
pub type OnScore = Box<dyn FnMut(&str, &[u8]) -> (u16, Vec<u8>) + Send>;

/// What is there.
#[derive(Default)]
pub struct Serving {
    /// Decides what models answer; without it each answers `[0.0]`.
    pub on_score: Option<OnScore>,
    /// Host, `authorization` and body of what was posted to be scored, the newest last.
    pub scored: Vec<(String, String, Vec<u8>)>,
}

impl Serving {
    /// `is_up`: a container stands behind the host and is ready.
    pub fn answer(&mut self, asked: &Asked<'_>, is_up: bool) -> Told {
        if !is_up {
            return Told::bytes(503, "text/plain", "no upstream");
        }
        match (asked.method, &asked.segments()[..]) {
            ("GET", []) => Told::bytes(200, "text/html; charset=utf-8", "Healthy"),
            ("POST", ["score"]) => {
                let key = asked.header("authorization").to_owned();
                self.scored.push((asked.host.to_owned(), key, asked.bytes.to_vec()));
                let (status, body) = match &mut self.on_score {
                    Some(on_score) => on_score(asked.host, asked.bytes),
                    None => (200, b"[0.0]".to_vec()),
                };
                Told::bytes(status, "application/json", body)
            }
            _ => Told::bytes(404, "text/html; charset=utf-8", "Not Found"),
        }
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").field("scored", &self.scored).finish_non_exhaustive()
    }
}
