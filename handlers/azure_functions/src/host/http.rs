//! A request to a function with an HTTP trigger, as the host passes it on.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    Call,
    envelope::push_nested,
    json::{push_quoted, push_string},
};
use crate::{Members, Value};

/// Core tools' caller: whoever is on this machine is its master.
const IDENTITIES: &str = concat!(
    r#"[{"AuthenticationType":"WebJobsAuthLevel","IsAuthenticated":true,"Actor":null,"BootstrapContext":null,"#,
    r#""Claims":[{"Issuer":"LOCAL AUTHORITY","OriginalIssuer":"LOCAL AUTHORITY","Properties":{},"#,
    r#""Type":"http://schemas.microsoft.com/2017/07/functions/claims/authlevel","Value":"Admin","#,
    r#""ValueType":"http://www.w3.org/2001/XMLSchema#string"}],"Label":null,"Name":null,"#,
    r#""NameClaimType":"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name","#,
    r#""RoleClaimType":"http://schemas.microsoft.com/ws/2008/06/identity/claims/role"}]"#,
);

/// What a caller sent.
#[derive(Clone, Copy, Debug)]
pub struct CallerRequest<'a> {
    /// Scheme, host, path and query.
    pub url: &'a str,
    /// In capitals.
    pub method: &'a str,
    /// Names and values in the order in which they came, decoded.
    pub query: &'a [(String, String)],
    /// Names and values in the order in which they came.
    pub headers: &'a [(String, String)],
    /// The route's parameters; an optional one that is not there has no value.
    pub params: &'a [(String, Option<String>)],
    /// What there is of a body.
    pub body: RequestBody<'a>,
}

/// The body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestBody<'a> {
    /// None, or one whose length was not told.
    Absent,
    /// Text, JSON included.
    Text(&'a str),
    /// Text with a content type that says JSON: its members go into the metadata as well.
    Json(&'a str),
    /// `application/octet-stream` or `multipart/*`.
    Bytes(&'a [u8]),
}

impl Call<'_> {
    /// Renders a request, with core tools' identity.
    pub fn http(&self, request: &CallerRequest<'_>) -> String {
        let mut out = self.open(4096);
        out.push_str(r#"{"Url":"#);
        push_string(&mut out, request.url);
        out.push_str(r#","Method":"#);
        push_string(&mut out, request.method);
        out.push_str(r#","Query":"#);
        push_object(&mut out, &grouped(request.query), |out, values| push_string(out, &values.join(",")));
        let headers = grouped(request.headers);
        out.push_str(r#","Headers":"#);
        push_object(&mut out, &headers, |out, values| {
            push_list(out, '[', values, ']', |out, value| push_string(out, value));
        });
        out.push_str(r#","Params":"#);
        push_list(&mut out, '{', request.params, '}', |out, (name, value)| {
            push_string(out, name);
            out.push(':');
            match value {
                Some(value) => push_string(out, value),
                None => out.push_str("null"),
            }
        });
        out.push_str(r#","Identities":"#);
        out.push_str(IDENTITIES);
        match request.body {
            RequestBody::Absent => {}
            RequestBody::Text(text) | RequestBody::Json(text) => {
                out.push_str(r#","Body":"#);
                push_string(&mut out, text);
            }
            RequestBody::Bytes(bytes) => {
                out.push_str(r#","Body":""#);
                STANDARD.encode_string(bytes, &mut out);
                out.push('"');
            }
        }
        out.push_str(r#"}},"Metadata":{"#);
        let metadata = metadata(request, &headers);
        for (name, json) in &metadata {
            push_string(&mut out, name);
            out.push(':');
            out.push_str(json);
            out.push(',');
        }
        let is_sys = |(name, _): &(String, String)| name.eq_ignore_ascii_case("sys");
        let sys = if metadata.iter().any(is_sys) { "$sys" } else { "sys" };
        self.close(out, sys)
    }
}

/// Members of the body, the query and the route, later ones instead of earlier ones; then `Query` and `Headers`,
/// unless one of those is called so.
fn metadata(request: &CallerRequest<'_>, headers: &[(&str, Vec<&str>)]) -> Vec<(String, String)> {
    let mut members: Vec<(String, String)> = Vec::new();
    let mut set = |name: &str, json: String, replace: bool| {
        let is_it = |(known, _): &&mut (String, String)| known.eq_ignore_ascii_case(name);
        match members.iter_mut().find(is_it) {
            Some((_, known)) if replace => *known = json,
            Some(_) => {}
            None => members.push((name.to_owned(), json)),
        }
    };
    if let RequestBody::Json(body) = request.body {
        let body: Members<'_> = Value::new(body.trim()).members();
        for (name, value) in body.iter() {
            if let Some(json) = body_member(value).filter(|_| !ends_in_trigger(name)) {
                set(name, json, true);
            }
        }
    }
    let quoted = |value: &str| {
        let mut json = String::new();
        push_quoted(&mut json, value);
        json
    };
    for (name, value) in request.query {
        if !name.eq_ignore_ascii_case("code") && !ends_in_trigger(name) {
            set(name, quoted(value), true);
        }
    }
    for (name, value) in request.params {
        if let Some(value) = value.as_deref().filter(|_| !ends_in_trigger(name)) {
            set(name, quoted(value), true);
        }
    }
    let (mut query_json, mut headers_json) = (String::new(), String::new());
    push_object(&mut query_json, &grouped(request.query), |out, values| {
        push_string(out, values.last().unwrap_or(&""));
    });
    push_object(&mut headers_json, headers, |out, values| push_string(out, &values.join(",")));
    set("Query", query_json, false);
    set("Headers", headers_json, false);
    members
}

/// An object as it is, a text quoted; a number or a truth value becomes .NET's text of it first. No arrays, no nulls.
fn body_member(value: Value<'_>) -> Option<String> {
    let mut json = String::new();
    match value.json() {
        "null" => return None,
        "true" => push_quoted(&mut json, "True"),
        "false" => push_quoted(&mut json, "False"),
        text if text.starts_with('[') => return None,
        text if text.starts_with(['{', '"']) => push_nested(&mut json, value),
        number => push_quoted(&mut json, number),
    }
    Some(json)
}

/// The host leaves such members out of the metadata.
fn ends_in_trigger(name: &str) -> bool {
    let tail = name.len().checked_sub("trigger".len()).and_then(|start| name.get(start..));
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case("trigger"))
}

/// Brings values of one name together; names compare without case, and the first spelling stays.
fn grouped(pairs: &[(String, String)]) -> Vec<(&str, Vec<&str>)> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        match groups.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, values)) => values.push(value),
            None => groups.push((name, vec![value])),
        }
    }
    groups
}

fn push_object(out: &mut String, groups: &[(&str, Vec<&str>)], push: impl Fn(&mut String, &[&str])) {
    push_list(out, '{', groups, '}', |out, (name, values)| {
        push_string(out, name);
        out.push(':');
        push(out, values);
    });
}

fn push_list<T>(out: &mut String, open: char, items: &[T], close: char, push: impl Fn(&mut String, &T)) {
    out.push(open);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        push(out, item);
    }
    out.push(close);
}
