//! Azure Key Vault.
