//! Azure Machine Learning.

use crate::{Asked, Told};

/// What is there.
#[derive(Debug, Default)]
pub struct AzureMl {}

impl AzureMl {
    pub fn managed(&mut self, asked: &Asked<'_>) -> Told {
        Told::error(404, "ResourceNotFound", &format!("{} {}", asked.method, asked.path.join("/")))
    }
    pub fn tracking(&mut self, asked: &Asked<'_>) -> Told {
        Told::error(404, "ResourceNotFound", &format!("{} {}", asked.method, asked.path.join("/")))
    }
}
