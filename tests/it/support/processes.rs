//! Processes that belong to a test: jobs and deployments outlive the host, and must not outlive the test.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

/// Processes whose command line or environment names this path, the test's own left out.
pub fn mentioning(path: &Path) -> Vec<u32> {
    let path = path.as_os_str().as_bytes();
    let mentions = |file: &Path| {
        let text = fs::read(file).unwrap_or_default();
        text.windows(path.len()).any(|window| window == path)
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|process| Some((process.file_name().to_str()?.parse().ok()?, process.path())))
        .filter(|(id, folder)| {
            *id != std::process::id() && (mentions(&folder.join("cmdline")) || mentions(&folder.join("environ")))
        })
        .map(|(id, _)| id)
        .collect()
}

/// Sends a signal; a process that is gone already does not mind.
pub fn signal(process: u32, signal: Signal) {
    if let Some(process) = Pid::from_raw(process.cast_signed()) {
        let _ = kill_process(process, signal);
    }
}

/// Ends all processes of [`mentioning`], and what they start in the meantime.
pub(super) fn end_all(path: &Path) {
    for _ in 0..100 {
        let left = mentioning(path);
        if left.is_empty() {
            return;
        }
        for process in left {
            signal(process, Signal::KILL);
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
