//! What a job has left: numbers, files, reports.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use pipeline::effect::JobSpec;
use pipeline::event::JobOutputs;
use pipeline::names::Digest;
use runner::reports;
use runner::snapshot::depth;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::folder::JobFolder;

/// The file of metrics in the folder of outputs.
const METRICS: &str = "metrics.json";

/// Adds what is there to `outputs`, and answers a sentence for each thing that is wrong with it.
pub(super) fn collect(
    folder: &JobFolder,
    spec: &JobSpec,
    working: &Path,
    outputs: &mut JobOutputs,
) -> io::Result<Vec<String>> {
    let mut problems = Vec::new();
    for report in &spec.reports {
        let Some(path) = inside(working, report) else {
            problems.push(format!("the report {report:?} leads out of the working folder"));
            continue;
        };
        for (name, file) in files_below(&path, report, &mut outputs.said)? {
            if let Ok(text) = fs::read_to_string(&file)
                && name.ends_with(".xml")
                && let Some(report) = reports::read(&text)
            {
                reports::tell(&name, &report, &mut outputs.said, &mut outputs.metrics);
            }
            outputs.files.insert(name, keep(folder, &file)?);
        }
    }
    for (name, file) in files_below(&folder.outputs(), "", &mut outputs.said)? {
        if name == METRICS {
            match metrics(&fs::read(&file)?) {
                Ok(metrics) => outputs.metrics.extend(metrics),
                Err(problem) => problems.push(format!("{METRICS}: {problem}")),
            }
        }
        outputs.files.insert(name, keep(folder, &file)?);
    }
    for required in &spec.required {
        if !outputs.files.contains_key(required) {
            problems.push(format!(
                "{required} is missing: the command must write it into the folder that TRAINYARD_OUTPUTS names"
            ));
        }
    }
    Ok(problems)
}

/// Keeps the training data as it is before the commands run. Of a folder a list of its files and digests is kept.
pub(super) fn keep_data(folder: &JobFolder, path: &Path) -> io::Result<Digest> {
    if path.is_file() {
        return keep(folder, path);
    }
    let mut list = String::new();
    for (name, file) in files_below(path, "", &mut Vec::new())? {
        list += &format!("{}  {name}\n", hash(&file)?.hex());
    }
    let digest = Digest::of(list.as_bytes());
    let kept = folder.kept().join(digest.hex());
    fs::write(&kept, list)?;
    File::open(&kept)?.sync_all()?;
    Ok(digest)
}

/// Copies a file to those that are to become artifacts.
fn keep(folder: &JobFolder, file: &Path) -> io::Result<Digest> {
    let unfinished = folder.kept().join("unfinished");
    let mut from = File::open(file)?;
    let mut to = File::create(&unfinished)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
    }
    to.sync_all()?;
    let digest = Digest::from_sha256(&hasher.finalize());
    fs::rename(&unfinished, folder.kept().join(digest.hex()))?;
    Ok(digest)
}

fn hash(file: &Path) -> io::Result<Digest> {
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(file)?, &mut hasher)?;
    Ok(Digest::from_sha256(&hasher.finalize()))
}

/// A path from a spec, unless it leads out of the folder.
pub(super) fn inside(folder: &Path, path: &str) -> Option<PathBuf> {
    depth(Path::new(""), Path::new(path)).map(|_| folder.join(path))
}

/// All files at or below a path by their names, sorted. Links are left out and that is said: what they lead to may
/// be anything.
fn files_below(path: &Path, name: &str, said: &mut Vec<String>) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    let mut left = vec![(path.to_owned(), name.trim_end_matches('/').to_owned())];
    while let Some((path, name)) = left.pop() {
        let kind = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata.file_type(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if kind.is_file() {
            found.insert(name, path);
        } else if kind.is_dir() {
            for entry in fs::read_dir(&path)? {
                let entry = entry?;
                let below = entry.file_name().to_string_lossy().into_owned();
                let below = match name.is_empty() {
                    true => below,
                    false => format!("{name}/{below}"),
                };
                left.push((entry.path(), below));
            }
        } else {
            said.push(format!("{name} is not kept: it is a link or a special file"));
        }
    }
    Ok(found)
}

/// A flat object of numbers.
fn metrics(bytes: &[u8]) -> Result<BTreeMap<String, f64>, String> {
    let advice = "it must be one JSON object of names and numbers, such as {\"mse\": 0.5}";
    let text = String::from_utf8_lossy(bytes);
    let value: Value = serde_json::from_str(&text).map_err(|error| match not_finite(&text) {
        Some(sentence) => sentence,
        None => format!("{advice} ({error})"),
    })?;
    let Value::Object(members) = value else {
        return Err(advice.into());
    };
    let number = |(name, value): (String, Value)| match value.as_f64() {
        Some(number) if number.is_finite() => Ok((name, number)),
        _ => {
            let value: String = value.to_string().chars().take(40).collect();
            Err(format!("`{name}` is {value}, not a number; {advice}"))
        }
    };
    members.into_iter().map(number).collect()
}

/// Python writes NaN and Infinity into JSON, which knows no such numbers.
fn not_finite(text: &str) -> Option<String> {
    let (at, word) = ["-Infinity", "Infinity", "NaN"]
        .iter()
        .filter_map(|word| Some((text.find(&format!(": {word}"))?, *word)))
        .min_by_key(|(at, _)| *at)?;
    let name = text[..at].trim_end().strip_suffix('"')?.rsplit('"').next()?;
    Some(format!(
        "`{name}` is {word}, which can be compared with nothing: look for missing values or a division by zero"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_a_flat_object_of_numbers() {
        let read = metrics(br#"{"mse": 3424.3, "rows": 442}"#).unwrap();
        assert_eq!(read["mse"], 3424.3);
        assert_eq!(read["rows"], 442.0);
    }

    #[test]
    fn what_is_no_number_is_named() {
        for (text, wanted) in [
            ("{\"mse\": NaN}", "`mse` is NaN"),
            ("{\"a\": 1, \"r2\": -Infinity}", "`r2` is -Infinity"),
            (r#"{"mse": "3"}"#, "`mse` is \"3\""),
            (r#"{"mse": true}"#, "`mse` is true"),
            (r#"{"mse": null}"#, "`mse` is null"),
            (r#"{"mse": {"train": 1}}"#, "`mse` is {\"train\":1}"),
            ("[1]", "one JSON object"),
            ("", "one JSON object"),
        ] {
            let error = metrics(text.as_bytes()).unwrap_err();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
