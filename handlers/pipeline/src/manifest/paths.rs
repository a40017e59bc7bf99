//! Which changes concern a run: globs over the paths that a push changed.

use super::Triggers;

/// What a push asks for, by the files that it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Concern {
    /// Nothing: no changed file counts.
    Nothing {
        /// Why, in a sentence.
        reason: String,
    },
    /// A new image of the live model: only files of `scoring_paths` changed.
    Scoring,
    /// The whole delivery.
    Everything,
}

impl Triggers {
    /// What these changed files ask for. Paths are from the repository's root, with `/`. No files at all means that the
    /// change is not known (a manual start, a first push), and that is everything.
    #[must_use]
    pub fn concerns(&self, changed: &[String]) -> Concern {
        let counts = |path: &&String| {
            let included = self.paths.include.is_empty() || any(&self.paths.include, path);
            included && !any(&self.paths.exclude, path)
        };
        if changed.is_empty() {
            return Concern::Everything;
        }
        let mut counted = changed.iter().filter(counts).peekable();
        if counted.peek().is_none() {
            let reason = nothing(changed);
            return Concern::Nothing { reason };
        }
        if counted.all(|path| any(&self.scoring_paths, path)) { Concern::Scoring } else { Concern::Everything }
    }
}

impl Triggers {
    /// Whether a tag's push is delivered.
    #[must_use]
    pub fn takes_tag(&self, tag: &str) -> bool {
        any(&self.tags, tag)
    }
}

fn nothing(changed: &[String]) -> String {
    const NAMED: usize = 3;
    let named = changed.iter().take(NAMED).map(|path| format!("`{path}`"));
    let mut names = named.collect::<Vec<_>>().join(", ");
    if changed.len() > NAMED {
        names.push_str(&format!(" and {} more", changed.len() - NAMED));
    }
    format!("`triggers.paths` leaves out all changed files: {names}")
}

fn any(globs: &[String], path: &str) -> bool {
    globs.iter().any(|glob| matches(glob, path))
}

/// Why a text cannot be a glob; None: it can.
pub(super) fn glob_problem(glob: &str) -> Option<&'static str> {
    if glob.is_empty() || glob.len() > 300 {
        return Some("a glob has 1 to 300 characters");
    }
    if glob.starts_with('/') {
        return Some("a glob begins at the repository's root by itself: leave out the first `/`");
    }
    if glob.contains('\\') || glob.contains(char::is_control) {
        return Some("folders are divided by `/`; `\\` and control characters are not allowed");
    }
    if glob.starts_with('!') {
        return Some("`!` is not understood: write the glob without it under `exclude`");
    }
    if glob.contains(['[', ']', '{', '}']) {
        return Some("only `*`, `?` and `**` are understood, not `[...]` and `{...}`");
    }
    let folders = glob.strip_suffix('/').unwrap_or(glob).split('/');
    for folder in folders {
        match folder {
            "" => return Some("`//` names no folder"),
            "." | ".." => return Some("`.` and `..` are no parts of a glob"),
            "**" => {}
            other if other.contains("**") => {
                return Some("`**` stands alone between slashes, as in `docs/**` and `**/*.md`");
            }
            _ => {}
        }
    }
    None
}

/// Whether the glob means this path. `docs/` and, without a wildcard, `docs` mean all that is in the folder.
fn matches(glob: &str, path: &str) -> bool {
    let is_folder = glob.ends_with('/');
    let is_plain = !glob.contains(['*', '?']);
    let mut glob: Vec<&str> = glob.trim_end_matches('/').split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    if is_plain && !is_folder && glob == path {
        return true;
    }
    if is_plain || is_folder {
        glob.extend(["*", "**"]);
    }
    let same = |glob: &&str, name: &&str| {
        let (glob, name): (Vec<char>, Vec<char>) = (glob.chars().collect(), name.chars().collect());
        wild(&glob, &name, |c| *c == '*', |g, n| *g == '?' || g == n)
    };
    wild(&glob, &path, |folder| *folder == "**", same)
}

/// Whether the pattern means the items, where a star means any number of them. Only the last star needs another try, so
/// this takes at most pattern times items, whatever the pattern.
fn wild<P, T>(pattern: &[P], items: &[T], star: impl Fn(&P) -> bool, same: impl Fn(&P, &T) -> bool) -> bool {
    let (mut p, mut i) = (0, 0);
    let mut last: Option<(usize, usize)> = None;
    while i < items.len() {
        if p < pattern.len() && star(&pattern[p]) {
            last = Some((p, i));
            p += 1;
        } else if p < pattern.len() && same(&pattern[p], &items[i]) {
            p += 1;
            i += 1;
        } else if let Some((star_at, from)) = last {
            last = Some((star_at, from + 1));
            p = star_at + 1;
            i = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(star)
}
