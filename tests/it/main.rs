//! The whole binary on a machine of its own, one file for each behaviour. Nothing in it is a stand-in but the model,
//! which is small.

mod support;

mod released;
