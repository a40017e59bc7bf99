//! advance

/// x
pub fn advance() {}
