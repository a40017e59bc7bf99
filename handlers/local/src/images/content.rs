//! What goes into an image: files chosen from a snapshot, and the layers that are made of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Component, Path};

use pipeline::effect::BuildSpec;
use pipeline::names::Digest;
use tar::{Archive, Builder, EntryType, Header};

/// Why an image is not written.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// What was asked for cannot be built, now or later.
    #[error("{0}")]
    Spec(String),
    /// The disk says no; it may say yes later.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// A file of the snapshot.
#[derive(Debug)]
pub struct File {
    bytes: Vec<u8>,
    executable: bool,
}

/// What was chosen.
#[derive(Debug)]
pub struct Content {
    /// By path, below the image's folder `app`.
    pub files: BTreeMap<String, File>,
    /// Of the dependency file.
    pub environment: Digest,
}

/// Chooses the files of the snapshot that go into the image: what is included, the scoring script and the dependency
/// file. A name that the snapshot does not have is a refusal in a sentence.
pub fn choose(build: &BuildSpec, snapshot: &[u8]) -> Result<Content, Refusal> {
    let entry = inside(&build.entry, "the scoring script")?;
    let environment = inside(&build.environment, "the dependency file")?;
    let model_file = inside(&build.model_file, "the model's file name")?;
    let mut wanted = Vec::with_capacity(build.include.len() + 2);
    for include in &build.include {
        wanted.push((inside(include, "a path of `scoring.include`")?, "`scoring.include` names"));
    }
    wanted.push((entry, "`scoring.entry` names"));
    wanted.push((environment.clone(), "`scoring.environment` names"));

    let mut files = BTreeMap::new();
    let mut met = BTreeSet::new();
    let mut archive = Archive::new(snapshot);
    for file in archive.entries().map_err(unreadable)? {
        let mut file = file.map_err(unreadable)?;
        let kind = file.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader | EntryType::Directory) {
            continue;
        }
        let path = file.path().map_err(unreadable)?.to_string_lossy().into_owned();
        let path = inside(&path, "a path of the snapshot")?;
        let mut is_wanted = false;
        for (index, (name, _)) in wanted.iter().enumerate() {
            if covers(name, &path) {
                met.insert(index);
                is_wanted = true;
            }
        }
        if !is_wanted {
            continue;
        }
        if !kind.is_file() {
            return Err(Refusal::Spec(format!(
                "`{path}` is not a plain file (a link, perhaps), and an image holds only those; put a copy there or \
                 leave it out of `scoring.include`"
            )));
        }
        let executable = file.header().mode().map_err(unreadable)? & 0o111 != 0;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(unreadable)?;
        files.insert(path, File { bytes, executable });
    }

    for (index, (name, says)) in wanted.iter().enumerate() {
        if !met.contains(&index) {
            return Err(Refusal::Spec(format!("{says} `{name}`, which the commit does not have")));
        }
    }
    let in_place = format!("model/{model_file}");
    if files.keys().any(|path| covers(&in_place, path)) {
        return Err(Refusal::Spec(format!(
            "`{in_place}` of the commit would hide the trained model; leave it out of `scoring.include`"
        )));
    }
    let Some(file) = files.get(&environment) else {
        return Err(Refusal::Spec(format!("`scoring.environment` names `{environment}`, which is a folder")));
    };
    let environment = Digest::of(&file.bytes);
    Ok(Content { files, environment })
}

/// The layer with the model.
pub fn model_layer(build: &BuildSpec, model: &[u8]) -> io::Result<Vec<u8>> {
    let path = format!("model/{}", build.model_file);
    layer([(path.as_str(), model, false)])
}

/// The layer with the code.
pub fn code_layer(files: &BTreeMap<String, File>) -> io::Result<Vec<u8>> {
    layer(files.iter().map(|(path, file)| (path.as_str(), file.bytes.as_slice(), file.executable)))
}

/// A tar that depends on nothing but names, bytes and whether a file can be run. The files come sorted.
fn layer<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8], bool)>) -> io::Result<Vec<u8>> {
    let mut tar = Builder::new(Vec::new());
    let mut folders = BTreeSet::new();
    for (path, bytes, executable) in files {
        let path = Path::new("app").join(path);
        let above: Vec<&Path> = path.ancestors().skip(1).filter(|folder| *folder != Path::new("")).collect();
        for folder in above.into_iter().rev() {
            if folders.insert(folder.to_owned()) {
                append(&mut tar, EntryType::Directory, 0o755, folder, &[])?;
            }
        }
        let mode = if executable { 0o755 } else { 0o644 };
        append(&mut tar, EntryType::Regular, mode, &path, bytes)?;
    }
    tar.into_inner()
}

fn append(tar: &mut Builder<Vec<u8>>, kind: EntryType, mode: u32, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(bytes.len() as u64);
    // A new header has owner, group and time 0 already; said here because the digest depends on it.
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    tar.append_data(&mut header, path, bytes)
}

fn covers(name: &str, path: &str) -> bool {
    name.is_empty() || path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The path without `./` and a last `/`; empty for the whole snapshot.
fn inside(path: &str, what: &str) -> Result<String, Refusal> {
    let mut words = Vec::new();
    for component in Path::new(path).components() {
        match component {
            Component::CurDir => {}
            Component::Normal(word) => words.push(word.to_string_lossy()),
            _ => {
                let reason = format!("{what}, `{path}`, must be a path inside the repository, without `..`");
                return Err(Refusal::Spec(reason));
            }
        }
    }
    Ok(words.join("/"))
}

fn unreadable(error: io::Error) -> Refusal {
    Refusal::Spec(format!("the snapshot of the commit cannot be read as a tar: {error}"))
}
