use crate::manifest::{Environment, Goal, Manifest, Need, OnWorse, Toggle, json_schema, read};

const EXAMPLE: &str = include_str!("../../../../../examples/diabetes_regression/trainyard.yml");

#[test]
fn the_example_is_read() {
    let manifest = read("trainyard.yml", EXAMPLE).unwrap();

    assert_eq!(manifest.project.as_str(), "diabetes_regression");
    assert_eq!(manifest.train.get().unwrap().data.as_deref(), Some("data/diabetes.csv"));
    assert_eq!(manifest.model_name().as_str(), "diabetes_regression_model");
    assert_eq!(manifest.scoring.smoke[0].expect.tolerance, 0.001);
    assert_eq!(manifest.production().unwrap().as_str(), "prod");
    assert_eq!(manifest.evaluate.rules[0].goal, Goal::Minimize);
}

#[test]
fn the_smallest_manifest_does_what_mlopspython_does() {
    let manifest = smallest();

    let triggers = &manifest.triggers;
    let branches: Vec<&str> = triggers.branches.iter().map(|branch| branch.as_str()).collect();
    assert_eq!(branches, ["main", "master"]);
    assert!(triggers.pull_requests && triggers.supersede);
    assert!(triggers.paths.include.is_empty());
    assert_eq!(triggers.paths.exclude, ["docs/**", "**/*.md"]);
    assert_eq!(triggers.scoring_paths, ["scoring/**"]);

    let check = manifest.check.get().unwrap();
    assert_eq!(check.environment, "requirements-ci.txt");
    assert_eq!(check.lint.as_deref(), Some("ruff check ."));
    assert_eq!(check.test.as_deref(), Some("pytest --junitxml=unit-testresults.xml --cov=. --cov-report=xml"));
    assert_eq!((check.coverage.min_line, check.coverage.required), (0.0, true));
    assert_eq!(check.timeout_minutes, 60);

    let train = manifest.train.get().unwrap();
    assert!(train.auto);
    assert_eq!(train.environment, "requirements.txt");
    assert_eq!(train.command, "python training/train.py");
    assert_eq!(train.parameters.as_deref(), Some("parameters.json"));
    assert_eq!(train.data, None);
    assert_eq!(train.model, "model.pkl");
    assert_eq!(train.timeout_minutes, 1440);

    let evaluate = &manifest.evaluate;
    assert_eq!((evaluate.run, evaluate.on_worse), (true, OnWorse::Stop));
    let rule = &evaluate.rules[0];
    assert_eq!((rule.metric.as_str(), rule.goal), ("mse", Goal::Minimize));
    assert_eq!((rule.min_improvement, rule.bound), (0.0, None));

    assert_eq!(manifest.model_name().as_str(), "x_model");
    assert!(manifest.register.tags.is_empty());

    let scoring = &manifest.scoring;
    assert_eq!(scoring.entry, "scoring/score.py");
    assert_eq!(scoring.environment, "scoring/requirements.txt");
    assert_eq!(scoring.include, ["scoring"]);
    assert_eq!((&scoring.tests, &scoring.profile), (&None, &None));
    assert!(scoring.smoke.is_empty());
}

#[test]
fn where_an_environment_runs_is_no_matter_of_the_manifest() {
    let said = |target: &str| {
        read("trainyard.yml", &format!("version: 1\nproject: p\nenvironments: {{ qa: {{ {target} }} }}\n"))
    };

    assert_eq!(said("target: local").unwrap(), said("").unwrap(), "as manifests of 0.1.0 have it");
    let error = said("target: kubernetes").unwrap_err().to_string();
    assert!(error.contains("target") && error.contains("local"), "{error}");
}

#[test]
fn releases_go_to_qa_and_then_past_a_gate_to_prod() {
    let manifest = smallest();

    let [(qa, qa_settings), (prod, prod_settings)] = &manifest.environments[..] else {
        panic!("{:?}", manifest.environments);
    };
    assert_eq!((qa.as_str(), prod.as_str()), ("qa", "prod"));
    assert_eq!(*qa_settings, Environment::default());
    let gate = prod_settings.approval.as_ref().unwrap();
    assert_eq!((gate.need, gate.timeout_hours), (Need::One, 48.0));
    assert!(gate.approvers.is_empty() && !gate.requester_may_approve);
    assert!(!manifest.rolls_back(qa));
    assert!(manifest.rolls_back(prod));
}

