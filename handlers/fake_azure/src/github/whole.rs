//! What GitHub tells about things besides what our calls have said of them: all that its description of the API
//! (github/rest-api-description, 2022-11-28) says is always there.

use jiff::Timestamp;
use serde_json::{Value, json};

/// The repository, as an address of the API.
const REPOSITORY: &str = "https://api.github.com/repos/contoso/diabetes";
/// The repository, as a page.
const PAGE: &str = "https://github.com/contoso/diabetes";

/// The whole thing, with what was said of it.
fn with(whole: Value, said: &Value) -> Value {
    let mut whole = whole;
    for (name, value) in said.as_object().unwrap() {
        whole[name] = value.clone();
    }
    whole
}

/// `git-ref`.
pub(super) fn reference(name: &str, kind: &str, id: &str) -> Value {
    json!({
        "ref": name, "node_id": "REF_kwDOABCD", "url": format!("{REPOSITORY}/git/{name}"),
        "object": object(kind, id),
    })
}

fn object(kind: &str, id: &str) -> Value {
    json!({"type": kind, "sha": id, "url": format!("{REPOSITORY}/git/{kind}s/{id}")})
}

/// `git-tag`.
pub(super) fn tag(id: &str, name: &str, commit: &str) -> Value {
    json!({
        "node_id": "TA_kwDOABCD", "tag": name, "sha": id, "url": format!("{REPOSITORY}/git/tags/{id}"),
        "message": name, "tagger": person(), "object": object("commit", commit), "verification": unsigned(),
    })
}

/// `git-commit`.
pub(super) fn commit(id: &str, tree: &str) -> Value {
    json!({
        "sha": id, "node_id": "C_kwDOABCD", "url": format!("{REPOSITORY}/git/commits/{id}"),
        "html_url": format!("{PAGE}/commit/{id}"), "author": person(), "committer": person(), "message": "A change",
        "tree": {"sha": tree, "url": format!("{REPOSITORY}/git/trees/{tree}")}, "parents": [],
        "verification": unsigned(),
    })
}

/// `blob`.
pub(super) fn blob(id: &str, size: usize, content: &str) -> Value {
    json!({
        "sha": id, "node_id": "B_kwDOABCD", "size": size, "url": format!("{REPOSITORY}/git/blobs/{id}"),
        "content": content, "encoding": "base64",
    })
}

/// `status`.
pub(super) fn status(number: usize, commit: &str, said: &Value, now: Timestamp) -> Value {
    let whole = json!({
        "id": number, "node_id": "SC_kwDOABCD", "url": format!("{REPOSITORY}/statuses/{commit}"), "avatar_url": null,
        "description": null, "target_url": null, "context": "default", "created_at": now.to_string(),
        "updated_at": now.to_string(), "creator": user("trainyard[bot]", "Bot"),
    });
    with(whole, said)
}

/// `check-run`.
pub(super) fn check(said: &Value) -> Value {
    let url = format!("{REPOSITORY}/check-runs/{}", said["id"]);
    let output = json!({
        "title": null, "summary": null, "text": null, "annotations_count": 0,
        "annotations_url": format!("{url}/annotations"),
    });
    let output = if said["output"].is_object() { with(output, &said["output"]) } else { output };
    let whole = json!({
        "node_id": "CR_kwDOABCD", "external_id": "", "url": url, "html_url": format!("{PAGE}/runs/{}", said["id"]),
        "details_url": null, "status": "queued", "conclusion": null, "started_at": null, "completed_at": null,
        "check_suite": {"id": 5}, "app": null, "pull_requests": [],
    });
    let mut whole = with(whole, said);
    whole["output"] = output;
    whole
}

/// `issue-comment`.
pub(super) fn comment(said: &Value) -> Value {
    let (number, author) = (&said["id"], &said["user"]);
    let whole = json!({
        "node_id": "IC_kwDOABCD", "url": format!("{REPOSITORY}/issues/comments/{number}"),
        "html_url": format!("{PAGE}/pull/12#issuecomment-{number}"), "issue_url": format!("{REPOSITORY}/issues/12"),
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "author_association": "NONE",
    });
    let mut whole = with(whole, said);
    whole["user"] = user(author["login"].as_str().unwrap(), author["type"].as_str().unwrap());
    whole
}

/// `simple-user`.
fn user(login: &str, kind: &str) -> Value {
    let url = format!("https://api.github.com/users/{login}");
    let below = |name: &str| format!("{url}/{name}");
    json!({
        "login": login, "id": 41_000_001, "node_id": "BOT_kgDOABCD", "gravatar_id": "", "type": kind,
        "avatar_url": "https://avatars.githubusercontent.com/in/1", "url": url, "site_admin": false,
        "html_url": format!("https://github.com/apps/{login}"), "followers_url": below("followers"),
        "following_url": below("following{/other_user}"), "gists_url": below("gists{/gist_id}"),
        "starred_url": below("starred{/owner}{/repo}"), "subscriptions_url": below("subscriptions"),
        "organizations_url": below("orgs"), "repos_url": below("repos"), "events_url": below("events{/privacy}"),
        "received_events_url": below("received_events"),
    })
}

fn person() -> Value {
    json!({"name": "Ann", "email": "ann@contoso.example", "date": "2026-01-01T00:00:00Z"})
}

fn unsigned() -> Value {
    json!({"verified": false, "reason": "unsigned", "signature": null, "payload": null, "verified_at": null})
}
