//! Azure Container Registry: the registry, its tasks, its data.

use crate::blob::Blob;
use crate::{Asked, Told};

/// What is there.
#[derive(Debug, Default)]
pub struct ContainerRegistry {}

impl ContainerRegistry {
    pub fn data(&mut self, asked: &Asked<'_>) -> Told {
        Told::error(404, "ResourceNotFound", &format!("{} {}", asked.method, asked.path.join("/")))
    }
    pub fn managed(&mut self, asked: &Asked<'_>, _blob: &mut Blob) -> Told {
        Told::error(404, "ResourceNotFound", &format!("{} {}", asked.method, asked.path.join("/")))
    }
}