#[test]
fn an_empty_section_means_its_defaults() {
    let text = "version: 1\nproject: x\ncheck:\ntrain: true\nevaluate:\nscoring: {}\n";
    assert_eq!(read("t.yml", text).unwrap(), smallest());
}

#[test]
fn false_turns_a_section_off() {
    let manifest = with("check: false\ntrain: false\n").unwrap();
    assert_eq!(manifest.check, Toggle::Off(false));
    assert_eq!(manifest.train.get(), None);
}

#[test]
fn environments_keep_the_order_of_the_file() {
    let manifest = with("environments: { z: , b: {}, a: { rollback: false } }\n").unwrap();
    let names: Vec<&str> = manifest.environments.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["z", "b", "a"]);
    assert!(!manifest.rolls_back(manifest.production().unwrap()));
}

#[test]
fn an_unknown_key_is_named_with_its_line_the_nearest_and_all_allowed() {
    assert_eq!(
        with("check:\n  lnt: a\n").unwrap_err(),
        "t.yml:4:3: unknown key `lnt` in `check`; did you mean `lint`? Allowed: `environment`, `lint`, `test`, \
         `coverage`, `timeout_minutes`"
    );
    assert_eq!(
        with("sources: a\n").unwrap_err(),
        "t.yml:3:1: unknown key `sources`; allowed: `version`, `project`, `triggers`, `check`, `train`, `evaluate`, \
         `register`, `scoring`, `infrastructure`, `environments`"
    );
}

#[test]
fn a_wrong_type_is_named_with_what_was_found() {
    for (section, said) in [
        (
            "train: { timeout_minutes: soon }",
            "3:27: train.timeout_minutes: expected a whole number that is not negative, found the text `soon`",
        ),
        (
            "triggers: { pull_requests: yes }",
            "3:28: triggers.pull_requests: expected `true` or `false`, found the text `yes`",
        ),
        ("triggers: { branches: main }", "3:23: triggers.branches: expected a list, found the text `main`"),
        ("check: []", "3:8: check: expected a section or `false`, found a list"),
        ("check: { coverage: 50 }", "3:20: check.coverage: expected a section, found `50`"),
        (
            "check: { lint: false }",
            "3:16: check.lint: expected a text, found `false`; write \"false\" if this text is meant, and `null` to \
             leave it out",
        ),
        (
            "evaluate: { on_worse: Stop }",
            "3:23: evaluate.on_worse: unknown `Stop`; did you mean `stop`? Allowed: `stop`, `register`",
        ),
        ("evaluate: { rules: [ { metric: mse } ] }", "3:24: evaluate.rules[0]: the key `goal` is missing"),
        (
            "environments: { qa: { approval: { need: two } } }",
            "3:41: environments.qa.approval.need: expected `one`, `all` or a whole number, found the text `two`",
        ),
    ] {
        assert_eq!(with(section).unwrap_err(), format!("t.yml:{said}"));
    }
}

