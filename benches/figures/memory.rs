//! Memory of a product that does nothing, and after it has done much.

use crate::product::{Product, folder};
use crate::rehearsals::in_flight;
use crate::table::{Samples, Table, Wanted};

const ROUNDS: usize = 3;
const LIMITS: [f64; 2] = [15.0, 40.0];

pub fn measure(table: &mut Table) {
    let [mut handler, mut both] = [Samples::default(), Samples::default()];
    let [mut handler_after, mut both_after] = [Samples::default(), Samples::default()];
    for _ in 0..ROUNDS {
        let home = folder();
        let product = Product::up(home.path());
        let [host, child] = [product.host(), product.handler()];
        handler.add(resident(child));
        both.add(resident(host) + resident(child));
        in_flight(&product, 0..64, 8);
        handler_after.add(resident(child));
        both_after.add(resident(host) + resident(child));
    }
    table.add("memory, idle: handler", "MiB", handler, None, Wanted::Below(LIMITS[0]));
    table.add("memory, idle: host and handler", "MiB", both, None, Wanted::Below(LIMITS[1]));
    // More of the program itself has been read by then: two thirds of it are pages of the one binary.
    table.add("memory after 512 runs: handler", "MiB", handler_after, None, Wanted::Nothing);
    table.add("memory after 512 runs: host and handler", "MiB", both_after, None, Wanted::Nothing);
}

pub fn resident(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib / 1024.0
}
