//! Azure Databricks.
