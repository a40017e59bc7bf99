//! Azure Kubernetes Service, and the API server of a cluster.

use crate::{Asked, Told};

/// What is there.
#[derive(Debug, Default)]
pub struct Kubernetes {}

impl Kubernetes {
    pub fn answer(&mut self, asked: &Asked<'_>) -> Told {
        Told::error(404, "ResourceNotFound", &format!("{} {}", asked.method, asked.path.join("/")))
    }
    pub fn managed(&mut self, asked: &Asked<'_>) -> Told {
        Told::error(404, "ResourceNotFound", &format!("{} {}", asked.method, asked.path.join("/")))
    }
}
