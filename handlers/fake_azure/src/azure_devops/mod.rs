//! Azure DevOps, as far as it is called.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Asked, Told as Answer};
use crate::git::Repository;

mod commits;

/// Status and JSON.
type Told = (u16, Value);

pub const REPOSITORY_ID: &str = "5febef5a-833d-4e14-b9c0-14cb638f91e6";

/// One project, one repository, and what people see.
#[derive(Debug, Default)]
pub struct Devops {
    /// What was pushed. A test pushes with [`Repository::commit`].
    pub repository: Repository,
    /// Files that archives do not have.
    pub left_out: BTreeSet<String>,
    /// Builds, by number.
    pub builds: BTreeMap<u64, Value>,
    /// Commit and status, the newest last.
    pub commit_statuses: Vec<(String, Value)>,
    /// Iteration and status, the newest last.
    pub iteration_statuses: Vec<(String, Value)>,
    /// Heads of the pull request's iterations, from the first on.
    pub iterations: Vec<String>,
    pub threads: Vec<Value>,
    pub runs: Vec<Run>,
    pub coverage: Vec<(String, Value)>,
    pub policies: Vec<Value>,
}

#[derive(Debug)]
pub struct Run {
    pub head: Value,
    pub build: String,
    pub results: Vec<Value>,
    pub attachments: Vec<Value>,
}

/// The answer of an example.
fn example(text: &str) -> Value {
    let example: Value = serde_json::from_str(text).unwrap();
    let answers = example["responses"].as_object().unwrap();
    answers.values().next().unwrap()["body"].clone()
}

/// An example's answer, with what was asked in it.
fn like(text: &str, asked: &Value) -> Value {
    let mut answer = example(text);
    for (name, value) in asked.as_object().unwrap() {
        answer[name] = value.clone();
    }
    answer
}

fn list(values: Vec<Value>) -> Told {
    (200, json!({"count": values.len(), "value": values}))
}

fn gone(key: &str) -> Told {
    (
        404,
        json!({"$id": "1", "message": format!("{key}: it does not exist"), "typeKey": key, "errorCode": 0, "eventId": 3000}),
    )
}

impl Devops {
    pub fn answer(&mut self, asked: &Asked<'_>) -> Answer {
        let path = asked.segments();
        if let (
            "GET",
            ["contoso", "ML Ops", "_apis", "git", "repositories", "diabetes" | REPOSITORY_ID, below @ ..],
            Some("7.1"),
        ) = (asked.method, &path[..], asked.query.get("api-version").map(String::as_str))
            && let Some(told) = self.tell_of_commits(below, asked)
        {
            return told;
        }
        self.tell(asked).into()
    }

    /// A build of a commit of a branch, that has ended like this: `succeeded`, `failed`.
    pub fn build(&mut self, number: u64, branch: &str, commit: &str, result: &str) {
        let build = json!({
            "id": number, "buildNumber": format!("20260317.{number}"), "status": "completed", "result": result,
            "sourceBranch": format!("refs/heads/{branch}"), "sourceVersion": commit, "reason": "individualCI",
            "definition": {"id": 37, "name": "diabetes-regression-ci", "path": "\\", "type": "build"},
            "repository": {"id": REPOSITORY_ID, "type": "TfsGit", "name": "diabetes"},
            "uri": format!("vstfs:///Build/Build/{number}"), "priority": "normal",
        });
        self.builds.insert(number, build);
    }

    fn tell(&mut self, asked: &Asked<'_>) -> Told {
        let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
        let ["contoso", "ML Ops", "_apis", below @ ..] = &path[..] else {
            return gone("ProjectDoesNotExistWithNameException");
        };
        let wanted = if below[0] == "testresults" { "7.1-preview.1" } else { "7.1" };
        if asked.query.get("api-version").map(String::as_str) != Some(wanted) {
            return (400, json!({"message": "No api-version was supplied"}));
        }
        match (asked.method, below) {
            (method, ["git", "repositories", "diabetes" | REPOSITORY_ID, below @ ..]) => {
                self.repository(method, below, asked)
            }
            (_, ["git", "repositories", ..]) => gone("GitRepositoryNotFoundException"),
            ("GET", ["build", "builds", number]) => {
                let number: i32 = number.parse().unwrap();
                match self.builds.get(&u64::try_from(number).unwrap()) {
                    Some(build) => (200, build.clone()),
                    None => gone("BuildNotFoundException"),
                }
            }
            (_, ["git" | "policy", ..]) => self.policies(asked, below),
            (_, ["test" | "testresults", ..]) => self.tests(asked, below),
            _ => (400, json!({"message": format!("{} {below:?} is not known here", asked.method)})),
        }
    }

