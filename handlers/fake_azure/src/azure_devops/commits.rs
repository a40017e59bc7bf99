//! What Azure DevOps tells about commits.

use serde_json::{Value, json};

use super::{Devops, REPOSITORY_ID, gone, list};
use crate::git::{Entry, zip};
use crate::{Asked, Told};

/// Entries of a list of references that come at once, unless more are asked for.
const PAGE: usize = 100;

impl Devops {
    /// What is asked about commits; None: it is about something else.
    pub(super) fn tell_of_commits(&self, below: &[&str], asked: &Asked<'_>) -> Option<Told> {
        Some(match below {
            ["refs"] => self.refs(asked),
            ["commits", id] => match self.repository.commits.get(*id) {
                Some(commit) => Told::json(
                    200,
                    &json!({
                        "commitId": id, "treeId": commit.tree, "parents": commit.parents, "comment": "A change",
                        "url": url(&format!("commits/{id}")),
                    }),
                ),
                None => gone("GitUnresolvableToCommitException").into(),
            },
            ["trees", id] => self.tree(id, asked),
            ["blobs", id] => match (self.repository.blobs.get(*id), query(asked, "$format")) {
                (Some(content), "octetstream") => Told::bytes(200, "application/octet-stream", content.clone()),
                (Some(content), _) => Told::json(200, &json!({"objectId": id, "size": content.len()})),
                (None, _) => gone("GitObjectDoesNotExistException").into(),
            },
            ["items"] => self.items(asked),
            ["diffs", "commits"] => self.diff(asked),
            _ => return None,
        })
    }

    fn refs(&self, asked: &Asked<'_>) -> Told {
        let wanted = format!("refs/{}", query(asked, "filter"));
        let is_peeled = query(asked, "peelTags") == "true";
        let heads = self.repository.branches.iter().map(|(name, id)| (format!("refs/heads/{name}"), id.clone(), None));
        let tags = self.repository.tags.iter().map(|(name, tag)| {
            let peeled = tag.object.as_ref().filter(|_| is_peeled).map(|_| tag.commit.clone());
            (format!("refs/tags/{name}"), tag.object.clone().unwrap_or_else(|| tag.commit.clone()), peeled)
        });
        let found = heads.chain(tags).filter(|(name, ..)| name.starts_with(&wanted));
        let after = query(asked, "continuationToken").to_owned();
        let top = query(asked, "$top").parse().unwrap_or(PAGE);
        let mut found: Vec<_> = found.filter(|(name, ..)| *name > after).collect();
        let next = (found.len() > top).then(|| found[top - 1].0.clone());
        found.truncate(top);
        let refs = found.into_iter().map(|(name, id, peeled)| {
            let mut it = json!({"name": name, "objectId": id, "url": url(&format!("refs?filter={name}"))});
            if let Some(peeled) = peeled {
                it["peeledObjectId"] = peeled.into();
            }
            it
        });
        let told: Told = list(refs.collect()).into();
        match next {
            Some(next) => told.with("x-ms-continuationtoken", next),
            None => told,
        }
    }

    fn tree(&self, id: &str, asked: &Asked<'_>) -> Told {
        if query(asked, "$format") == "zip" {
            let Some(mut files) = self.repository.contents(id) else {
                return gone("GitObjectDoesNotExistException").into();
            };
            files.retain(|(path, _)| !self.left_out.contains(path));
            return Told::bytes(200, "application/zip", zip(None, &files));
        }
        let Some(listed) = self.repository.list(id, query(asked, "recursive") == "true") else {
            return gone("GitObjectDoesNotExistException").into();
        };
        let entry = |(path, entry): (String, Entry)| {
            let mut it = json!({
                "objectId": entry.id, "relativePath": path, "mode": entry.mode, "gitObjectType": entry.kind(),
                "url": url(&format!("{}s/{}", entry.kind(), entry.id)),
            });
            if let Some(content) = self.repository.blobs.get(&entry.id) {
                it["size"] = content.len().into();
            }
            it
        };
        let entries: Vec<_> = listed.into_iter().map(entry).collect();
        Told::json(200, &json!({"objectId": id, "url": url(&format!("trees/{id}")), "treeEntries": entries}))
    }

