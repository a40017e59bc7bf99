//! Commits on their way to PROD and back: the real runner, every port on Azure's services as they are in this process,
//! and Python that really trains, checks and scores.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;
mod containers;
mod day;
mod deliveries;
mod repository;
mod round_trips;
