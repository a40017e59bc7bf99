//! What holds for every body that anybody sends, whatever is in it.
//!
//! Each module has a list of targets; a target takes bytes and panics when a promise is broken. The fuzzer makes the
//! bytes up (`fuzz_targets/`); the tests of the crates under test replay those that it kept (`corpus/`), with the same
//! modules by their paths.

pub mod invocations;
pub mod readers;
pub mod replay;
pub mod signatures;
