//! What the fuzzer kept, read once more: the targets, their promises and the inputs are in `fuzz/`.

#[path = "../../../fuzz/src/readers.rs"]
mod readers;
#[path = "../../../fuzz/src/replay.rs"]
mod replay;
#[path = "../../../fuzz/src/signatures.rs"]
mod signatures;

#[test]
fn every_reader_keeps_its_promises() {
    replay::all(readers::TARGETS);
}

#[test]
fn only_a_right_signature_is_believed() {
    replay::all(signatures::TARGETS);
}
