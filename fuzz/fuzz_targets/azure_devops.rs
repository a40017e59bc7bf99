//! See `readers::azure_devops`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| trainyard_fuzz::readers::azure_devops(input));
