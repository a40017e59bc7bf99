//! See `signatures::github_signature`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| trainyard_fuzz::signatures::github_signature(input));
