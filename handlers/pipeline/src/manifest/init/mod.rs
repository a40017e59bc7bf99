//! `trainyard init`: a first `trainyard.yml` for a repository that has none.
//!
//! A repository that looks like MLOpsPython keeps its settings; any other gets its files guessed by their usual names.
//! What was taken from where is told in notes, for people to check.

use crate::names::Project;

use super::{OnWorse, read, validate::path_problem};

mod classic;
mod guess;
mod variables;
mod write;

/// A first manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// The text of `trainyard.yml`; [`read`] takes it.
    pub manifest_text: String,
    /// What was taken from where, and what a person must still do: one sentence or two each.
    pub notes: Vec<String>,
}

/// Writes a first manifest for the repository with these files. Paths are from its root, with `/`; `read_file` gives the
/// text of one of them, or None where it is not text.
#[must_use]
pub fn derive(files: &[String], read_file: &dyn Fn(&str) -> Option<String>) -> Derived {
    let repository = Repository { files, read: read_file };
    let mut notes = Vec::new();
    let draft = match classic::template(&repository) {
        Some(template) => classic::draft(&repository, template, &mut notes),
        None => guess::draft(&repository, &mut notes),
    };
    let manifest_text = write::write(&draft);
    match read("trainyard.yml", &manifest_text) {
        Ok(_) => Derived { manifest_text, notes },
        // Names that nobody foresaw must not cost the user the file.
        Err(error) => {
            notes.clear();
            notes.push(format!(
                "What was found in the repository does not make a manifest, so only the smallest one is written. {error}"
            ));
            Derived {
                manifest_text: format!(
                    "# `trainyard schema` describes every key.\nversion: 1\nproject: {}\n",
                    write::quoted(draft.project.as_str())
                ),
                notes,
            }
        }
    }
}

struct Repository<'a> {
    files: &'a [String],
    read: &'a dyn Fn(&str) -> Option<String>,
}

impl Repository<'_> {
    fn has(&self, path: &str) -> bool {
        self.files.iter().any(|file| file == path)
    }

    fn text(&self, path: &str) -> Option<String> {
        if self.has(path) { (self.read)(path) } else { None }
    }

    /// The first of these that is there.
    fn first<'p>(&self, paths: impl IntoIterator<Item = &'p str>) -> Option<String> {
        let found = paths.into_iter().find(|path| self.has(path));
        found.map(str::to_owned)
    }

    /// The file of this name that is nearest to the root.
    fn nearest(&self, name: &str) -> Option<String> {
        let named = |file: &&String| {
            let hidden = file.split('/').any(|part| part.starts_with('.'));
            !hidden && path_problem(file).is_none() && file.rsplit('/').next() == Some(name)
        };
        let found = self.files.iter().filter(named);
        found.min_by_key(|file| (file.matches('/').count(), file.as_str())).cloned()
    }

    fn csv_in_data(&self) -> Vec<&str> {
        let files = self.files.iter().map(String::as_str);
        files
            .filter(|file| file.starts_with("data/") && file.ends_with(".csv"))
            .filter(|file| path_problem(file).is_none())
            .collect()
    }

    fn has_tests(&self) -> bool {
        self.files.iter().any(|file| {
            let name = file.rsplit('/').next().unwrap_or(file);
            name.ends_with("_test.py") || (name.starts_with("test_") && name.ends_with(".py"))
        })
    }
}

/// What is known of the repository before it is written down.
struct Draft {
    project: Project,
    branches: Vec<String>,
    include: Vec<String>,
    check_environment: String,
    lint: String,
    test: Option<String>,
    train: Option<DraftTrain>,
    evaluate: bool,
    on_worse: OnWorse,
    model_name: Option<String>,
    score: DraftScore,
}

struct DraftTrain {
    auto: bool,
    environment: String,
    command: String,
    parameters: Option<String>,
    data: Option<String>,
    model: String,
}

struct DraftScore {
    entry: String,
    environment: String,
    /// The folder of the script; None: the repository's root.
    folder: Option<String>,
}

/// The folder of a file; None: the root.
fn folder(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(folder, _)| folder)
}

/// A project's name as near to this text as the rules allow.
fn project(text: &str) -> Option<Project> {
    let fits = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }
    };
    let name: String = text.trim().chars().map(fits).collect();
    let name: String = name.trim_matches(['_', '-']).chars().take(40).collect();
    name.parse().ok()
}