    fn repository(&mut self, method: &str, below: &[&str], asked: &Asked<'_>) -> Told {
        match (method, below) {
            ("GET", []) => (200, example(include_str!("../../fixtures/repository.json"))),
            ("POST", ["commits", commit, "statuses"]) => {
                if !self.repository.commits.contains_key(*commit) {
                    return gone("GitUnresolvableToCommitException");
                }
                self.commit_statuses.push(((*commit).to_owned(), asked.body.clone()));
                (201, like(include_str!("../../fixtures/commit_status.json"), asked.body))
            }
            (_, ["pullRequests", number, ..]) if *number != "12" => gone("GitPullRequestNotFoundException"),
            ("GET", ["pullRequests", _, "iterations"]) => {
                let iteration = |(nth, head): (usize, &String)| {
                    json!({
                        "id": nth + 1, "createdDate": "2026-01-01T00:00:00Z", "reason": "push",
                        "sourceRefCommit": {"commitId": head}, "targetRefCommit": {"commitId": "f".repeat(40)},
                    })
                };
                list(self.iterations.iter().enumerate().map(iteration).collect())
            }
            ("POST", ["pullRequests", _, "iterations", iteration, "statuses"]) => {
                self.iteration_statuses.push(((*iteration).to_owned(), asked.body.clone()));
                let mut answer = like(include_str!("../../fixtures/iteration_status.json"), asked.body);
                answer["iterationId"] = iteration.parse::<u64>().unwrap().into();
                (200, answer)
            }
            ("GET", ["pullRequests", _, "threads"]) => {
                let mut threads =
                    example(include_str!("../../fixtures/threads.json"))["value"].as_array().unwrap().clone();
                threads.extend(self.threads.iter().cloned());
                list(threads)
            }
            ("POST", ["pullRequests", _, "threads"]) => {
                let mut thread = like(include_str!("../../fixtures/thread.json"), asked.body);
                thread["id"] = (1000 + self.threads.len()).into();
                thread["comments"][0]["id"] = 1.into();
                for property in thread["properties"].as_object_mut().unwrap().values_mut() {
                    *property = json!({"$type": "System.String", "$value": property});
                }
                self.threads.push(thread.clone());
                (200, thread)
            }
            ("PATCH", ["pullRequests", _, "threads", thread, "comments", "1"]) => {
                let Some(thread) = self.threads.iter_mut().find(|it| it["id"].as_u64() == thread.parse().ok()) else {
                    return gone("CommentThreadNotFoundException");
                };
                thread["comments"][0]["content"] = asked.body["content"].clone();
                (200, thread["comments"][0].clone())
            }
            _ => (400, json!({"message": format!("{method} {below:?} is not known here")})),
        }
    }

    fn policies(&mut self, asked: &Asked<'_>, below: &[&str]) -> Told {
        match (asked.method, below) {
            ("GET", ["git", "policy", "configurations"]) => {
                assert_eq!(asked.query["repositoryId"], REPOSITORY_ID, "a name is no id");
                list(self.policies.clone())
            }
            ("POST", ["policy", "configurations"]) => {
                let mut policy = like(include_str!("../../fixtures/policy.json"), asked.body);
                policy["id"] = (100 + self.policies.len()).into();
                policy["createdDate"] = "2026-01-01T00:00:00Z".into();
                self.policies.push(policy.clone());
                (200, policy)
            }
            ("PUT", ["policy", "configurations", number]) => {
                let Some(policy) = self.policies.iter_mut().find(|it| it["id"].as_u64() == number.parse().ok()) else {
                    return gone("PolicyConfigurationNotFoundException");
                };
                for (name, value) in asked.body.as_object().unwrap() {
                    policy[name] = value.clone();
                }
                (200, policy.clone())
            }
            _ => (400, json!({"message": format!("{below:?} is not known here")})),
        }
    }

    fn tests(&mut self, asked: &Asked<'_>, below: &[&str]) -> Told {
        let runs = &mut self.runs;
        match (asked.method, below) {
            ("GET", ["test", "runs"]) => {
                let skip: usize = asked.query["$skip"].parse().unwrap();
                let of_build =
                    runs.iter().filter(|run| asked.query["buildUri"] == format!("vstfs:///Build/Build/{}", run.build));
                list(of_build.skip(skip).take(100).map(|run| run.head.clone()).collect())
            }
            ("POST", ["test", "runs"]) => {
                let mut head = example(include_str!("../../fixtures/test_run.json"));
                head["id"] = (31 + runs.len()).into();
                head["name"] = asked.body["name"].clone();
                head["state"] = asked.body["state"].clone();
                let build = asked.body["build"]["id"].as_str().unwrap().to_owned();
                runs.push(Run { head: head.clone(), build, results: Vec::new(), attachments: Vec::new() });
                (200, head)
            }
            ("PATCH", ["test", "runs", number]) => {
                let Some(run) = of(runs, number) else { return gone("TestObjectNotFoundException") };
                for name in ["state", "comment", "completedDate"] {
                    run.head[name] = asked.body[name].clone();
                }
                (200, run.head.clone())
            }
            ("GET", ["test", "Runs", number, "results"]) => {
                let Some(run) = of(runs, number) else { return gone("TestObjectNotFoundException") };
                let skip: usize = asked.query["$skip"].parse().unwrap();
                list(run.results.iter().skip(skip).take(1000).cloned().collect())
            }
            ("POST", ["test", "Runs", number, "results"]) => {
                let Some(run) = of(runs, number) else { return gone("TestObjectNotFoundException") };
                let results = asked.body.as_array().unwrap();
                assert!(results.len() <= 1000, "{} at once", results.len());
                run.results.extend(results.iter().cloned());
                (200, example(include_str!("../../fixtures/results.json")))
            }
            ("GET", ["test", "Runs", number, "attachments"]) => {
                let Some(run) = of(runs, number) else { return gone("TestObjectNotFoundException") };
                list(run.attachments.clone())
            }
            ("POST", ["test", "Runs", number, "attachments"]) => {
                let Some(run) = of(runs, number) else { return gone("TestObjectNotFoundException") };
                let mut there = example(include_str!("../../fixtures/attachments.json"))["value"][0].clone();
                there["fileName"] = asked.body["fileName"].clone();
                run.attachments.push(there);
                (200, example(include_str!("../../fixtures/attachment.json")))
            }
            ("POST", ["testresults", "codecoverage"]) => {
                self.coverage.push((asked.query["buildId"].clone(), asked.body.clone()));
                (200, Value::Null)
            }
            _ => (400, json!({"message": format!("{below:?} is not known here")})),
        }
    }
}

fn of<'a>(runs: &'a mut [Run], number: &str) -> Option<&'a mut Run> {
    runs.iter_mut().find(|run| run.head["id"].as_u64() == number.parse().ok())
}
