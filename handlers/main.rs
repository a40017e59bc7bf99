//! x
mod functions;
fn main() {}
