//! What goes wrong with a connection. Each fault waits for the moment that it is about, and happens once.

/// A word of AMQP and a sentence.
pub type Words = (&'static str, &'static str);

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A connection is closed as soon as it is there.
    Hangup,
    /// A connection is accepted, and nobody speaks.
    Mute,
    /// A token is answered with this status.
    Token(u16, &'static str),
    /// A token is not answered.
    TokenSilence,
    /// The connection ends when a token comes.
    TokenDrop,
    /// A link is refused: a null target, and then a detach.
    Attach(Words),
    /// A link is not answered.
    AttachSilence,
    /// The connection ends when a link is asked for.
    AttachDrop,
    /// A message is refused, and the link stays.
    Reject(Words),
    /// A message is given back.
    Release,
    /// The link is detached, and the message is not taken.
    Detach(Words),
    /// The same without a word.
    DetachSilent,
    /// The message is taken, and then the link is detached.
    DetachAfter(Words),
    /// The session is ended, and the message is not taken.
    End(Words),
    /// The connection is closed in good order, and the message is not taken.
    Close(Words),
    /// The connection breaks before the message is taken.
    Drop,
    /// The connection breaks after the message is taken: the reply is lost.
    DropAfter,
    /// The message is not taken, and nobody says so.
    Silence,
    /// The message is taken, and nobody says so.
    SilenceAfter,
}

/// When a fault may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Connection,
    Token,
    Attach,
    Transfer,
}

impl Fault {
    pub(super) fn stage(self) -> Stage {
        match self {
            Self::Hangup | Self::Mute => Stage::Connection,
            Self::Token(..) | Self::TokenSilence | Self::TokenDrop => Stage::Token,
            Self::Attach(_) | Self::AttachSilence | Self::AttachDrop => Stage::Attach,
            _ => Stage::Transfer,
        }
    }
}
