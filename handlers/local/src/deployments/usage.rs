//! What a group of processes has used.

/// What a group of processes has used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Processor time of all of them, in seconds.
    pub cpu_secs: f64,
    /// The sum of the most memory that each has had, in MiB. What they share counts for each.
    pub peak_mib: f64,
}

/// What a group has used.
#[cfg(target_os = "linux")]
pub fn of_group(group: i32) -> Usage {
    use std::fs;

    let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
    let mut usage = Usage::default();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let stat = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        // After the name in brackets: state, parent, group, and further on user and system time.
        let fields: Vec<&str> =
            stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
        let number = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
        if fields.get(2).and_then(|field| field.parse::<i32>().ok()) != Some(group) {
            continue;
        }
        usage.cpu_secs += (number(11) + number(12)) / ticks_per_second;
        let status = fs::read_to_string(process.path().join("status")).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.split_whitespace().next()?.parse::<f64>().ok());
        usage.peak_mib += kib.unwrap_or_default() / 1024.0;
    }
    usage
}

/// What a group has used, as `ps` says: the memory is what it has now.
#[cfg(not(target_os = "linux"))]
pub fn of_group(group: i32) -> Usage {
    let said = std::process::Command::new("ps").args(["-axo", "pgid=,time=,rss="]).output();
    let said = said.map(|said| said.stdout).unwrap_or_default();
    let mut usage = Usage::default();
    for line in String::from_utf8_lossy(&said).lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [pgid, time, rss] = fields[..] else { continue };
        if pgid.parse() != Ok(group) {
            continue;
        }
        // [[days-]hours:]minutes:seconds
        let seconds = time.split(['-', ':']).fold(0.0, |sum, part| sum * 60.0 + part.parse().unwrap_or(0.0));
        usage.cpu_secs += seconds;
        usage.peak_mib += rss.parse().unwrap_or(0.0) / 1024.0;
    }
    usage
}
