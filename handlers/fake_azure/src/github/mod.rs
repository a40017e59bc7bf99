//! GitHub, as far as it is called.

use serde_json::{Value, json};

use super::{Asked, Told as Answer};
use crate::git::Repository;

mod commits;
mod deliveries;
mod whole;

/// Status and JSON.
type Told = (u16, Value);

/// One repository with one webhook, an App with another one, and what people see.
#[derive(Debug, Default)]
pub struct Github {
    /// What was pushed. A test pushes with [`Repository::commit`].
    pub repository: Repository,
    /// What the webhooks sent, the newest first.
    pub deliveries: Vec<Value>,
    /// Commit and status, the newest last.
    pub statuses: Vec<(String, Value)>,
    pub checks: Vec<Value>,
    pub comments: Vec<Value>,
    /// Whether the list of a commit's files does not hold all of them.
    pub truncated: bool,
}

fn gone() -> Told {
    (404, json!({"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}))
}

fn unknown(commit: &str) -> Told {
    let message = format!("No commit found for SHA: {commit}");
    (422, json!({"message": message, "documentation_url": "https://docs.github.com/rest", "status": "422"}))
}

impl Github {
    pub fn answer(&mut self, asked: &Asked<'_>) -> Answer {
        match &asked.segments()[..] {
            ["repos", "contoso", "diabetes", "hooks", "77", "deliveries", below @ ..] => {
                self.tell_of_deliveries(below, asked)
            }
            ["app", "hook", "deliveries", below @ ..] => match asked.header("authorization").split('.').count() {
                3 => self.tell_of_deliveries(below, asked),
                _ => Answer::json(401, &json!({"message": "A JSON web token could not be decoded"})),
            },
            ["repos", "contoso", "diabetes", below @ ..] if asked.method == "GET" => {
                self.tell_of_commits(below, asked).unwrap_or_else(|| self.tell(asked).into())
            }
            _ => self.tell(asked).into(),
        }
    }

    fn tell(&mut self, asked: &Asked<'_>) -> Told {
        let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
        let ["repos", "contoso", "diabetes", below @ ..] = &path[..] else { return gone() };
        match (asked.method, below) {
            ("POST", ["statuses", commit]) => {
                if !self.repository.commits.contains_key(*commit) {
                    return unknown(commit);
                }
                assert!(asked.body["description"].as_str().unwrap().chars().count() <= 140);
                self.statuses.push(((*commit).to_owned(), asked.body.clone()));
                (201, whole::status(self.statuses.len(), commit, asked.body, asked.now))
            }
            ("GET", ["commits", commit, "check-runs"]) => {
                if !self.repository.commits.contains_key(*commit) {
                    return unknown(commit);
                }
                let is_asked = |check: &&Value| {
                    check["head_sha"] == *commit && check["name"] == asked.query["check_name"].as_str()
                };
                let checks: Vec<_> = self.checks.iter().filter(is_asked).map(whole::check).collect();
                (200, json!({"total_count": checks.len(), "check_runs": checks}))
            }
            ("POST", ["check-runs"]) => {
                let mut check = asked.body.clone();
                check["id"] = (4000 + self.checks.len()).into();
                self.checks.push(check.clone());
                (201, whole::check(&check))
            }
            ("PATCH", ["check-runs", number]) => {
                let Some(check) = self.checks.iter_mut().find(|it| it["id"].as_u64() == number.parse().ok()) else {
                    return gone();
                };
                merge(check, asked.body);
                (200, whole::check(check))
            }
            (_, ["issues", number, "comments"]) if *number != "12" => gone(),
            ("GET", ["issues", _, "comments"]) => {
                let page: usize = asked.query["page"].parse().unwrap();
                (200, self.comments.iter().skip((page - 1) * 100).take(100).map(whole::comment).collect())
            }
            ("POST", ["issues", _, "comments"]) => {
                let comment = said(5000 + self.comments.len(), "Bot", asked.body["body"].as_str().unwrap());
                self.comments.push(comment.clone());
                (201, whole::comment(&comment))
            }
            ("PATCH", ["issues", "comments", number]) => {
                let Some(comment) = self.comments.iter_mut().find(|it| it["id"].as_u64() == number.parse().ok()) else {
                    return gone();
                };
                merge(comment, asked.body);
                (200, whole::comment(comment))
            }
            _ => (400, json!({"message": format!("{} {below:?} is not known here", asked.method)})),
        }
    }
}

/// An issue's comment.
pub fn said(number: usize, kind: &str, body: &str) -> Value {
    json!({"id": number, "body": body, "user": {"login": "trainyard[bot]", "type": kind}})
}

fn merge(there: &mut Value, said: &Value) {
    for (name, value) in said.as_object().unwrap() {
        there[name] = value.clone();
    }
}