    fn items(&self, asked: &Asked<'_>) -> Told {
        let commit = query(asked, "versionDescriptor.version");
        let Some(tree) = self.repository.commits.get(commit).map(|commit| &commit.tree) else {
            return gone("GitUnresolvableToCommitException").into();
        };
        if query(asked, "versionDescriptor.versionType") != "commit" {
            return gone("GitUnresolvableToCommitException").into();
        }
        let item = |path: &str, entry: &Entry| {
            let mut it = json!({
                "objectId": entry.id, "gitObjectType": entry.kind(), "commitId": commit, "path": path,
                "url": url(&format!("items/{path}?versionType=Commit&version={commit}")),
            });
            if entry.kind() == "tree" {
                it["isFolder"] = true.into();
            }
            if entry.mode == "120000" {
                it["isSymLink"] = true.into();
            }
            it
        };
        let scope = query(asked, "scopePath");
        if !scope.is_empty() {
            return match self.repository.at(commit, scope) {
                Some(entry) => list(vec![item(scope, &entry)]).into(),
                None => gone("GitItemNotFoundException").into(),
            };
        }
        let root = Entry { mode: "40000", id: tree.clone() };
        let mut items = vec![item("/", &root)];
        let below = self.repository.list(tree, query(asked, "recursionLevel") == "full").unwrap();
        items.extend(below.iter().map(|(path, entry)| item(&format!("/{path}"), entry)));
        list(items).into()
    }

    fn diff(&self, asked: &Asked<'_>) -> Told {
        let (from, to) = (query(asked, "baseVersion"), query(asked, "targetVersion"));
        let Some(differing) = self.repository.difference(from, to) else {
            return gone("GitUnresolvableToCommitException").into();
        };
        // Where a file was before is told with where it is.
        let origin = |entry: &Entry| {
            let gone = differing.iter().find(|(_, old, new)| new.is_none() && old.as_ref() == Some(entry));
            gone.map(|(path, ..)| format!("/{path}"))
        };
        let mut changes = Vec::new();
        for (path, old, new) in &differing {
            if let Some((folder, _)) = path.rsplit_once('/') {
                let item = json!({"gitObjectType": "tree", "path": format!("/{folder}"), "isFolder": true});
                changes.push(json!({"item": item, "changeType": "edit"}));
            }
            let kind = if old.is_none() { "add" } else { "edit" };
            let item = |entry: &Entry| json!({"objectId": entry.id, "gitObjectType": entry.kind(), "path": format!("/{path}")});
            match (old, new) {
                (None, Some(entry)) if origin(entry).is_some() => changes
                    .push(json!({"item": item(entry), "sourceServerItem": origin(entry), "changeType": "rename"})),
                (_, Some(entry)) => changes.push(json!({"item": item(entry), "changeType": kind})),
                (Some(entry), None) => {
                    let is_renamed = differing.iter().any(|(_, old, new)| old.is_none() && new.as_ref() == Some(entry));
                    if !is_renamed {
                        changes.push(json!({"item": item(entry), "changeType": "delete"}));
                    }
                }
                (None, None) => {}
            }
        }
        let number = |name: &str, otherwise| query(asked, name).parse().unwrap_or(otherwise);
        let (skip, top) = (number("$skip", 0), number("$top", 100));
        let is_all = changes.len() <= skip + top;
        let changes: Vec<Value> = changes.into_iter().skip(skip).take(top).collect();
        Told::json(
            200,
            &json!({
                "allChangesIncluded": is_all, "changes": changes, "commonCommit": from, "baseCommit": from,
                "targetCommit": to, "aheadCount": 1, "behindCount": 0,
            }),
        )
    }
}

fn query<'a>(asked: &'a Asked<'_>, name: &str) -> &'a str {
    asked.query.get(name).map(String::as_str).unwrap_or_default()
}

fn url(below: &str) -> String {
    format!("https://dev.azure.com/contoso/ML%20Ops/_apis/git/repositories/{REPOSITORY_ID}/{below}")
}
