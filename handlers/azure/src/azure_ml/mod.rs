//! Azure Machine Learning.

mod endpoints;

pub use endpoints::{OnlineEndpoints, OnlineEndpointsSettings};
