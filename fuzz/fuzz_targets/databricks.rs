//! See `readers::databricks`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| trainyard_fuzz::readers::databricks(input));
