//! The host, over the real bus, with real handlers: in this process where that says enough, else a child.

mod admin;
mod app;
mod child;
mod event_grid;
mod http;
mod process;
mod queue;
mod support;
mod timer;
