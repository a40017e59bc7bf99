//! Which HTTP function a request is for, by the rules of ASP.NET's routes.

use std::cmp::Ordering;

/// All routes of an app, the more exact ones first.
#[derive(Debug, Default)]
pub(super) struct Routes(Vec<Route>);

#[derive(Debug)]
struct Route {
    /// The number of the function.
    function: usize,
    /// In capitals; empty means all.
    methods: Vec<String>,
    segments: Vec<Segment>,
}

#[derive(Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Parameter {
        name: String,
        is_optional: bool,
        rule: Option<Rule>,
    },
    /// `{*name}`: all that is left.
    Rest {
        name: String,
    },
}

/// What a parameter must look like: `{id:int}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Int,
    Long,
    Bool,
    Guid,
    Alpha,
}

/// The parameters of a route with their values; an optional one that is not there has none.
pub(super) type Params = Vec<(String, Option<String>)>;

impl Routes {
    /// Adds a route. The error says what is not supported.
    pub fn add(&mut self, function: usize, methods: &[String], template: &str) -> Result<(), String> {
        let segments: Vec<_> = pieces(template).map(Segment::parse).collect::<Result<_, _>>()?;
        let only_last = |segment: &Segment| match segment {
            Segment::Rest { .. } => true,
            Segment::Parameter { is_optional, .. } => *is_optional,
            Segment::Literal(_) => false,
        };
        if segments.iter().rev().skip(1).any(only_last) {
            return Err("only the last parameter may be optional or take the rest".to_owned());
        }
        let methods = methods.iter().map(|method| method.to_ascii_uppercase()).collect();
        self.0.push(Route { function, methods, segments });
        self.0.sort_by(Route::by_precedence);
        Ok(())
    }

    /// Finds the function for a request; a route with another method is no match, so there may be none.
    pub fn find(&self, method: &str, path: &str) -> Option<(usize, Params)> {
        let path: Vec<&str> = pieces(path).collect();
        self.0.iter().find_map(|route| {
            let takes = route.methods.is_empty() || route.methods.iter().any(|taken| taken == method);
            let params = takes.then(|| route.params(&path)).flatten()?;
            Some((route.function, params))
        })
    }
}

impl Route {
    fn by_precedence(&self, other: &Self) -> Ordering {
        let ranks = |route: &Self| route.segments.iter().map(Segment::rank).collect::<Vec<_>>();
        ranks(self).cmp(&ranks(other))
    }

    fn params(&self, path: &[&str]) -> Option<Params> {
        let mut params = Params::new();
        let mut path = path.iter();
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => {
                    path.next().filter(|piece| decode(piece).eq_ignore_ascii_case(text))?;
                }
                Segment::Parameter { name, is_optional, rule } => {
                    let value = path.next().map(|piece| decode(piece));
                    match &value {
                        None if !is_optional => return None,
                        Some(value) if !rule.is_none_or(|rule| rule.allows(value)) => return None,
                        _ => params.push((name.clone(), value)),
                    }
                }
                Segment::Rest { name } => {
                    let rest: Vec<_> = path.by_ref().map(|piece| decode(piece)).collect();
                    params.push((name.clone(), (!rest.is_empty()).then(|| rest.join("/"))));
                }
            }
        }
        path.next().is_none().then_some(params)
    }
}

impl Segment {
    fn parse(piece: &str) -> Result<Self, String> {
        let inner = piece.strip_prefix('{').and_then(|piece| piece.strip_suffix('}'));
        let Some(inner) = inner.filter(|inner| !inner.contains(['{', '}'])) else {
            return match piece.contains(['{', '}']) {
                true => Err(format!("`{piece}` mixes text and a parameter")),
                false => Ok(Self::Literal(piece.to_owned())),
            };
        };
        if let Some(name) = inner.strip_prefix('*') {
            return Ok(Self::Rest { name: name_of(name.trim_start_matches('*'))? });
        }
        let (inner, is_optional) = inner.strip_suffix('?').map_or((inner, false), |inner| (inner, true));
        let (name, rule) = match inner.split_once(':') {
            Some((name, rule)) => (name, Some(Rule::parse(rule)?)),
            None => (inner, None),
        };
        Ok(Self::Parameter { name: name_of(name)?, is_optional, rule })
    }

    /// Literals go first, then parameters with a rule, then those without, then the rest.
    fn rank(&self) -> u8 {
        match self {
            Self::Literal(_) => 1,
            Self::Parameter { rule: Some(_), .. } => 2,
            Self::Parameter { rule: None, .. } => 3,
            Self::Rest { .. } => 5,
        }
    }
}

