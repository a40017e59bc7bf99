//! See `invocations::invocation`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| trainyard_fuzz::invocations::invocation(input));
