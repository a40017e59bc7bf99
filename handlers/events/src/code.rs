//! The short words for what is noticed while reading. They are counted, searched for and tested by name.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why a body was refused, or what was noticed on the way.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The code as it is counted and logged.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    /// Nothing, or nothing but blanks.
    BodyEmpty = "body.empty",
    /// More bytes, or more values, than a sender has reason to send.
    BodyTooLarge = "body.too_large",
    /// Not UTF-8.
    BodyEncoding = "body.encoding",
    /// Began with a byte order mark, which was taken off.
    BodyBom = "body.bom",
    /// A JSON string that holds the document; unwrapped, unless nested too often.
    BodyNestedString = "body.nested_string",

    /// A .NET text record whose length is not that of the body.
    DotnetLength = "dotnet.length",
    /// A .NET record that is no text.
    DotnetRecord = "dotnet.record",
    /// A .NET record that somebody decoded as text, which lost its length.
    DotnetLossy = "dotnet.lossy",
    /// The XML form of a .NET string, and not well formed.
    DotnetXml = "dotnet.xml",

    /// Not JSON.
    JsonSyntax = "json.syntax",
    /// Something follows the document.
    JsonTrailing = "json.trailing",
    /// Nested too deeply.
    JsonDepth = "json.depth",
    /// An object that has a name twice.
    JsonDuplicateMember = "json.duplicate_member",

    /// Neither an object nor an array where one is required.
    ShapeTopLevel = "shape.top_level",
    /// A member of the wrong type.
    ShapeMember = "shape.member",
    /// A member that must be there and is not.
    ShapeMissing = "shape.missing",

    /// A number outside of what it counts.
    ValueRange = "value.range",
    /// A time that is none; the time of arrival has to do.
    ValueDate = "value.date",
    /// A status that is not known, which is never success.
    ValueStatus = "value.status",
    /// A text that was cut.
    TextTruncated = "text.truncated",

    /// A batch without events.
    BatchEmpty = "batch.empty",
    /// More events than a batch may have.
    BatchTooLarge = "batch.too_large",
    /// The same event for the second time.
    EventDuplicate = "event.duplicate",
    /// Another event under an id that was already there.
    EventIdConflict = "event.id_conflict",
    /// No id; the digest of what was said has to do.
    EventNoId = "event.no_id",
    /// A kind that nobody here waits for.
    EventUnknownType = "event.unknown_type",
    /// A newer version of the contract; what is known of it was read.
    EventNewerVersion = "event.newer_version",
    /// Two of its members contradict each other.
    EventInconsistent = "event.inconsistent",
    /// News of a job that had already ended when it was sent.
    EventOutOfOrder = "event.out_of_order",
    /// Comes from the dead letters of Event Grid.
    EventReplayed = "event.replayed",
    /// The sender held details back; they are asked for where they are needed.
    EventIncomplete = "event.incomplete",

    /// Another version of CloudEvents.
    CloudEventsVersion = "cloudevents.version",
    /// `specVersion`, as some official examples spell it.
    CloudEventsCasing = "cloudevents.casing",
    /// Data twice, as JSON and as base64.
    CloudEventsTwoPayloads = "cloudevents.two_payloads",

    /// More than one event should set in motion; the rest was left out.
    FanoutLimit = "fanout.limit",
    /// A name that git does not allow.
    RefInvalid = "ref.invalid",
    /// An id that is no git object's.
    RefObjectId = "ref.object_id",
    /// A name that git allows and that would harm whoever takes it for more than a name.
    RefHostile = "ref.hostile",
    /// From nothing to nothing.
    RefNoChange = "ref.no_change",

    /// A name or digest that no registry would have.
    ImageInvalid = "image.invalid",
    /// A name that no model can have.
    ModelName = "model.name",
    /// A name that leads out of its container.
    BlobName = "blob.name",
    /// An address that is not that of the account.
    UrlNotAllowed = "url.not_allowed",

    /// A repository or project that is not watched.
    RepoNotAllowed = "repo.not_allowed",
    /// A registry that is not watched.
    RegistryNotAllowed = "registry.not_allowed",
    /// A resource that is not watched.
    TopicNotAllowed = "topic.not_allowed",

    /// The code is to be echoed; the address beside it is never called.
    ValidationEchoOnly = "validation.echo_only",
    /// A handshake for a subscription that is not ours.
    ValidationNotExpected = "validation.not_expected",

    /// Came form-encoded.
    GithubForm = "github.form",
    /// The header names another event than the body is.
    GithubEventMismatch = "github.event_mismatch",

    /// No signature, or none that is good enough.
    SignatureMissing = "signature.missing",
    /// Not signed with our secret, or changed on the way.
    SignatureMismatch = "signature.mismatch",
    /// Signed too long ago, or in the future.
    SignatureExpired = "signature.expired",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
