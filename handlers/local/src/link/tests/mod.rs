//! What a handler may rely on when its ports are in the host.

mod conformance;
mod every_method;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use pipeline::names::Digest;
use runner::memory::{Fault, Faults, Machine};
use runner::ports::{Artifacts, Expect, JobStatus, Parcel, PortError, Ports, Result, Write};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::{FRAME_MAX, LinkError, connect, listen, place, serve};

#[tokio::test]
async fn documents_and_messages_arrive_byte_for_byte() {
    let machine = Machine::new();
    let host = Host::of(machine.ports()).await;
    let ports = host.link().await;
    let body: Vec<u8> = (0..=255).collect();
    let write = Write { key: "runs/r1".into(), body: Some(body.clone()), expect: Expect::Absent };
    let parcel = Parcel {
        queue: "train".into(),
        id: "m1".into(),
        session: None,
        deliver_at: Some("2026-02-03T04:05:06.789Z".parse().unwrap()),
        body: body.clone(),
    };

    let versions = ports.ledger.commit(vec![write], vec![parcel.clone()]).await;

    let read = ports.store.get("runs/r1").await.unwrap().unwrap();
    assert_eq!(versions.unwrap(), [read.version]);
    assert_eq!(read.body, body);
    assert_eq!(machine.queue.waiting(), [parcel]);
}

#[tokio::test]
async fn errors_keep_their_kind_and_their_words() {
    let machine = Machine::new();
    let host = Host::of(machine.ports()).await;
    let ports = host.link().await;

    let expect = Expect::Version("7".into());
    let conflict = ports.store.put("runs/r1", vec![], expect).await;
    machine.faults.at_next("store.get", Fault::Refused);
    let refused = ports.store.get("runs/r1").await;
    machine.faults.at_next("store.get", Fault::CrashBefore);
    let crash = ports.store.get("runs/r1").await;

    assert_eq!(conflict, Err(PortError::conflict("memory", "runs/r1")));
    assert!(matches!(refused, Err(PortError::Permanent { backend, .. }) if backend == "memory"));
    assert!(Faults::is_crash(&crash.unwrap_err()));
}

#[tokio::test]
async fn the_link_names_the_backends_behind_it_and_says_whether_the_ledger_is_atomic() {
    let machine = Machine::new();
    let host = Host::of(machine.ports()).await;
    let ports = host.link().await;

    assert_eq!(ports.jobs.to_string(), machine.jobs.to_string());
    assert_eq!(format!("{:?}", ports.store), "documents in memory over the link");
    assert!(ports.ledger.is_atomic());
    let apart = Host::of(Machine::save_then_send().ports()).await;
    assert!(!apart.link().await.ledger.is_atomic());
}

#[tokio::test]
async fn many_calls_in_flight_each_get_their_own_answer() {
    let host = Host::of(Machine::new().ports()).await;
    let ports = host.link().await;
    let keys: Vec<String> = (0..3000).map(|n| format!("runs/r{n:04}")).collect();

    let put = |key: &String| {
        let (key, body) = (key.clone(), key.clone().into_bytes());
        let ports = ports.clone();
        async move { ports.store.put(&key, body, Expect::Absent).await }
    };
    for put in join_all(keys.iter().map(put)).await {
        put.unwrap();
    }
    let read = join_all(keys.iter().map(|key| ports.store.get(key))).await;

    for (key, document) in keys.iter().zip(read) {
        assert_eq!(document.unwrap().unwrap().body, key.as_bytes());
    }
    let listed = ports.store.list("runs/", Some("runs/r2998"), 10).await;
    assert_eq!(listed.unwrap(), ["runs/r2999"]);
}

#[tokio::test]
async fn a_slow_call_holds_nobody_up() {
    let machine = Machine::new();
    let slow = Arc::new(Slow { inner: machine.artifacts.clone(), gate: Semaphore::new(0) });
    let host = Host::of(Ports { artifacts: slow.clone(), ..machine.ports() }).await;
    let ports = host.link().await;

    let artifacts = ports.artifacts.clone();
    let put = tokio::spawn(async move { artifacts.put(b"large".to_vec()).await });
    for _ in 0..100 {
        assert_eq!(ports.store.get("runs/r1").await, Ok(None));
    }
    let unknown = ports.jobs.status(&"train-r1".parse().unwrap()).await;
    assert_eq!(unknown, Ok(JobStatus::Unknown));
    assert!(!put.is_finished());

    slow.gate.add_permits(1);
    assert_eq!(put.await.unwrap(), Ok(Digest::of(b"large")));
}

