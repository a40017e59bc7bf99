use super::*;

fn opened(body: &[u8]) -> Result<Value, Code> {
    open(body, Limits::default()).map(|opened| opened.value).map_err(|refusal| refusal.code)
}

#[test]
fn the_whole_body_is_checked_before_any_member_is_read() {
    assert_eq!(opened(b""), Err(Code::BodyEmpty));
    assert_eq!(opened(b" \r\n\t"), Err(Code::BodyEmpty));
    assert_eq!(opened(b"{\"a\":\"\xff\"}"), Err(Code::BodyEncoding));
    assert_eq!(opened(b"\x1f\x8b\x08"), Err(Code::BodyEncoding));
    assert_eq!(opened(br#"{"a":"\ud800"}"#), Err(Code::JsonSyntax));
    assert_eq!(opened(br#"{"a":1"#), Err(Code::JsonSyntax));
    assert_eq!(opened(br#"{"a":1} {}"#), Err(Code::JsonTrailing));
    assert_eq!(opened(br#""{}" {}"#), Err(Code::JsonTrailing));
    assert_eq!(opened(br#"{"a":NaN}"#), Err(Code::JsonSyntax));
    assert_eq!(opened(br#"{"a":1e999}"#), Err(Code::ValueRange));
    assert_eq!(opened(br#"{"a":[{"b":1,"b":1}]}"#), Err(Code::JsonDuplicateMember));
}

#[test]
fn a_document_is_an_object_or_a_list() {
    for text in ["null", "1", "true", "\"x\"", "\"\""] {
        assert_eq!(opened(text.as_bytes()), Err(Code::ShapeTopLevel), "{text}");
    }
    assert!(opened(b"{}").is_ok() && opened(b"[]").is_ok());
}

#[test]
fn depth_is_bounded_whether_anybody_reads_the_member_or_not() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(opened(nested(127).as_bytes()).is_ok());
    assert_eq!(opened(nested(128).as_bytes()), Err(Code::JsonDepth));
    assert_eq!(opened(nested(100_000).as_bytes()), Err(Code::JsonDepth));
    assert_eq!(opened("{\"a\":".repeat(1000).as_bytes()), Err(Code::JsonDepth));
}

#[test]
fn size_is_bounded_in_bytes_and_in_values() {
    assert_eq!(open(b"[1, 2]", Limits { bytes: 5 }).err().map(|refusal| refusal.code), Some(Code::BodyTooLarge));
    let brackets = format!("[{}1]", "{},".repeat(200_000));
    assert_eq!(opened(brackets.as_bytes()), Err(Code::BodyTooLarge));
}

#[test]
fn a_document_is_unwrapped_from_strings_twice_and_no_more() {
    let mut text = r#"{"a":1}"#.to_owned();
    for wrappings in 0..5 {
        let found = opened(text.as_bytes());
        if wrappings <= MOST_WRAPPINGS {
            assert_eq!(found.unwrap()["a"], 1, "{wrappings}");
        } else {
            assert_eq!(found, Err(Code::BodyNestedString), "{wrappings}");
        }
        text = serde_json::to_string(&text).unwrap();
    }
}

#[test]
fn what_was_taken_off_is_remarked() {
    let codes = |body: &str| -> Vec<Code> {
        let opened = open(body.as_bytes(), Limits::default()).map_err(|refusal| refusal.to_string()).ok().unwrap();
        opened.remarks.into_iter().map(|remark| remark.code).collect()
    };
    assert_eq!(codes("{}"), []);
    assert_eq!(codes("\u{feff}{}"), [Code::BodyBom]);
    assert_eq!(codes("\"{}\""), [Code::BodyNestedString]);
    assert_eq!(codes("\"\u{feff}{}\""), [Code::BodyNestedString, Code::BodyBom]);
}

#[test]
fn a_dotnet_string_is_as_long_as_it_says() {
    let body = |record: &[u8]| [PREFIX, record].concat();
    assert_eq!(opened(&body(b"\x98\x02{}\x01")).unwrap(), Value::Object(serde_json::Map::new()));
    assert!(opened(&body(b"\x99\x02{}")).is_ok());
    assert!(opened(&body(b"\x9a\x02\x00{}\x01")).is_ok());
    assert!(opened(&body(b"\x9d\x02\x00\x00\x00{}")).is_ok());
    assert!(opened(&body(b"\xb7\x04{\x00}\x00")).is_ok());
    for (record, code) in [
        (&b"\x98\x02{}"[..], Code::DotnetLength),
        (b"\x99\x02{}\x01", Code::DotnetLength),
        (b"\x99\x03{}", Code::DotnetLength),
        (b"\x9d\xff\xff\xff\x7f{}", Code::DotnetLength),
        (b"\x9d\x02", Code::DotnetLength),
        (b"\xb7\x03{\x00}", Code::BodyEncoding),
        (b"\xb7\x02\x00\xd8", Code::BodyEncoding),
        (b"\x99\x01\xff", Code::BodyEncoding),
        (b"\x86", Code::DotnetRecord),
        (b"\xef\xbf\xbd{}", Code::DotnetLossy),
        (b"{}", Code::DotnetRecord),
        (b"", Code::DotnetLossy),
    ] {
        assert_eq!(opened(&body(record)), Err(code), "{record:x?}");
    }
}

#[test]
fn the_xml_form_is_unescaped_and_has_no_children() {
    let body = |inner: &str| {
        format!("<string xmlns=\"http://schemas.microsoft.com/2003/10/Serialization/\">{inner}</string>").into_bytes()
    };
    assert_eq!(opened(&body("{&quot;a&quot;:&#34;&lt;&#x26;\"}")).unwrap()["a"], "<&");
    for broken in ["{}<b/>", "&nosuch;", "&#xd800;", "&#;", "&"] {
        assert_eq!(opened(&body(broken)), Err(Code::DotnetXml), "{broken}");
    }
}

const PREFIX: &[u8] = b"@\x06string\x083http://schemas.microsoft.com/2003/10/Serialization/";
