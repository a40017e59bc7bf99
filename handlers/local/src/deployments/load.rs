//! The load test: what the content of an image needs, measured on its own server and nobody else's.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::try_join_all;
use pipeline::event::JobOutputs;
use pipeline::manifest::Load;

use super::http::{self, HttpClient};
use super::process::Process;
use super::server::{Server, wait_until_healthy};
use super::usage;

const HEALTHY_WITHIN: Duration = Duration::from_secs(120);
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// So many requests before the measured ones: a first request loads what later ones find loaded.
const WARM_UP: u32 = 10;

/// Starts the inference server on the content of an unpacked image, sends it requests for as long as asked, and
/// answers what was measured: `latency_ms_p50`, `latency_ms_p95`, `requests_per_second`, `cpu_cores`, `memory_mib`.
/// The server is ended in every case, also when this future is dropped.
///
/// `app` is the image's folder of the application, `entry` the scoring script's path in it, `python_bin` the folder of
/// programs of the environment. What the server says is appended to `log`.
///
/// # Errors
///
/// A sentence when the server does not get healthy, or when any request is not answered with 200.
pub async fn run(
    app: &Path,
    python_bin: &Path,
    entry: &str,
    load: &Load,
    payload: Vec<u8>,
    log: &Path,
) -> Result<JobOutputs, String> {
    let folder = log.parent().unwrap_or(Path::new("."));
    let server = Server {
        python_bin: python_bin.to_owned(),
        app: std::path::absolute(app).map_err(|error| format!("{}: {error}", app.display()))?,
        entry: entry.to_owned(),
        folder: std::path::absolute(folder).map_err(|error| format!("{}: {error}", folder.display()))?,
        log: log.to_owned(),
        // As a deployment without limits has it.
        threads: 1,
        variables: Vec::new(),
    };
    let started = server.start().map_err(|error| format!("the server could not be started: {error}"))?;
    let process = EndedWhenDropped(started.process.clone());
    let client = http::client();
    wait_until_healthy(&client, &started, log, HEALTHY_WITHIN).await?;

    let payload = Bytes::from(payload);
    for _ in 0..WARM_UP {
        ask(&client, started.port, &payload).await?;
    }
    let group = process.0.mark().pid;
    let before = usage::of_group(group);
    let begin = Instant::now();
    let end = begin + Duration::from_secs(u64::from(load.seconds.max(1)));
    let askers = (0..load.concurrency.max(1)).map(|_| ask_until(&client, started.port, &payload, end));
    let latencies = try_join_all(askers).await?;
    let seconds = begin.elapsed().as_secs_f64();
    let after = usage::of_group(group);
    process.0.stop(STOP_WITHIN).await;

    let mut latencies = latencies.concat();
    latencies.sort_unstable();
    let requests = latencies.len();
    let (p50, p95) = (millis(percentile(&latencies, 50)), millis(percentile(&latencies, 95)));
    let requests_per_second = requests as f64 / seconds;
    let said = format!(
        "load: {requests} requests in {seconds:.1} s, {} at a time, all answered 200; median {p50:.1} ms",
        load.concurrency.max(1)
    );
    let metrics = BTreeMap::from([
        ("latency_ms_p50".into(), p50),
        ("latency_ms_p95".into(), p95),
        ("requests_per_second".into(), requests_per_second),
        ("cpu_cores".into(), (after.cpu_secs - before.cpu_secs) / seconds),
        ("memory_mib".into(), after.peak_mib),
    ]);
    Ok(JobOutputs { metrics, files: BTreeMap::new(), said: vec![said] })
}

/// One asker: the next request goes out when the last is answered.
async fn ask_until(client: &HttpClient, port: u16, payload: &Bytes, end: Instant) -> Result<Vec<Duration>, String> {
    let mut latencies = Vec::new();
    // One at least, however slow it is.
    while latencies.is_empty() || Instant::now() < end {
        latencies.push(ask(client, port, payload).await?);
    }
    Ok(latencies)
}

async fn ask(client: &HttpClient, port: u16, payload: &Bytes) -> Result<Duration, String> {
    let begin = Instant::now();
    let (status, body) = http::score(client, port, payload.clone(), ANSWER_WITHIN, 1 << 20)
        .await
        .map_err(|error| format!("a request of the load test was not answered: {error}"))?;
    let latency = begin.elapsed();
    if status != 200 {
        let said: String = String::from_utf8_lossy(&body).chars().take(200).collect();
        return Err(format!("a request of the load test was answered {status}: {said}"));
    }
    Ok(latency)
}

/// The least latency that so many percent of the requests did not pass.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

fn millis(latency: Duration) -> f64 {
    latency.as_secs_f64() * 1000.0
}

#[derive(Debug)]
struct EndedWhenDropped(Process);

impl Drop for EndedWhenDropped {
    fn drop(&mut self) {
        self.0.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_latencies() {
        let latencies: Vec<_> = (1..=20).map(Duration::from_millis).collect();

        assert_eq!(percentile(&latencies, 50), Duration::from_millis(10));
        assert_eq!(percentile(&latencies, 95), Duration::from_millis(19));
        assert_eq!(percentile(&latencies[..1], 95), Duration::from_millis(1));
    }
}