impl Rule {
    fn parse(rule: &str) -> Result<Self, String> {
        match rule {
            "int" => Ok(Self::Int),
            "long" => Ok(Self::Long),
            "bool" => Ok(Self::Bool),
            "guid" => Ok(Self::Guid),
            "alpha" => Ok(Self::Alpha),
            _ => Err(format!("the constraint `{rule}` is none of int, long, bool, guid and alpha")),
        }
    }

    fn allows(self, value: &str) -> bool {
        match self {
            Self::Int => value.parse::<i32>().is_ok(),
            Self::Long => value.parse::<i64>().is_ok(),
            Self::Bool => ["true", "false"].iter().any(|truth| value.eq_ignore_ascii_case(truth)),
            Self::Guid => uuid::Uuid::try_parse(value).is_ok(),
            Self::Alpha => value.chars().all(|c| c.is_ascii_alphabetic()),
        }
    }
}

fn name_of(name: &str) -> Result<String, String> {
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    is_name.then(|| name.to_owned()).ok_or_else(|| format!("`{name}` cannot name a parameter"))
}

fn pieces(path: &str) -> impl Iterator<Item = &str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/').filter(move |_| !path.is_empty())
}

/// Decodes what is percent-encoded, except for slashes, which would look like the path's own.
pub(super) fn decode(text: &str) -> String {
    percent_decode(text, |byte| byte != b'/')
}

/// Decodes what is percent-encoded, where `is_taken` says so; anything that is not UTF-8 is replaced.
pub(super) fn percent_decode(text: &str, is_taken: impl Fn(u8) -> bool) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).and_then(|hex| str::from_utf8(hex).ok());
        let code = code.filter(|hex| hex.bytes().all(|c| c.is_ascii_hexdigit()));
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if *first == b'%' && is_taken(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_exact_route_wins_whatever_the_order() {
        let templates = ["api/{*path}", "api/runs/{run}/approvals/{environment}", "api/runs/latest", "api/runs/{run?}"];
        for reverse in [false, true] {
            let mut order: Vec<_> = templates.iter().enumerate().collect();
            if reverse {
                order.reverse();
            }
            let mut routes = Routes::default();
            for (function, template) in order {
                routes.add(function, &[], template).unwrap();
            }
            let find = |path| routes.find("GET", path);
            assert_eq!(find("/api"), Some((0, vec![param("path", None)])));
            assert_eq!(find("/api/a/b%2Fc/d%20e"), Some((0, vec![param("path", Some("a/b%2Fc/d e"))])));
            let both = vec![param("run", Some("r 1")), param("environment", Some("qa"))];
            assert_eq!(find("/API/Runs/r%201/approvals/qa"), Some((1, both)));
            assert_eq!(find("/api/runs/LATEST/"), Some((2, vec![])));
            assert_eq!(find("/api/runs"), Some((3, vec![param("run", None)])));
            assert_eq!(find("/api/runs/r1"), Some((3, vec![param("run", Some("r1"))])));
            assert_eq!(find("/other"), None);
        }
    }

    #[test]
    fn another_method_is_no_match() {
        let mut routes = Routes::default();
        routes.add(0, &["post".into()], "api/a/{id}").unwrap();
        routes.add(1, &["get".into(), "delete".into()], "api/{*path}").unwrap();
        assert_eq!(routes.find("POST", "/api/a/1").unwrap().0, 0);
        assert_eq!(routes.find("DELETE", "/api/a/1").unwrap().0, 1);
        assert_eq!(routes.find("PUT", "/api/a/1"), None);
    }

    #[test]
    fn a_parameter_with_a_rule_takes_only_what_it_allows() {
        let mut routes = Routes::default();
        routes.add(0, &[], "{id:int}").unwrap();
        routes.add(1, &[], "{name:alpha}").unwrap();
        routes.add(2, &[], "{other}").unwrap();
        for (path, function) in [("/42", 0), ("/abc", 1), ("/a1", 2), ("/99999999999", 2)] {
            assert_eq!(routes.find("GET", path).unwrap().0, function, "{path}");
        }
        assert_eq!(routes.find("GET", "/"), None);
    }

    #[test]
    fn what_is_not_supported_is_said() {
        for (template, part) in [
            ("a{b}", "mixes"),
            ("{a?}/b", "last"),
            ("{*a}/b", "last"),
            ("{a:regex(x)}", "constraint"),
            ("{}", "name"),
            ("{a=1}", "name"),
        ] {
            let error = Routes::default().add(0, &[], template).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn odd_percents_are_left_alone() {
        for (text, decoded) in
            [("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("%+4", "%+4"), ("%C3%A4", "ä"), ("%ff", "\u{fffd}")]
        {
            assert_eq!(decode(text), decoded);
        }
    }

    fn param(name: &str, value: Option<&str>) -> (String, Option<String>) {
        (name.to_owned(), value.map(str::to_owned))
    }
}
