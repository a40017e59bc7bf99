//! A string that .NET's `DataContractSerializer` wrote around the document, in its binary or in its XML form.
//!
//! Azure DevOps sends the binary form to Service Bus unless told otherwise. Its text records are those of
//! [MC-NBFX](https://learn.microsoft.com/openspecs/windows_protocols/mc-nbfx) (`XmlBinaryNodeType` in dotnet/runtime):
//!
//! ```text
//! 40 06 "string" 08 33 "http://schemas…/"   element `string` and its name space
//! 98 UTF-8, length u8      9A u16     9C u32     the record; an odd number closes the element, too
//! B6 UTF-16LE, length u8   B8 u16     BA u32
//! 01                                             closes the element, after an even record
//! ```

use crate::code::Code;
use crate::reading::Refusal;

const PREFIX: &[u8] = b"@\x06string\x083http://schemas.microsoft.com/2003/10/Serialization/";
const XML_START: &str = "<string xmlns=\"http://schemas.microsoft.com/2003/10/Serialization/\">";
const XML_END: &str = "</string>";
const END_ELEMENT: u8 = 0x01;

/// The text in the binary form; None when it is not one.
///
/// The length decides where the text ends. To look for the first brace would be wrong: a length can be one.
pub(super) fn binary(body: &[u8]) -> Option<Result<String, Refusal>> {
    let rest = body.strip_prefix(PREFIX)?;
    let (&record, rest) = rest.split_first()?;
    // What a text decoder leaves of a record byte: the bytes of U+FFFD. It is reported with the text.
    if record == 0xef {
        return None;
    }
    Some(text_record(record, rest))
}

fn text_record(record: u8, rest: &[u8]) -> Result<String, Refusal> {
    let width = match record & !1 {
        0x98 | 0xb6 => 1,
        0x9a | 0xb8 => 2,
        0x9c | 0xba => 4,
        _ => {
            let reason = format!("the .NET record {record:#04x} is no text");
            return Err(Refusal::quarantine(Code::DotnetRecord, reason));
        }
    };
    let wrong = |what: String| Err(Refusal::quarantine(Code::DotnetLength, what));
    let Some((length, rest)) = rest.split_at_checked(width) else {
        return wrong("the .NET record ends within its length".to_owned());
    };
    let length = length.iter().rev().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
    let Some((text, end)) = rest.split_at_checked(length) else {
        return wrong(format!("the .NET record announces {length} bytes and {} follow", rest.len()));
    };
    let expected: &[u8] = if record & 1 == 0 { &[END_ELEMENT] } else { &[] };
    if end != expected {
        return wrong(format!("{} bytes follow the .NET record's {length}", end.len()));
    }
    if record < 0xb0 { super::utf8(text).map(str::to_owned) } else { utf16(text) }
}

fn utf16(text: &[u8]) -> Result<String, Refusal> {
    let refuse = |why: &str| Refusal::quarantine(Code::BodyEncoding, format!("the .NET record {why}"));
    let (units, rest) = text.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(refuse("holds half a UTF-16 unit"));
    }
    char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit)))
        .collect::<Result<String, _>>()
        .map_err(|_| refuse("is not UTF-16"))
}

/// Refuses what a lossy decoder made of the binary form: the length is gone, and with it the end of the text.
pub(super) fn refuse_lossy(text: &str) -> Result<(), Refusal> {
    if text.as_bytes().starts_with(PREFIX) {
        let reason = "the .NET record was decoded as text, which lost its length";
        return Err(Refusal::quarantine(Code::DotnetLossy, reason));
    }
    Ok(())
}

/// The text in the XML form; None when it is not one.
pub(super) fn xml(text: &str) -> Option<Result<String, Refusal>> {
    let inner = text.strip_prefix(XML_START)?;
    let text = inner.strip_suffix(XML_END).and_then(unescaped);
    let refuse = || Refusal::quarantine(Code::DotnetXml, "the XML around the document is not well formed");
    Some(text.ok_or_else(refuse))
}

/// The text of an element without children.
fn unescaped(mut text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    while let Some(next) = text.find(['&', '<']) {
        plain.push_str(&text[..next]);
        let (entity, rest) = text[next..].strip_prefix('&')?.split_once(';')?;
        plain.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            number => {
                let number = number.strip_prefix('#')?;
                let code = match number.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(code)?
            }
        });
        text = rest;
    }
    plain.push_str(text);
    Some(plain)
}
