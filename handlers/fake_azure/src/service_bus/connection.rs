//! One connection, frame by frame.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fe2o3_amqp_types::definitions::{Error, Handle, Role};
use fe2o3_amqp_types::messaging::{
    Accepted, DeliveryState, MessageId, Rejected, Released, Source, Target, TargetArchetype,
};
use fe2o3_amqp_types::performatives::{
    Attach, Begin, ChannelMax, Close, Detach, Disposition, End, Flow, MaxFrameSize, Open, Performative, Transfer,
};
use fe2o3_amqp_types::primitives::{OrderedMap, Symbol, Value};
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::broadcast;

use super::delivery::{self, error};
use super::fault::{Fault, Stage};
use super::frames::{self, Frame, HEADER, HEADER_OF_SASL};
use super::namespace::{Order, PutToken, Shared};
use super::queues::Refusal;
use super::signature;

/// Messages that a link may send before it is let send more.
const CREDIT: u32 = 1000;
/// Frames of a session likewise.
const WINDOW: u32 = 5000;
const FRAME_BYTES_MAX: u32 = 64 << 10;
const HEARTBEAT: Duration = Duration::from_secs(5);

/// The connection is over.
struct Over;

struct Connection<S> {
    stream: S,
    shared: Arc<Shared>,
    /// By the peer's channel, which is ours, too: frames of transfers that have come, and that went.
    sessions: BTreeMap<u16, (u32, u32)>,
    /// By channel and the peer's handle, which is ours, too.
    links: BTreeMap<At, Link>,
    /// Queues that the peer may send to, until then.
    opened: BTreeMap<String, Timestamp>,
}

/// Channel and handle.
type At = (u16, u32);

struct Link {
    /// The queue, or `$cbs`.
    node: String,
    /// Whether the peer sends.
    sends: bool,
    count: u32,
    /// The delivery that is coming: number, format, bytes.
    delivery: Option<(u32, u32, Vec<u8>)>,
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
        self.shared.note(came(frames::name(&performative)));
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
                target: target.map(|target| match *target {
                    TargetArchetype::Target(target) => Box::new(TargetArchetype::Target(Target { ..target })),
                }),
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

    async fn transfer(&mut self, channel: u16, transfer: Transfer, payload: Vec<u8>) -> Result<(), Over> {
        if let Some((incoming, _)) = self.sessions.get_mut(&channel) {
            *incoming = incoming.wrapping_add(1);
        }
        let at = (channel, transfer.handle.0);
        // It was on its way when the link was detached.
        let Some(link) = self.links.get_mut(&at) else { return Ok(()) };
        assert!(link.sends, "a transfer to a link that only receives");
        let first = (transfer.delivery_id.unwrap_or_default(), transfer.message_format.unwrap_or_default(), Vec::new());
        let delivery = link.delivery.get_or_insert(first);
        delivery.2.extend(payload);
        if transfer.more {
            return Ok(());
        }
        let (number, format, bytes) = link.delivery.take().unwrap();
        link.count = link.count.wrapping_add(1);
        let (node, is_due) = (link.node.clone(), link.count % (CREDIT / 2) == 0);
        if node == "$cbs" {
            self.settle(channel, number, DeliveryState::Accepted(Accepted {})).await?;
            return self.token(&bytes).await;
        }
        self.deliver(at, &node, number, (format, &bytes)).await?;
        if is_due { self.let_send(at).await } else { Ok(()) }
    }

    async fn deliver(&mut self, at: At, queue: &str, number: u32, delivery: (u32, &[u8])) -> Result<(), Over> {
        let fault = self.shared.fault(Stage::Transfer);
        let rejected =
            |condition: &str, text: &str| DeliveryState::Rejected(Rejected { error: Some(error(condition, text)) });
        // Those that let nothing in.
        match fault {
            Some(Fault::Reject((condition, text))) => {
                return self.settle(at.0, number, rejected(condition, text)).await;
            }
            Some(Fault::Release) => return self.settle(at.0, number, DeliveryState::Released(Released {})).await,
            Some(Fault::Detach((condition, text))) => return self.detach(at, Some(error(condition, text))).await,
            Some(Fault::DetachSilent) => return self.detach(at, None).await,
            Some(Fault::End((condition, text))) => {
                self.links.retain(|(of, _), _| *of != at.0);
                self.sessions.remove(&at.0);
                return self.send(at.0, Performative::End(End { error: Some(error(condition, text)) })).await;
            }
            Some(Fault::Close((condition, text))) => return self.close(condition, text).await,
            Some(Fault::Drop) => return Err(Over),
            Some(Fault::Silence) => return Ok(()),
            _ => {}
        }
        let (format, bytes) = delivery;
        let taken = match delivery::messages(format, bytes) {
            _ if u64::try_from(bytes.len()).unwrap() > self.shared.limits().0 => {
                Err(("amqp:link:message-size-exceeded", "The received message is too large.".to_owned()))
            }
            None => Err(("amqp:decode-error", "The message cannot be read.".to_owned())),
            Some(messages) => {
                let taken = self.shared.queues.take(queue, messages, Timestamp::now());
                taken.map_err(|Refusal { condition, description, .. }| (condition, description))
            }
        };
        match fault {
            Some(Fault::DetachAfter((condition, text))) => self.detach(at, Some(error(condition, text))).await,
            Some(Fault::DropAfter) => Err(Over),
            Some(Fault::SilenceAfter) => Ok(()),
            _ => {
                let state = match taken {
                    Ok(()) => DeliveryState::Accepted(Accepted {}),
                    Err((condition, text)) => rejected(condition, &text),
                };
                self.settle(at.0, number, state).await
            }
        }
    }

