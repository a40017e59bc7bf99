//! See `readers::event_grid`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| trainyard_fuzz::readers::event_grid(input));