#[test]
fn impossible_values_are_named_with_what_is_allowed() {
    for (section, said) in [
        (
            "check: { coverage: { min_line: 101 } }",
            "3:32: check.coverage.min_line: a percentage from 0 to 100, not 101",
        ),
        (
            "check: { coverage: { min_line: .nan } }",
            "3:32: check.coverage.min_line: a percentage from 0 to 100, not NaN",
        ),
        ("check: { timeout_minutes: 0 }", "3:27: check.timeout_minutes: a whole number from 1 to 43200, not 0"),
        ("train: { timeout_minutes: 43201 }", "3:27: train.timeout_minutes: a whole number from 1 to 43200, not 43201"),
        (
            "train: { model: a/b.pkl }",
            "3:17: train.model: the name of one file, without folders: the command leaves it in the folder `TRAINYARD_OUTPUTS`",
        ),
        (
            "train: { model: .. }",
            "3:17: train.model: the name of one file, without folders: the command leaves it in the folder `TRAINYARD_OUTPUTS`",
        ),
        ("train: { command: ' ' }", "3:19: train.command: must not be empty"),
        ("triggers: { branches: [] }", "3:23: triggers.branches: at least one branch, or nothing is ever delivered"),
        (
            "triggers: { paths: { exclude: ['a**'] } }",
            "3:32: triggers.paths.exclude[0]: `a**` is not a glob: `**` stands alone between slashes, as in `docs/**` and `**/*.md`",
        ),
        (
            "evaluate: { rules: [] }",
            "3:20: evaluate.rules: at least one rule, or `evaluate.run: false` to release without comparing",
        ),
        (
            "evaluate: { rules: [ { metric: r2, goal: maximize, min_improvement: -1 } ] }",
            "3:69: evaluate.rules[0].min_improvement: a number that is 0 or more",
        ),
        (
            "scoring: { entry: /a }",
            "3:19: scoring.entry: `/a` is not a path: paths begin at the repository's root by themselves: leave out the first `/`",
        ),
        (
            "scoring: { tests: ../a }",
            "3:19: scoring.tests: `../a` is not a path: a path stays inside the repository, without `..`",
        ),
        (
            "infrastructure: { template: infra/main.bicep }",
            "3:29: infrastructure.template: Bicep is not understood by Azure itself: compile it with `az bicep build` (or `build-params`) and name the JSON file",
        ),
        (
            "infrastructure: { template: infra/main.json, timeout_minutes: 1441 }",
            "3:63: infrastructure.timeout_minutes: a whole number from 1 to 1440, not 1441",
        ),
        (
            "scoring: { include: ['a\\b'] }",
            "3:22: scoring.include[0]: `a\\b` is not a path: folders are divided by `/`; `\\` and control characters are not allowed",
        ),
        (
            "scoring: { profile: { payload: a, seconds: 601 } }",
            "3:44: scoring.profile.seconds: a whole number from 1 to 600, not 601",
        ),
        (
            "scoring: { profile: { payload: a, concurrency: 65 } }",
            "3:48: scoring.profile.concurrency: a whole number from 1 to 64, not 65",
        ),
        (
            "scoring: { smoke: [ { payload: a, expect: { tolerance: .inf } } ] }",
            "3:56: scoring.smoke[0].expect.tolerance: a number that is 0 or more",
        ),
        (
            "scoring: { smoke: [ { payload: a, expect: { result: [1], length: 2 } } ] }",
            "3:66: scoring.smoke[0].expect.length: `result` has 1 numbers, and not 2",
        ),
        ("environments: {}", "3:15: environments: 1 to 10 environments, not 0"),
        (
            "environments: { qa: { approval: { need: all } } }",
            "3:41: environments.qa.approval.need: `all` needs `approvers` to be named",
        ),
        (
            "environments: { qa: { approval: { need: 2, approvers: [a] } } }",
            "3:41: environments.qa.approval.need: 2 approvals can never come from 1 `approvers`",
        ),
        (
            "environments: { qa: { approval: { need: 0 } } }",
            "3:41: environments.qa.approval.need: `one`, `all` or a whole number from 1",
        ),
        (
            "environments: { qa: { approval: { timeout_hours: 0 } } }",
            "3:50: environments.qa.approval.timeout_hours: more than 0 hours and at most 720 (30 days)",
        ),
        (
            "environments: { qa: { approval: { timeout_hours: 721 } } }",
            "3:50: environments.qa.approval.timeout_hours: more than 0 hours and at most 720 (30 days)",
        ),
    ] {
        assert_eq!(with(section).unwrap_err(), format!("t.yml:{said}"), "{section}");
    }
}

#[test]
fn all_impossible_values_are_told_at_once_in_the_order_of_the_file() {
    let text = "scoring: { entry: /a }\ntrain: { timeout_minutes: 0 }\n";
    let error = with(text).unwrap_err();
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines.len(), 2, "{error}");
    assert!(lines[0].starts_with("t.yml:3:19: scoring.entry"), "{error}");
    assert!(lines[1].starts_with("t.yml:4:27: train.timeout_minutes"), "{error}");
}

#[test]
fn a_repository_that_only_releases_needs_no_rules() {
    with("evaluate: { run: false, rules: [] }").unwrap();
    with("train: false\nevaluate: { rules: [] }").unwrap();
}

