//! Reading a dependency file, whatever its kind, into one flat list of requirements.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::pin::PythonPin;
use super::{PythonError, conda};

/// Files that include each other deeper than this go in a circle.
const DEEPEST: usize = 10;

/// What an environment has to have.
#[derive(Debug, Default)]
pub(super) struct Requirements {
    /// Lines for pip; comments, blank lines and inclusions are resolved.
    pub(super) lines: Vec<String>,
    /// Lines of constraints.
    pub(super) constraints: Vec<String>,
    /// The Python that is asked for.
    pub(super) python: Option<PythonPin>,
    /// What cannot be had, in sentences.
    pub(super) notes: Vec<String>,
}

/// Reads a pip requirements file or a conda `environment.yml`.
pub(super) fn read(path: &Path) -> Result<Requirements, PythonError> {
    read_text(path, &text_of(path)?)
}

/// The same for a text that is not in a file. Its name tells the kind, and its folder is where others are looked for.
pub(super) fn read_text(path: &Path, text: &str) -> Result<Requirements, PythonError> {
    let mut requirements = Requirements::default();
    let extension = path.extension().unwrap_or_default();
    if extension == "yml" || extension == "yaml" {
        let mapped = conda::read(text).map_err(|what| bad(path, what))?;
        requirements.python = mapped.python;
        requirements.notes = mapped.notes;
        add(path, &mapped.lines.join("\n"), 0, &mut requirements)?;
    } else if extension == "toml" {
        let what = "pip requirements and conda files are read, project files are not; write a requirements.txt".into();
        return Err(bad(path, what));
    } else {
        add(path, text, 0, &mut requirements)?;
    }
    Ok(requirements)
}

fn add(path: &Path, text: &str, depth: usize, to: &mut Requirements) -> Result<(), PythonError> {
    if depth > DEEPEST {
        return Err(bad(path, "the files include each other in a circle".into()));
    }
    for line in plain_lines(text) {
        if let Some(other) = option(&line, &["-r", "--requirement"]) {
            let other = beside(path, other);
            add(&other, &text_of(&other)?, depth + 1, to)?;
        } else if let Some(other) = option(&line, &["-c", "--constraint"]) {
            let text = text_of(&beside(path, other))?;
            to.constraints.extend(plain_lines(&text));
        } else if is_the_repository_itself(&line) {
            let what = format!(
                "`{line}` installs files of the repository, but an environment is kept for all commits with the same dependencies; leave the line out, the commands run in the repository's folder"
            );
            return Err(bad(path, what));
        } else if let Some(folder) = option(&line, &["-f", "--find-links"])
            && beside(path, folder).is_dir()
        {
            let folder = beside(path, folder);
            let folder = folder.canonicalize().unwrap_or(folder);
            to.lines.push(format!("--find-links {}", folder.display()));
        } else {
            to.lines.push(line);
        }
    }
    Ok(())
}

/// Logical lines without comments, continued ones joined.
fn plain_lines(text: &str) -> Vec<String> {
    let joined = text.trim_start_matches('\u{feff}').replace("\\\r\n", " ").replace("\\\n", " ");
    let without_comment = |line: &str| {
        let comment =
            if line.trim_start().starts_with('#') { Some(0) } else { line.find(" #").or_else(|| line.find("\t#")) };
        line[..comment.unwrap_or(line.len())].trim().to_owned()
    };
    let lines = joined.lines().map(without_comment);
    lines.filter(|line| !line.is_empty()).collect()
}

/// The value of an option: `-r other.txt`, `-rother.txt`, `--requirement=other.txt`.
fn option<'a>(line: &'a str, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| {
        let rest = line.strip_prefix(name)?;
        let is_short = !name.starts_with("--");
        (is_short || rest.starts_with(['=', ' ', '\t'])).then(|| rest.trim_start_matches(['=', ' ', '\t']).trim())
    })
}

fn is_the_repository_itself(line: &str) -> bool {
    option(line, &["-e", "--editable"]).is_some()
        || line.starts_with('.')
        || line.starts_with("file:")
        || line.contains("@ file:")
}

fn beside(path: &Path, other: &str) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).join(other)
}

fn text_of(path: &Path) -> Result<String, PythonError> {
    let path = path.to_owned();
    match fs::read(&path) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| bad(&path, "it is not UTF-8 text".into())),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::IsADirectory) => {
            Err(PythonError::NoDependencyFile { path })
        }
        Err(error) => Err(PythonError::io(format!("cannot read {}", path.display()))(error)),
    }
}

fn bad(path: &Path, what: String) -> PythonError {
    let file = path.file_name().unwrap_or_default();
    let file = file.to_string_lossy().into_owned();
    PythonError::BadDependencyFile { file, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_files(files: &[(&str, &str)]) -> Result<Requirements, PythonError> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        read(&folder.path().join(files[0].0))
    }

    #[test]
    fn included_files_become_one_list() {
        let requirements = read_files(&[
            (
                "requirements-ci.txt",
                "# tools\n-r requirements.txt\npytest==9.2.0  # tests\n-c pins.txt\nruff \\\n  ==0.17.5\n",
            ),
            ("requirements.txt", "numpy==2.2.6; python_version < \"3.11\"\n"),
            ("pins.txt", "packaging<30\n"),
        ])
        .unwrap();
        let lines = ["numpy==2.2.6; python_version < \"3.11\"", "pytest==9.2.0", "ruff    ==0.17.5"];
        assert_eq!(requirements.lines, lines);
        assert_eq!(requirements.constraints, ["packaging<30"]);
    }

    #[test]
    fn files_that_include_each_other_are_refused() {
        let error = read_files(&[("a.txt", "-r b.txt"), ("b.txt", "-r a.txt")]).unwrap_err();
        assert!(error.to_string().contains("circle"), "{error}");
    }

    #[test]
    fn the_repository_itself_is_no_requirement() {
        let error = read_files(&[("requirements.txt", "-e .\n")]).unwrap_err();
        assert!(error.to_string().contains("leave the line out"), "{error}");
    }

    #[test]
    fn a_dependency_file_that_is_missing_is_named() {
        let error = read(Path::new("/nowhere/requirements.txt")).unwrap_err();
        assert!(matches!(error, PythonError::NoDependencyFile { .. }), "{error}");
        assert!(error.to_string().contains("/nowhere/requirements.txt"));
    }
}
