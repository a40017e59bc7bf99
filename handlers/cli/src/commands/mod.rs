//! One command per file, named for the command: its arguments, and what it does.

pub(crate) mod approve;
mod begin;
pub(crate) mod cancel;
pub(crate) mod completions;
pub(crate) mod dead_letters;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod down;
pub(crate) mod environments;
pub(crate) mod events;
pub(crate) mod handler;
pub(crate) mod init;
pub(crate) mod job;
pub(crate) mod logs;
pub(crate) mod push;
pub(crate) mod reject;
pub(crate) mod retry;
pub(crate) mod rollback;
pub(crate) mod runs;
pub(crate) mod schema;
pub(crate) mod show;
pub(crate) mod start;
pub(crate) mod up;
pub(crate) mod watch;
pub(crate) mod why;

/// What the argument RUN may be.
const RUN_HELP: &str = "An id, a number, PROJECT/NUMBER or `latest`";
