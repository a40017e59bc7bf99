//! What the fuzzer kept, looked at once more: the targets, their promises and the inputs are in `fuzz/`.

#[path = "../../../fuzz/src/invocations.rs"]
mod invocations;
#[path = "../../../fuzz/src/replay.rs"]
mod replay;

#[test]
fn every_invocation_keeps_its_promises() {
    replay::all(invocations::TARGETS);
}