#[test]
fn another_version_is_told_before_its_keys_are_called_unknown() {
    let error = read("t.yml", "version: 2\nstages: []\n").unwrap_err();
    assert_eq!(error.to_string(), "t.yml:1:10: version: 2 is not known; this Trainyard reads version 1");
}

#[test]
fn an_empty_file_is_told_what_is_the_least() {
    let error = read("t.yml", "").unwrap_err().to_string();
    assert!(error.contains("the smallest manifest is `version: 1` and `project: name`"), "{error}");
}

#[test]
fn the_same_key_twice_is_refused() {
    assert_eq!(
        with("project: y\n").unwrap_err(),
        "t.yml:3:1: the key `project` is there twice; each key may be there once"
    );
    let error = with("environments:\n  qa:\n  qa:\n").unwrap_err();
    assert!(error.starts_with("t.yml:5:3: the key `qa` is there twice"), "{error}");
}

#[test]
fn a_name_outside_its_rule_is_refused_with_the_rule() {
    let error = with("environments:\n  QA: {}\n").unwrap_err();
    assert!(error.starts_with("t.yml:4:3: "), "{error}");
    assert!(error.contains("lower-case letters, digits or `-`"), "{error}");
}

#[test]
fn an_anchor_may_be_used_but_a_bomb_is_refused() {
    let text = "version: 1\nproject: &x x\nregister: { name: *x }\n";
    assert_eq!(read("t.yml", text).unwrap().model_name().as_str(), "x");

    let mut bomb = String::from("a: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb.push_str(&format!("k{level}: &a{level} [{aliases}]\n"));
    }
    let error = read("t.yml", &bomb).unwrap_err().to_string();
    assert!(error.contains("larger or deeper than any manifest"), "{error}");
}

#[test]
fn a_merge_a_tag_and_a_second_document_are_refused() {
    for (text, said) in [
        ("check: { <<: { lint: a } }", "`<<` is not understood"),
        ("check: !mine { lint: a }", "the tag `!mine` is not understood"),
        ("---\nversion: 1", "a second YAML document"),
    ] {
        let error = with(text).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn what_is_too_large_or_too_deep_is_refused() {
    let large = format!("version: 1\nproject: x\n# {}\n", "x".repeat(256 * 1024));
    let error = read("t.yml", &large).unwrap_err().to_string();
    assert!(error.contains("at most 262144"), "{error}");

    let deep = format!("check: {}{}", "[".repeat(5000), "]".repeat(5000));
    let error = with(&deep).unwrap_err();
    assert!(error.contains("nested too deep"), "{error}");
}

#[test]
fn a_message_carries_no_control_characters() {
    let error = with("\"a\\e[31m\\u202e\": 1\n").unwrap_err();
    assert!(error.starts_with("t.yml:3:1: unknown key"), "{error}");
    assert!(!error.contains(['\u{1b}', '\u{202e}']), "{error}");
}

#[test]
fn the_schema_describes_every_key_and_refuses_others() {
    let schema = json_schema();
    assert_eq!(schema["title"], "trainyard.yml");
    assert_eq!(schema["additionalProperties"], false);
    let required: Vec<&str> = schema["required"].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
    assert_eq!(required, ["version", "project"]);

    let sections = schema["$defs"].as_object().unwrap().values();
    for section in sections.chain([&schema]) {
        let keys = section["properties"].as_object();
        for (key, about) in keys.into_iter().flatten() {
            assert!(about["description"].is_string(), "`{key}` has no description: {about}");
        }
    }
    let seconds = &schema["$defs"]["Load"]["properties"]["seconds"];
    assert_eq!((&seconds["minimum"], &seconds["maximum"]), (&1.into(), &600.into()));
    assert_eq!(schema["properties"]["evaluate"]["default"]["run"], true);
}

fn smallest() -> Manifest {
    with("").unwrap()
}

/// The smallest manifest and these lines, from line 3 on.
fn with(lines: &str) -> Result<Manifest, String> {
    let text = format!("version: 1\nproject: x\n{lines}");
    read("t.yml", &text).map_err(|error| error.to_string())
}
