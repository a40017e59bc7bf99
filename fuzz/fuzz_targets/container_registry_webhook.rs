//! See `readers::container_registry_webhook`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| trainyard_fuzz::readers::container_registry_webhook(input));
