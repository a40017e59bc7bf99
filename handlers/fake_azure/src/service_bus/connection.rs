//! One connection, frame by frame.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fe2o3_amqp_types::definitions::{Error, Handle, Role};
use fe2o3_amqp_types::messaging::{Source, TargetArchetype};
use fe2o3_amqp_types::performatives::{
    Attach, Begin, ChannelMax, Close, Detach, End, MaxFrameSize, Open, Performative,
};
use fe2o3_amqp_types::primitives::{OrderedMap, Symbol, Value};
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::broadcast;

use super::delivery::error;
use super::fault::{Fault, Stage};
use super::frames::{self, Frame, HEADER, HEADER_OF_SASL};
use super::namespace::{Order, Shared};

/// Messages that a link may send before it is let send more.
pub(super) const CREDIT: u32 = 1000;
/// Frames of a session likewise.
pub(super) const WINDOW: u32 = 5000;
const FRAME_BYTES_MAX: u32 = 64 << 10;
const HEARTBEAT: Duration = Duration::from_secs(5);

/// The connection is over.
pub(super) struct Over;

pub(super) struct Connection<S> {
    stream: S,
    pub shared: Arc<Shared>,
    /// By the peer's channel, which is ours, too: frames of transfers that have come, and that went.
    pub sessions: BTreeMap<u16, (u32, u32)>,
    /// By channel and the peer's handle, which is ours, too.
    pub links: BTreeMap<At, Link>,
    /// Queues that the peer may send to, until then.
    pub opened: BTreeMap<String, Timestamp>,
}

/// Channel and handle.
pub(super) type At = (u16, u32);

pub(super) struct Link {
    /// The queue, or `$cbs`.
    pub node: String,
    /// Whether the peer sends.
    pub sends: bool,
    pub count: u32,
    /// The delivery that is coming: number, format, bytes.
    pub delivery: Option<(u32, u32, Vec<u8>)>,
}

