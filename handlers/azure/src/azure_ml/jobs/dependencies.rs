//! A dependency file of the repository as a conda file, which is what Azure ML builds environments from.

use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use tar::Archive;

/// Files that include each other deeper than this go in a circle.
const DEEPEST: usize = 10;

/// The conda file for a dependency file of the snapshot: itself, or one with pip's lines. `Err` says in a sentence why
/// there is none.
pub(super) fn conda_file(snapshot: &[u8], file: &str, python: &str) -> Result<String, String> {
    if file.ends_with(".yml") || file.ends_with(".yaml") {
        return text_of(snapshot, file);
    }
    if file.ends_with(".toml") {
        return Err(format!(
            "{file}: pip requirements and conda files are read, project files are not; write a requirements.txt"
        ));
    }
    let mut lines = Vec::new();
    add(snapshot, file, 0, &mut lines)?;
    let mut conda = format!("name: trainyard\nchannels:\n- conda-forge\ndependencies:\n- python={python}\n- pip\n");
    if !lines.is_empty() {
        conda += "- pip:\n";
    }
    for line in lines {
        // JSON's way to write a text is one of YAML's.
        conda += &format!("  - {}\n", serde_json::Value::from(line));
    }
    Ok(conda)
}

/// The lines of a requirements file and of those that it includes, without comments.
fn add(snapshot: &[u8], file: &str, depth: usize, lines: &mut Vec<String>) -> Result<(), String> {
    if depth > DEEPEST {
        return Err(format!("{file}: the files include each other in a circle"));
    }
    let text = text_of(snapshot, file)?;
    let joined = text.trim_start_matches('\u{feff}').replace("\\\r\n", " ").replace("\\\n", " ");
    for line in joined.lines() {
        let comment = if line.trim_start().starts_with('#') { Some(0) } else { line.find(" #").or(line.find("\t#")) };
        let line = line[..comment.unwrap_or(line.len())].trim();
        if line.is_empty() {
            continue;
        }
        if let Some(other) = option(line, &["-r", "--requirement"]) {
            add(snapshot, &beside(file, other), depth + 1, lines)?;
        } else if option(line, &["-c", "--constraint", "-e", "--editable"]).is_some()
            || line.starts_with('.')
            || line.starts_with("file:")
            || line.contains("@ file:")
        {
            return Err(format!(
                "{file}: `{line}` needs files of the repository, but Azure ML builds an environment without them, once \
                 for all commits with the same dependencies; write the packages with their versions"
            ));
        } else {
            lines.push(line.to_owned());
        }
    }
    Ok(())
}

/// The value of an option: `-r other.txt`, `-rother.txt`, `--requirement=other.txt`.
fn option<'a>(line: &'a str, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| {
        let rest = line.strip_prefix(name)?;
        let is_short = !name.starts_with("--");
        (is_short || rest.starts_with(['=', ' ', '\t'])).then(|| rest.trim_start_matches(['=', ' ', '\t']).trim())
    })
}

fn beside(file: &str, other: &str) -> String {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{folder}/{other}").trim_start_matches('/').to_owned()
}

/// A file of the snapshot.
fn text_of(snapshot: &[u8], file: &str) -> Result<String, String> {
    let wanted =
        plain(Path::new(file)).ok_or_else(|| format!("the dependency file {file:?} is outside of the repository"))?;
    let broken = |error: std::io::Error| format!("the snapshot cannot be read: {error}");
    for entry in Archive::new(snapshot).entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let is_it =
            entry.header().entry_type().is_file() && plain(&entry.path().map_err(broken)?).as_ref() == Some(&wanted);
        if is_it {
            let mut text = String::new();
            return match entry.read_to_string(&mut text) {
                Ok(_) => Ok(text),
                Err(_) => Err(format!("{file}: it is not UTF-8 text")),
            };
        }
    }
    Err(format!("there is no dependency file {file}: add it, or name another one in trainyard.yml"))
}

/// A path without `.` and `..`. None: it leads out of the repository.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => plain.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !plain.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conda(files: &[(&str, &str)]) -> Result<String, String> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        conda_file(&tar.into_inner().unwrap(), files[0].0, "3.12")
    }

    #[test]
    fn requirements_become_a_conda_file_and_conda_files_stay() {
        let read = conda(&[
            ("ml/requirements.txt", "# tools\n-r ../base.txt\npytest==9.2.0  # tests\nruff \\\n ==0.17.5\n"),
            ("base.txt", "numpy==2.2.6; python_version < \"3.14\"\n"),
        ])
        .unwrap();
        assert_eq!(
            read,
            "name: trainyard\nchannels:\n- conda-forge\ndependencies:\n- python=3.12\n- pip\n- pip:\n  \
             - \"numpy==2.2.6; python_version < \\\"3.14\\\"\"\n  - \"pytest==9.2.0\"\n  - \"ruff   ==0.17.5\"\n"
        );
        let file = "name: x\ndependencies:\n- python=3.11\n";
        assert_eq!(conda(&[("conda.yml", file)]).unwrap(), file);
        assert!(conda(&[("requirements.txt", "# nothing\n")]).unwrap().ends_with("- pip\n"));
    }

    #[test]
    fn what_cannot_be_had_is_said() {
        for (files, wanted) in [
            (&[("requirements.txt", "-e .\n")][..], "needs files of the repository"),
            (&[("a.txt", "-r b.txt"), ("b.txt", "-r a.txt")], "circle"),
            (&[("a.txt", "-r b.txt")], "there is no dependency file b.txt"),
            (&[("a.txt", "-r ../../b.txt")], "outside of the repository"),
            (&[("pyproject.toml", "")], "project files are not"),
        ] {
            let error = conda(files).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
