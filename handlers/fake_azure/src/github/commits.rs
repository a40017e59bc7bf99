//! What GitHub tells about commits.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use super::{Github, gone, whole};
use crate::git::{Entry, zip};
use crate::{Asked, Told};

/// What opens a download for some minutes.
const TICKET: &str = "download-secret";

impl Github {
    /// What is asked about commits; None: it is about something else.
    pub(super) fn tell_of_commits(&self, below: &[&str], asked: &Asked<'_>) -> Option<Told> {
        let found = match below {
            ["git", "ref", "heads", name @ ..] => {
                let name = name.join("/");
                let commit = self.repository.branches.get(&name);
                commit.map(|id| whole::reference(&format!("refs/heads/{name}"), "commit", id))
            }
            ["git", "ref", "tags", name @ ..] => {
                let name = name.join("/");
                self.repository.tags.get(&name).map(|tag| {
                    let (kind, id) = tag.object.as_ref().map_or(("commit", &tag.commit), |object| ("tag", object));
                    whole::reference(&format!("refs/tags/{name}"), kind, id)
                })
            }
            ["git", "tags", id] => {
                let tag = self.repository.tags.iter().find(|(_, tag)| tag.object.as_deref() == Some(*id));
                tag.map(|(name, tag)| whole::tag(id, name, &tag.commit))
            }
            ["git", "commits", id] => self.repository.commits.get(*id).map(|commit| whole::commit(id, &commit.tree)),
            ["git", "trees", id] => {
                let tree = self.repository.commits.get(*id).map_or(*id, |commit| &commit.tree);
                // Any value means yes, also `0`.
                let listed = self.repository.list(tree, asked.query.contains_key("recursive"));
                let entry = |(path, entry): (String, Entry)| {
                    let mode = format!("{:0>6}", entry.mode);
                    let mut it = json!({"path": path, "mode": mode, "type": entry.kind(), "sha": entry.id});
                    if let Some(content) = self.repository.blobs.get(&entry.id) {
                        it["size"] = content.len().into();
                    }
                    it
                };
                listed.map(|listed| {
                    let entries: Vec<_> = listed.into_iter().map(entry).collect();
                    json!({"sha": tree, "tree": entries, "truncated": self.truncated})
                })
            }
            ["git", "blobs", id] => self.repository.blobs.get(*id).map(|content| {
                let text = BASE64.encode(content);
                // In lines, as GitHub sends it.
                let lines: Vec<_> = text.as_bytes().chunks(60).map(String::from_utf8_lossy).collect();
                whole::blob(id, content.len(), &(lines.join("\n") + "\n"))
            }),
            ["zipball", id] => {
                if !self.repository.commits.contains_key(*id) {
                    return Some(gone().into());
                }
                let host = asked.address("codeload.github.com");
                let place = format!("{host}/contoso/diabetes/legacy.zip/{id}?token={TICKET}");
                return Some(Told::empty(302).with("location", place));
            }
            _ => return None,
        };
        Some(found.map_or_else(|| gone().into(), |found| Told::json(200, &found)))
    }

    /// A download: opened by its address, and by nothing else.
    pub fn download(&mut self, asked: &Asked<'_>) -> Told {
        assert_eq!(asked.header("authorization"), "", "a token is shown to a host that it is not for");
        let ["contoso", "diabetes", "legacy.zip", id] = asked.segments()[..] else { return Told::empty(404) };
        let Some(commit) = self.repository.commits.get(id) else { return Told::empty(404) };
        if asked.query.get("token").map(String::as_str) != Some(TICKET) {
            return Told::empty(404);
        }
        let attributes = commit.files.get(".gitattributes").map(|entry| &self.repository.blobs[&entry.id]);
        let attributes = attributes.map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default();
        let has = |path: &str, attribute: &str| {
            attributes.lines().any(|line| line.split_once(' ') == Some((path, attribute)))
        };
        let mut files = self.repository.contents(&commit.tree).unwrap();
        files.retain(|(path, _)| !has(path, "export-ignore"));
        for (path, content) in &mut files {
            if has(path, "export-subst") {
                *content = String::from_utf8_lossy(content).replace("$Format:%H$", id).into_bytes();
            }
        }
        Told::bytes(200, "application/zip", zip(Some(&format!("contoso-diabetes-{}", &id[..7])), &files))
    }
}
