//! What goes into a scoring image: files that are chosen from a snapshot, and the model.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};
use std::path::{Component, Path};

use pipeline::effect::BuildSpec;
use tar::{Archive, EntryType};

use super::context::File;

/// Bytes of a snapshot's files that go into an image at most.
const FILES_MAX: u64 = 512 << 20;

/// The files of an image below its folder `app`, without the model: what is included, the scoring script and the
/// dependency file. What cannot be is said in a sentence.
pub(super) fn choose(build: &BuildSpec, snapshot: &[u8]) -> Result<BTreeMap<String, File>, String> {
    let entry = inside(&build.entry, "the scoring script")?;
    let environment = inside(&build.environment, "the dependency file")?;
    let model_file = inside(&build.model_file, "the model's file name")?;
    let mut wanted = Vec::with_capacity(build.include.len() + 2);
    for include in &build.include {
        wanted.push((inside(include, "a path of `scoring.include`")?, "`scoring.include` names"));
    }
    wanted.push((entry, "`scoring.entry` names"));
    wanted.push((environment.clone(), "`scoring.environment` names"));

    let (mut files, mut met, mut left) = (BTreeMap::new(), BTreeSet::new(), FILES_MAX);
    let mut archive = Archive::new(snapshot);
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader | EntryType::Directory) {
            continue;
        }
        let path = entry.path().map_err(unreadable)?.to_string_lossy().into_owned();
        let path = inside(&path, "a path of the snapshot")?;
        let covering = wanted.iter().enumerate().filter(|(_, (name, _))| covers(name, &path)).map(|(index, _)| index);
        let covering: Vec<_> = covering.collect();
        if covering.is_empty() {
            continue;
        }
        met.extend(covering);
        if !kind.is_file() {
            return Err(format!(
                "`{path}` is not a plain file (a link, perhaps), and an image holds only those; put a copy there or \
                 leave it out of `scoring.include`"
            ));
        }
        let is_program = entry.header().mode().map_err(unreadable)? & 0o111 != 0;
        left = left.checked_sub(entry.size()).ok_or_else(|| {
            format!("`scoring.include` holds more than {} MiB; leave out what scoring does not need", FILES_MAX >> 20)
        })?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(unreadable)?;
        files.insert(path, File { bytes, is_program });
    }
    if let Some((_, (name, says))) = wanted.iter().enumerate().find(|(index, _)| !met.contains(index)) {
        return Err(format!("{says} `{name}`, which the commit does not have"));
    }
    let in_place = format!("model/{model_file}");
    if files.keys().any(|path| covers(&in_place, path)) {
        return Err(format!(
            "`{in_place}` of the commit would hide the trained model; leave it out of `scoring.include`"
        ));
    }
    if !files.contains_key(&environment) {
        return Err(format!("`scoring.environment` names `{environment}`, which is a folder"));
    }
    Ok(files)
}

fn covers(name: &str, path: &str) -> bool {
    name.is_empty() || path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The path without `./` and a last `/`; empty for the whole snapshot.
pub(super) fn inside(path: &str, what: &str) -> Result<String, String> {
    let mut words = Vec::new();
    for component in Path::new(path).components() {
        match component {
            Component::CurDir => {}
            Component::Normal(word) => words.push(word.to_string_lossy()),
            _ => return Err(format!("{what}, `{path}`, must be a path inside the repository, without `..`")),
        }
    }
    Ok(words.join("/"))
}

fn unreadable(error: io::Error) -> String {
    format!("the snapshot of the commit cannot be read as a tar: {error}")
}
