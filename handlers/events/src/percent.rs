//! Percent-encoding, undone once.

/// The text behind a percent-encoded one; None when it is no text, or no encoding. `plus` is a blank in forms.
pub(crate) fn decoded(text: &[u8], plus: u8) -> Option<String> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'%' => {
                let (digits, after) = rest.split_first_chunk::<2>()?;
                let digit = |digit: u8| char::from(digit).to_digit(16);
                let code = digit(digits[0])? * 16 + digit(digits[1])?;
                plain.push(u8::try_from(code).ok()?);
                rest = after;
            }
            b'+' => plain.push(plus),
            byte => plain.push(byte),
        }
    }
    String::from_utf8(plain).ok()
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn an_encoding_is_undone_once() {
        assert_eq!(decoded(b"batch%200007%20(%C3%A9)%231+2", b'+').unwrap(), "batch 0007 (é)#1+2");
        assert_eq!(decoded(b"a+b%252F", b' ').unwrap(), "a b%2F");
        for broken in [&b"%"[..], b"%4", b"%zz", b"%ff", b"%+1"] {
            assert_eq!(decoded(broken, b' '), None, "{broken:?}");
        }
    }
}
