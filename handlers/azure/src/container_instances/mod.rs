//! Azure Container Instances.
