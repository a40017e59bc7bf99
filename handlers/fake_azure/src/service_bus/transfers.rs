//! What comes over a link: messages for queues, and tokens for `$cbs`.

use fe2o3_amqp_types::definitions::{Handle, Role};
use fe2o3_amqp_types::messaging::{Accepted, DeliveryState, MessageId, Rejected, Released};
use fe2o3_amqp_types::performatives::{Disposition, End, Flow, Performative, Transfer};
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::{At, CREDIT, Connection, Over, WINDOW};
use super::delivery::{self, error};
use super::fault::{Fault, Stage};
use super::frames;
use super::namespace::PutToken;
use super::queues::Refusal;
use super::signature;

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// A frame of a message, or all of it.
    pub async fn transfer(&mut self, channel: u16, transfer: Transfer, payload: Vec<u8>) -> Result<(), Over> {
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
    pub async fn let_send(&mut self, at: At) -> Result<(), Over> {
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
}
