//! Azure Container Registry and its tasks.
