//! Which Python a conda file asks for: `python=3.11`, `python >=3.10,<3.13`.

use std::fmt;

/// The versions of Python that will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PythonPin {
    text: String,
    clauses: Vec<(Op, Vec<u32>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Like,
    Not,
    Least,
    Most,
    Above,
    Below,
}

impl PythonPin {
    /// Reads what follows the word `python`. `None`: any version will do. `Err`: it cannot be understood.
    pub(super) fn read(spec: &str) -> Result<Option<Self>, ()> {
        let mut clauses = Vec::new();
        for clause in spec.split(',').map(str::trim).filter(|clause| !clause.is_empty()) {
            let (op, rest) = [
                ("==", Op::Like),
                ("~=", Op::Like),
                ("!=", Op::Not),
                (">=", Op::Least),
                ("<=", Op::Most),
                (">", Op::Above),
                ("<", Op::Below),
                ("=", Op::Like),
                ("", Op::Like),
            ]
            .into_iter()
            .find_map(|(sign, op)| Some((op, clause.strip_prefix(sign)?)))
            .ok_or(())?;
            // `3.11.4=h955ad1f_0` names a build; only the version counts here.
            let version = rest.trim().split(['=', ' ']).next().unwrap_or_default();
            let version = version.trim_end_matches('*').trim_end_matches('.');
            if version.is_empty() {
                continue;
            }
            let numbers =
                version.split('.').map(|number| number.parse().map_err(|_| ())).collect::<Result<Vec<u32>, ()>>()?;
            clauses.push((op, numbers));
        }
        let text = format!("python {}", spec.trim());
        Ok((!clauses.is_empty()).then_some(Self { text, clauses }))
    }

    /// Whether this version will do. `=3.11.4` is met by any 3.11: what differs is not worth another installation.
    pub(super) fn fits(&self, version: &[u32]) -> bool {
        self.clauses.iter().all(|(op, wanted)| {
            let near = wanted.len().min(2).min(version.len());
            match op {
                Op::Like => version[..near] == wanted[..near],
                Op::Not => !version.starts_with(wanted),
                Op::Least => version >= &wanted[..],
                Op::Most => version <= &wanted[..] || version.starts_with(wanted),
                Op::Above => version > &wanted[..] && !version.starts_with(wanted),
                Op::Below => version < &wanted[..],
            }
        })
    }
}

impl fmt::Display for PythonPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
