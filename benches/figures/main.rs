//! The product's speed, each figure beside its floor: what the same work costs without the product, on this machine, in
//! this run.
//!
//! `cargo bench --bench figures` measures everything; `cargo bench --bench figures -- rehearsals` one of them.
//!
//! Ours and the floor take turns, so that whatever else the machine does hits both. A figure is a median, with the
//! fastest and the slowest round beside it.

// A bench that cannot go on has nothing to measure.
#![allow(clippy::unwrap_used)]

mod burst;
mod cold_start;
mod decide;
mod floor;
mod history;
mod http;
mod ignored;
mod memory;
mod product;
mod rehearsals;
mod step;
mod table;

use std::process::ExitCode;

use table::Table;

type Figure = fn(&mut Table);

const FIGURES: [(&str, Figure); 8] = [
    ("decide", decide::measure),
    ("cold_start", cold_start::measure),
    ("ignored", ignored::measure),
    ("step", step::measure),
    ("rehearsals", rehearsals::measure),
    ("memory", memory::measure),
    ("burst", burst::measure),
    ("history", history::measure),
];

fn main() -> ExitCode {
    // Cargo adds flags of its own.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    if let [floor, port] = words.as_slice() {
        let program = match floor.as_str() {
            floor::AXUM => floor::axum,
            burst::HANDLER => burst::handler,
            other => panic!("there is no program {other}"),
        };
        program(port.parse().unwrap());
        return ExitCode::SUCCESS;
    }
    let mut table = Table::default();
    for (name, measure) in FIGURES {
        if words.is_empty() || words.iter().any(|word| word == name) {
            eprintln!("measuring {name}");
            measure(&mut table);
        }
    }
    print!("{table}");
    if table.all_hold() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
