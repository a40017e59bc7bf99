//! Starts the handler, notices when it is ready and when it has ended, and starts it again.
//!
//! ```text
//! Starting --answers--> Ready --ends--> code 0: stays ended; code 200: Starting; else a crash: Starting, or give up
//!    `--ends, or does not answer in time: a crash
//! ```

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{error, info, warn};

use super::super::HostError;
use super::super::stop::Stop;
use super::crashes::Crashes;
use super::launch::{Launch, Process};
use super::{Handler, HandlerState, probe};

/// A handler that ends with this code wants to be started again.
const RESTART_ME: i32 = 200;

/// How a process's life went.
enum End {
    Wanted,
    Exited(ExitStatus),
    NotReady,
    Lost(std::io::Error),
}

/// Keeps a handler running until `end`. The first start is the caller's to see fail.
pub(crate) fn supervise(
    launch: Launch,
    handler: Arc<Handler>,
    ready_within: Duration,
    end: Stop,
) -> Result<impl Future<Output = Result<(), HostError>>, HostError> {
    let mut process = launch.start()?;
    Ok(async move {
        let mut crashes = Crashes::default();
        loop {
            let ended = live(&mut process, &handler, ready_within, &end).await;
            let how = match ended {
                End::Wanted => {
                    kill(process).await;
                    handler.set(HandlerState::Stopped);
                    return Ok(());
                }
                End::Exited(status) if status.code() == Some(0) => {
                    error!(
                        "The handler has ended with code 0. As in Azure it is not started again, and every \
                         invocation fails from here on: a handler must not end while its host lives"
                    );
                    handler.set(HandlerState::Ended);
                    end.requested().await;
                    return Ok(());
                }
                End::Exited(status) if status.code() == Some(RESTART_ME) => {
                    info!("The handler asks to be started again");
                    None
                }
                End::Exited(status) => Some(format!("ended with {status}")),
                End::NotReady => Some(format!("did not answer `GET /` within {ready_within:?} and was killed")),
                End::Lost(error) => Some(format!("could not be watched ({error}) and was killed")),
            };
            handler.set(HandlerState::Starting);
            if let Some(how) = how {
                // Nothing happens if it has ended already.
                let _ = process.child.kill().await;
                let last_words = process.last_words().await;
                if let Some(crashes) = crashes.count(Instant::now()) {
                    handler.set(HandlerState::Stopped);
                    return Err(HostError::HandlerCrashed { crashes, how, last_words });
                }
                error!("The handler {how}, and is started again{last_words}");
            }
            process = launch.start()?;
        }
    })
}

async fn live(process: &mut Process, handler: &Handler, ready_within: Duration, end: &Stop) -> End {
    let pid = process.child.id();
    let starting = Instant::now();
    tokio::select! {
        () = end.requested() => return End::Wanted,
        ended = process.child.wait() => return ended.map_or_else(End::Lost, End::Exited),
        ready = tokio::time::timeout(ready_within, probe::answered(&handler.client)) => {
            if ready.is_err() {
                return End::NotReady;
            }
        }
    }
    info!("The handler is ready after {:.1?} (process {})", starting.elapsed(), pid.unwrap_or_default());
    handler.set(HandlerState::Ready { pid });
    tokio::select! {
        () = end.requested() => End::Wanted,
        ended = process.child.wait() => ended.map_or_else(End::Lost, End::Exited),
    }
}

/// There is no gentler way: the real host kills, too.
async fn kill(mut process: Process) {
    if let Err(error) = process.child.kill().await {
        warn!("The handler could not be killed: {error}");
    }
}

/// Looks after a handler that somebody else starts and ends, for instance in a debugger.
pub(crate) async fn attend(handler: Arc<Handler>, end: Stop) {
    let look = async {
        loop {
            probe::answered(&handler.client).await;
            info!("The handler on port {} is ready", handler.port());
            handler.set(HandlerState::Ready { pid: None });
            // A process that is not ours ends unseen, but its connections end with it.
            while handler.client.probe().await.is_ok() {
                handler.client.until_closed().await;
            }
            warn!("The handler on port {} does not answer: waiting for it", handler.port());
            handler.set(HandlerState::Starting);
        }
    };
    tokio::select! {
        () = end.requested() => {}
        () = look => {}
    }
    handler.set(HandlerState::Stopped);
}