/// Serves a connection to its end.
pub(super) async fn serve<S>(stream: S, shared: Arc<Shared>, mut orders: broadcast::Receiver<Order>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (sessions, links, opened) = Default::default();
    let mut connection = Connection { stream, shared, sessions, links, opened };
    let mut buffer = Vec::new();
    if connection.greet(&mut buffer).await.is_err() {
        return;
    }
    // Not at once: nothing may come before the first frame of the connection.
    let mut heartbeat = tokio::time::interval_at(tokio::time::Instant::now() + HEARTBEAT, HEARTBEAT);
    loop {
        while let Some(frame) = frames::take(&mut buffer) {
            if connection.take(frame).await.is_err() {
                return;
            }
        }
        let done = tokio::select! {
            read = connection.stream.read_buf(&mut buffer) => match read {
                Ok(1..) => Ok(()),
                _ => Err(Over),
            },
            order = orders.recv() => match order {
                Ok(order) => connection.obey(order).await,
                Err(_) => Ok(()),
            },
            _ = heartbeat.tick() => connection.write(&frames::empty()).await,
        };
        if done.is_err() {
            return;
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Protocol headers and SASL: everybody is welcome, tokens come later.
    async fn greet(&mut self, buffer: &mut Vec<u8>) -> Result<(), Over> {
        let header = self.read(buffer, |buffer| (buffer.len() >= 8).then(|| buffer.drain(..8).collect())).await?;
        assert_eq!(header, HEADER_OF_SASL, "the service wants SASL");
        self.write(&HEADER_OF_SASL).await?;
        self.write(&frames::mechanisms()).await?;
        let init = self.read(buffer, frames::take_bytes).await?;
        assert!(init.windows(9).any(|name| name == b"ANONYMOUS"), "another mechanism");
        self.write(&frames::welcome()).await?;
        let header = self.read(buffer, |buffer| (buffer.len() >= 8).then(|| buffer.drain(..8).collect())).await?;
        assert_eq!(header, HEADER);
        self.write(&HEADER).await
    }

    async fn read(
        &mut self,
        buffer: &mut Vec<u8>,
        mut part: impl FnMut(&mut Vec<u8>) -> Option<Vec<u8>>,
    ) -> Result<Vec<u8>, Over> {
        loop {
            if let Some(part) = part(buffer) {
                return Ok(part);
            }
            match self.stream.read_buf(buffer).await {
                Ok(1..) => {}
                _ => return Err(Over),
            }
        }
    }

    async fn take(&mut self, frame: Frame) -> Result<(), Over> {
        let Some(performative) = frame.performative else { return Ok(()) };
        self.shared.note(frames::names(&performative).0);
        let channel = frame.channel;
        match performative {
            Performative::Open(open) => self.open(&open).await,
            Performative::Begin(begin) => self.begin(channel, &begin).await,
            Performative::Attach(attach) => self.attach(channel, attach).await,
            Performative::Transfer(transfer) => self.transfer(channel, transfer, frame.payload).await,
            // What the peer lets us send, and what it thinks of our answers.
            Performative::Flow(_) | Performative::Disposition(_) => Ok(()),
            Performative::Detach(detach) => match self.links.remove(&(channel, detach.handle.0)) {
                Some(_) => {
                    let detach = Detach { handle: detach.handle, closed: detach.closed, error: None };
                    self.send(channel, Performative::Detach(detach)).await
                }
                // The answer to ours.
                None => Ok(()),
            },
            Performative::End(_) => {
                self.links.retain(|(of, _), _| *of != channel);
                match self.sessions.remove(&channel) {
                    Some(_) => self.send(channel, Performative::End(End { error: None })).await,
                    // The answer to ours.
                    None => Ok(()),
                }
            }
            Performative::Close(_) => {
                let _ = self.send(0, Performative::Close(Close { error: None })).await;
                Err(Over)
            }
        }
    }

    async fn open(&mut self, open: &Open) -> Result<(), Over> {
        assert!(open.hostname.is_some(), "the service finds the namespace by it");
        self.send(
            0,
            Performative::Open(Open {
                container_id: "namespace".into(),
                hostname: None,
                max_frame_size: MaxFrameSize(FRAME_BYTES_MAX),
                channel_max: ChannelMax(4999),
                idle_time_out: Some(240_000),
                outgoing_locales: None,
                incoming_locales: None,
                offered_capabilities: None,
                desired_capabilities: None,
                properties: None,
            }),
        )
        .await
    }

    async fn begin(&mut self, channel: u16, begin: &Begin) -> Result<(), Over> {
        self.sessions.insert(channel, (begin.next_outgoing_id, 0));
        self.send(
            channel,
            Performative::Begin(Begin {
                remote_channel: Some(channel),
                next_outgoing_id: 1,
                incoming_window: WINDOW,
                outgoing_window: WINDOW,
                handle_max: Handle(255),
                offered_capabilities: None,
                desired_capabilities: None,
                properties: None,
            }),
        )
        .await
    }

    async fn attach(&mut self, channel: u16, attach: Attach) -> Result<(), Over> {
        let sends = attach.role == Role::Sender;
        let node = match (&attach.target, &attach.source) {
            (Some(target), _) if sends => {
                let TargetArchetype::Target(target) = &**target;
                target.address.clone().unwrap_or_default()
            }
            (_, Some(source)) => source.address.clone().unwrap_or_default(),
            _ => String::new(),
        };
        let at = (channel, attach.handle.0);
        let refusal = if node == "$cbs" { None } else { self.refusal(&node, sends).await? };
        let (bytes, batch) = self.shared.limits();
        let properties = batch.map(|batch| {
            let mut properties = OrderedMap::new();
            properties.insert(Symbol::from("com.microsoft:max-message-batch-size"), Value::Ulong(batch));
            properties
        });
        let target = if refusal.is_some() { None } else { attach.target };
        self.send(
            channel,
            Performative::Attach(Attach {
                role: if sends { Role::Receiver } else { Role::Sender },
                source: attach.source.or_else(|| Some(Box::<Source>::default())),
                target,
                unsettled: None,
                initial_delivery_count: (!sends).then_some(0),
                max_message_size: Some(bytes),
                properties,
                ..attach
            }),
        )
        .await?;
        if let Some(error) = refusal {
            return self.detach(at, Some(error)).await;
        }
        self.links.insert(at, Link { node, sends, count: 0, delivery: None });
        if sends { self.let_send(at).await } else { Ok(()) }
    }

    /// Why the peer may not send to a queue.
    async fn refusal(&mut self, node: &str, sends: bool) -> Result<Option<Error>, Over> {
        match self.shared.fault(Stage::Attach) {
            Some(Fault::Attach((condition, text))) => return Ok(Some(error(condition, text))),
            Some(Fault::AttachSilence) => std::future::pending().await,
            Some(_) => return Err(Over),
            None => {}
        }
        let now = Timestamp::now();
        if !sends {
            return Ok(Some(error("amqp:not-implemented", "Only senders are known here.")));
        }
        if self.opened.get(&node.to_ascii_lowercase()).is_none_or(|end| *end <= now) {
            let text =
                format!("Unauthorized access. 'Send' claim(s) are required to perform this operation on '{node}'.");
            return Ok(Some(error("amqp:unauthorized-access", &text)));
        }
        let nothing = self.shared.queues.take(node, Vec::new(), now);
        Ok(nothing.err().map(|refusal| error(refusal.condition, &refusal.description)))
    }

    async fn obey(&mut self, order: Order) -> Result<(), Over> {
        match order {
            Order::Drop => Err(Over),
            Order::Close((condition, text)) => self.close(condition, text).await,
            Order::Detach((condition, text)) => {
                let queues = self.links.iter().filter(|(_, link)| link.node != "$cbs").map(|(at, _)| *at);
                for at in queues.collect::<Vec<_>>() {
                    self.detach(at, Some(error(condition, text))).await?;
                }
                Ok(())
            }
        }
    }

    pub async fn detach(&mut self, at: At, error: Option<Error>) -> Result<(), Over> {
        self.links.remove(&at);
        self.send(at.0, Performative::Detach(Detach { handle: Handle(at.1), closed: true, error })).await
    }

    pub async fn close(&mut self, condition: &str, text: &str) -> Result<(), Over> {
        let _ = self.send(0, Performative::Close(Close { error: Some(error(condition, text)) })).await;
        Err(Over)
    }

    pub async fn send(&mut self, channel: u16, performative: Performative) -> Result<(), Over> {
        self.shared.note(frames::names(&performative).1);
        self.write(&frames::write(channel, &performative, &[])).await
    }

    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Over> {
        self.stream.write_all(bytes).await.map_err(|_| Over)?;
        self.stream.flush().await.map_err(|_| Over)
    }
}
