//! Azure Machine Learning.

use crate::{Asked, Told};

pub mod endpoints;

/// What is there.
#[derive(Debug, Default)]
pub struct AzureMl {
    pub endpoints: endpoints::Endpoints,
}

impl AzureMl {
    pub fn managed(&mut self, asked: &Asked<'_>) -> Told {
        self.endpoints.answer(asked)
    }

    pub fn tracking(&mut self, asked: &Asked<'_>) -> Told {
        Told::error(404, "ResourceNotFound", &format!("{} {}", asked.method, asked.path.join("/")))
    }
}
