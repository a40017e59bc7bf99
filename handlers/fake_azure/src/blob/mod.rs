//! Azure Blob Storage.

use crate::{Asked, Told};

/// What is there.
#[derive(Debug, Default)]
pub struct Blob {}

impl Blob {
    pub fn answer(&mut self, asked: &Asked<'_>) -> Told {
        Told::error(404, "ResourceNotFound", &format!("{} {}", asked.method, asked.path.join("/")))
    }
}
