//! The whole binary on a machine of its own, one file for each behaviour. Nothing in it is a stand-in but the model,
//! which is small.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

mod attach;
mod cancel;
mod dead_letters;
mod demo;
mod docs_only;
mod errors;
mod events;
mod expired;
mod functions;
mod home;
mod kill;
mod manual_rollback;
mod missing_metric;
mod not_better;
mod pull_request;
mod red_test;
mod redeploy;
mod rejected;
mod released;
mod retry;
mod rolled_back;
mod scoring_only;
mod smoke_failure_in_qa;
mod staged;
mod superseded;
mod training_fails;