    /// A token at `$cbs`: it is answered over the link that the peer receives on.
    async fn token(&mut self, payload: &[u8]) -> Result<(), Over> {
        let (put, id) = delivery::put_token(payload).expect("a request that the service understands");
        let (status, text) = match self.shared.fault(Stage::Token) {
            Some(Fault::Token(status, text)) => (status, text.to_owned()),
            Some(Fault::TokenSilence) => return Ok(()),
            Some(_) => return Err(Over),
            None => match self.check(&put) {
                Ok(()) => (202, "Accepted".to_owned()),
                Err(why) => (401, why),
            },
        };
        self.shared.keep(put);
        self.answer(id, status, &text).await
    }

    fn check(&mut self, put: &PutToken) -> Result<(), String> {
        let now = Timestamp::now();
        let end = match put.kind.as_str() {
            "servicebus.windows.net:sastoken" => signature::check(&put.token, &put.audience, now)?,
            "jwt" if put.token.starts_with("SharedAccess") => return Err("40108: that is no token of Entra".into()),
            // By the test's clock, which is not ours.
            "jwt" => put.expires_at.map_or(Timestamp::MAX, |_| Timestamp::MAX),
            other => return Err(format!("40109: {other} is no kind of token")),
        };
        let path = put.audience.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
        let (_, node) = path.ok_or("40110: the audience has no queue")?;
        self.opened.insert(node.to_ascii_lowercase(), end);
        Ok(())
    }

    async fn answer(&mut self, id: MessageId, status: u16, text: &str) -> Result<(), Over> {
        let to = self.links.iter().find(|(_, link)| link.node == "$cbs" && !link.sends).map(|(at, _)| *at);
        let (channel, handle) = to.expect("somebody who waits for the answer");
        let (_, outgoing) = self.sessions.get_mut(&channel).unwrap();
        let transfer = Transfer {
            handle: Handle(handle),
            delivery_id: Some(*outgoing),
            delivery_tag: Some(outgoing.to_be_bytes().to_vec().into()),
            message_format: Some(0),
            settled: Some(true),
            more: false,
            rcv_settle_mode: None,
            state: None,
            resume: false,
            aborted: false,
            batchable: false,
        };
        *outgoing += 1;
        self.shared.note("-> transfer");
        let bytes =
            frames::write(channel, &Performative::Transfer(transfer), &delivery::token_answer(id, status, text));
        self.write(&bytes).await
    }

    async fn settle(&mut self, channel: u16, number: u32, state: DeliveryState) -> Result<(), Over> {
        self.send(
            channel,
            Performative::Disposition(Disposition {
                role: Role::Receiver,
                first: number,
                last: None,
                settled: true,
                state: Some(state),
                batchable: false,
            }),
        )
        .await
    }

    /// Lets a link send more, and the session, too.
    async fn let_send(&mut self, at: At) -> Result<(), Over> {
        let delivery_count = self.links.get(&at).map(|link| link.count);
        let Some((incoming, outgoing)) = self.sessions.get(&at.0).copied() else { return Ok(()) };
        self.send(
            at.0,
            Performative::Flow(Flow {
                next_incoming_id: Some(incoming),
                incoming_window: WINDOW,
                next_outgoing_id: outgoing + 1,
                outgoing_window: WINDOW,
                handle: Some(Handle(at.1)),
                delivery_count,
                link_credit: Some(CREDIT),
                available: None,
                drain: false,
                echo: false,
                properties: None,
            }),
        )
        .await
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

    async fn detach(&mut self, at: At, error: Option<Error>) -> Result<(), Over> {
        self.links.remove(&at);
        self.send(at.0, Performative::Detach(Detach { handle: Handle(at.1), closed: true, error })).await
    }

    async fn close(&mut self, condition: &str, text: &str) -> Result<(), Over> {
        let _ = self.send(0, Performative::Close(Close { error: Some(error(condition, text)) })).await;
        Err(Over)
    }

    async fn send(&mut self, channel: u16, performative: Performative) -> Result<(), Over> {
        self.shared.note(went(frames::name(&performative)));
        self.write(&frames::write(channel, &performative, &[])).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Over> {
        self.stream.write_all(bytes).await.map_err(|_| Over)?;
        self.stream.flush().await.map_err(|_| Over)
    }
}

fn came(name: &'static str) -> &'static str {
    match name {
        "transfer" => "<- transfer",
        "attach" => "<- attach",
        "disposition" => "<- disposition",
        "detach" => "<- detach",
        "flow" => "<- flow",
        "open" => "<- open",
        "begin" => "<- begin",
        "end" => "<- end",
        _ => "<- close",
    }
}

fn went(name: &'static str) -> &'static str {
    match name {
        "disposition" => "-> disposition",
        "attach" => "-> attach",
        "detach" => "-> detach",
        "flow" => "-> flow",
        "open" => "-> open",
        "begin" => "-> begin",
        "end" => "-> end",
        _ => "-> close",
    }
}