#[tokio::test]
async fn a_lost_connection_is_transient_and_the_next_call_dials_again() {
    let machine = Machine::new();
    let slow = Arc::new(Slow { inner: machine.artifacts.clone(), gate: Semaphore::new(0) });
    let mut host = Host::of(Ports { artifacts: slow.clone(), ..machine.ports() }).await;
    let ports = host.link().await;
    let artifacts = ports.artifacts.clone();
    let in_flight = tokio::spawn(async move { artifacts.put(b"lost".to_vec()).await });
    ports.store.get("runs/r1").await.unwrap();

    host.stop().await;
    let lost = in_flight.await.unwrap().unwrap_err();
    let gone = ports.store.get("runs/r1").await.unwrap_err();
    host.start_again(Machine::save_then_send().ports()).await;
    let back = ports.store.get("runs/r1").await;

    assert!(matches!(&lost, PortError::Transient { reason, .. } if reason.contains("lost")));
    assert!(matches!(&gone, PortError::Transient { reason, .. } if reason.contains("host")));
    assert_eq!(back, Ok(None));
    assert!(!ports.ledger.is_atomic(), "the new host's ledger is not");
}

#[tokio::test]
async fn who_does_not_know_the_token_gets_no_ports() {
    let host = Host::of(Machine::new().ports()).await;

    let refused = connect(host.place(), "guessed").await.unwrap_err();

    assert!(matches!(&refused, LinkError::Refused { .. }), "{refused}");
    assert!(refused.to_string().contains("token"), "{refused}");
}

#[tokio::test]
async fn a_stranger_on_the_socket_is_turned_away_and_the_others_are_served() {
    let host = Host::of(Machine::new().ports()).await;
    let ports = host.link().await;
    let endless = [0xff; 64];

    for noise in [&b"GET / HTTP/1.1\r\n\r\n"[..], &endless, &[0, 0, 0, 1, 9]] {
        let mut stranger = UnixStream::connect(host.place()).await.unwrap();
        stranger.write_all(noise).await.unwrap();
        let mut heard = Vec::new();
        // Closed with or without what it sent having been read.
        let _ = stranger.read_to_end(&mut heard).await;
        assert!(heard.is_empty(), "a stranger was told {heard:?}");
    }

    assert_eq!(ports.store.get("runs/r1").await, Ok(None));
}

#[tokio::test]
async fn a_host_that_is_not_there_is_named() {
    let mut host = Host::of(Machine::new().ports()).await;
    host.stop().await;

    let unreachable = connect(host.place(), "token").await.unwrap_err();

    assert!(unreachable.to_string().contains(&host.place().display().to_string()), "{unreachable}");
}

#[tokio::test]
async fn what_is_too_large_is_refused_with_its_size_and_the_connection_stays() {
    let machine = Machine::new();
    let host = Host::of(machine.ports()).await;
    let ports = host.link().await;
    let large = vec![0; FRAME_MAX + (2 << 20)];
    let digest = machine.artifacts.keep(large.clone());

    let put = ports.artifacts.put(large).await.unwrap_err();
    let get = ports.artifacts.get(&digest).await.unwrap_err();

    for refused in [put, get] {
        assert!(matches!(&refused, PortError::Permanent { .. }), "{refused}");
        assert!(refused.to_string().contains("66 MiB"), "{refused}");
    }
    let fits = ports.artifacts.put(vec![7; 20 << 20]).await.unwrap();
    assert_eq!(ports.artifacts.get(&fits).await.unwrap().len(), 20 << 20);
}

#[tokio::test]
async fn the_socket_is_in_the_home_and_this_users_alone() {
    let host = Host::of(Machine::new().ports()).await;

    let socket = host.home.path().join("link.sock");

    assert_eq!(host.place(), socket);
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_home_with_a_long_path_has_its_socket_elsewhere_and_always_at_the_same_place() {
    let long = Path::new("/home").join("a".repeat(120));

    assert!(place(&long).starts_with(std::env::temp_dir()));
    assert_eq!(place(&long), place(&long));
    assert_ne!(place(&long), place(&long.join("b")));
}

/// Artifacts that take their time.
#[derive(Debug)]
struct Slow {
    inner: Arc<dyn Artifacts>,
    gate: Semaphore,
}

impl std::fmt::Display for Slow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "slow {}", self.inner)
    }
}

#[async_trait]
impl Artifacts for Slow {
    async fn put(&self, bytes: Vec<u8>) -> Result<Digest> {
        let _permit = self.gate.acquire().await.unwrap();
        self.inner.put(bytes).await
    }

    async fn get(&self, digest: &Digest) -> Result<Vec<u8>> {
        self.inner.get(digest).await
    }
}

/// A host that can be stopped.
struct Host {
    home: TempDir,
    serving: JoinHandle<()>,
}

impl Host {
    async fn of(ports: Ports) -> Self {
        let home = tempfile::tempdir().unwrap();
        let listener = listen(&place(home.path())).unwrap();
        let serving = tokio::spawn(serve(listener, "token".into(), ports));
        Self { home, serving }
    }

    fn place(&self) -> std::path::PathBuf {
        place(self.home.path())
    }

    async fn link(&self) -> Ports {
        connect(self.place(), "token").await.unwrap()
    }

    async fn stop(&mut self) {
        self.serving.abort();
        let _ = (&mut self.serving).await;
    }

    async fn start_again(&mut self, ports: Ports) {
        let listener = listen(&self.place()).unwrap();
        self.serving = tokio::spawn(serve(listener, "token".into(), ports));
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
