//! Azure Blob Storage.

mod account;
mod container;
mod shared_key;
mod wire;

pub(crate) use container::Container;

const SERVICE: &str = "Azure Blob Storage";
