use proptest::prelude::*;

use crate::manifest::*;

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*") {
        let _ = read("t.yml", &text);
    }

    #[test]
    fn no_text_that_looks_like_yaml_makes_the_reader_panic(text in "([a-z]{1,3}|[\\-:?\\[\\]{},&*!|>'\"%@` \n\t#~.]|version: 1\n|check:|<<|--- )*") {
        let _ = read("t.yml", &text);
    }

    #[test]
    fn no_broken_manifest_makes_the_reader_panic(cut in 0..1800usize, put in "[\\-:\\[\\]{}&*\" \n\u{0}é]{0,3}") {
        let example = include_str!("../../../../../examples/diabetes_regression/trainyard.yml");
        let cut = example.floor_char_boundary(cut);
        let _ = read("t.yml", &format!("{}{put}{}", &example[..cut], &example[cut..]));
        let _ = read("t.yml", &format!("{}{put}", &example[..cut]));
    }

    #[test]
    fn a_manifest_written_as_yaml_is_read_again(manifest in any_manifest()) {
        let text = serde_saphyr::to_string(&manifest).unwrap();
        prop_assert_eq!(read("t.yml", &text).unwrap_or_else(|error| panic!("{error}\n{text}")), manifest);
    }

    #[test]
    fn a_manifest_written_as_json_is_read_again(manifest in any_manifest()) {
        let text = serde_json::to_string_pretty(&manifest).unwrap();
        prop_assert_eq!(&read("t.yml", &text).unwrap_or_else(|error| panic!("{error}\n{text}")), &manifest);
        let plain: Manifest = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(plain, manifest);
    }
}

/// Texts that tempt a YAML writer: numbers, booleans, nulls, quotes, colons, line ends.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("yes".to_owned()),
        Just("1e3".to_owned()),
        Just("0x1F".to_owned()),
        Just("~".to_owned()),
        Just("<<".to_owned()),
        Just("a: b # c".to_owned()),
        Just("*x &y !z".to_owned()),
        Just("two\nlines\n\n  three".to_owned()),
        "[ -~éß☃]{0,40}".prop_map(|text| format!("a{text}")),
        "[ -~é]{1,150}".prop_map(|text| format!("{text}z")),
    ]
}

fn path() -> impl Strategy<Value = String> {
    "[a-z0-9_ #:'\"-]{1,9}(/[a-zA-Zé0-9_.!@-]{1,9}x){0,3}"
}

/// Numbers as people write them. (JSON is read to the last bit only up to some 15 digits.)
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), thousandths(1_000_000_000), Just(1e-12), Just(1e20), Just(0.1), Just(5.0)]
}

fn thousandths(most: u32) -> impl Strategy<Value = f64> {
    (1..=most).prop_map(|number| f64::from(number) / 1000.0)
}

fn check() -> impl Strategy<Value = Toggle<Check>> {
    let section =
        (path(), prop::option::of(text()), prop::option::of(text()), thousandths(100_000), any::<bool>(), 1..=43200u32);
    toggle(section.prop_map(|(environment, lint, test, min_line, required, timeout_minutes)| Check {
        environment,
        lint,
        test,
        coverage: Coverage { min_line, required },
        timeout_minutes,
    }))
}

fn train() -> impl Strategy<Value = Toggle<Train>> {
    let section = (
        any::<bool>(),
        path(),
        text(),
        prop::option::of(path()),
        prop::option::of(path()),
        "[a-zA-Z_-]{1,9}\\.pkl",
        1..=43200u32,
    );
    toggle(section.prop_map(|(auto, environment, command, parameters, data, model, timeout_minutes)| Train {
        auto,
        environment,
        command,
        parameters,
        data,
        model,
        timeout_minutes,
    }))
}

fn toggle<T: std::fmt::Debug + Clone>(section: impl Strategy<Value = T> + 'static) -> impl Strategy<Value = Toggle<T>> {
    prop_oneof![4 => section.prop_map(Toggle::On), 1 => Just(Toggle::Off(false))]
}

fn evaluate() -> impl Strategy<Value = Evaluate> {
    let goal = prop_oneof![Just(Goal::Minimize), Just(Goal::Maximize)];
    let rule = (goal, number(), prop::option::of(number()));
    let rules = prop::collection::vec(rule, 1..4);
    (any::<bool>(), any::<bool>(), text(), rules).prop_map(|(run, stops, metric, rules)| Evaluate {
        run,
        on_worse: if stops { OnWorse::Stop } else { OnWorse::Register },
        rules: rules
            .into_iter()
            .enumerate()
            .map(|(index, (goal, min_improvement, bound))| Rule {
                metric: format!("{metric}{index}"),
                goal,
                min_improvement,
                bound,
            })
            .collect(),
    })
}

fn scoring() -> impl Strategy<Value = Scoring> {
    let load = (path(), 1..=600u32, 1..=64u32).prop_map(|(payload, seconds, concurrency)| Load {
        payload,
        seconds,
        concurrency,
    });
    let result = prop::option::of(prop::collection::vec(number(), 0..4));
    let smoke = (path(), 100..=599u16, result, number()).prop_map(|(payload, status, result, tolerance)| Smoke {
        payload,
        expect: Expect { status, length: result.as_ref().map(Vec::len), result, tolerance },
    });
    (
        path(),
        path(),
        prop::collection::vec(path(), 0..3),
        prop::option::of(path()),
        prop::option::of(load),
        prop::collection::vec(smoke, 0..3),
    )
        .prop_map(|(entry, environment, include, tests, profile, smoke)| Scoring {
            entry,
            environment,
            include,
            tests,
            profile,
            smoke,
        })
}

fn environments() -> impl Strategy<Value = Vec<(EnvironmentName, Environment)>> {
    let need = prop_oneof![Just(Need::One), Just(Need::All), Just(Need::Count(1))];
    let approval = (text(), need, thousandths(720_000), any::<bool>()).prop_map(
        |(approver, need, timeout_hours, requester_may_approve)| Approval {
            approvers: vec![approver],
            need,
            timeout_hours,
            requester_may_approve,
        },
    );
    let environment = (prop::option::of(approval), prop::option::of(any::<bool>()));
    // Names that YAML takes for numbers and booleans are names here.
    let name = prop_oneof![4 => "[a-z][a-z0-9-]{0,8}", 1 => "[0-9]{1,4}", 1 => Just("true".to_owned()), 1 => Just("null".to_owned())];
    prop::collection::btree_map(name, environment, 1..=10).prop_map(|all| {
        all.into_iter()
            .map(|(name, (approval, rollback))| {
                let environment = Environment { approval, rollback, ..Environment::default() };
                (name.parse().unwrap(), environment)
            })
            .rev()
            .collect()
    })
}

fn retrain() -> impl Strategy<Value = Retrain> {
    let schedule = prop::option::of(prop_oneof![Just("0 0 3 * * 0".to_owned()), Just("*/10 * * * * *".to_owned())]);
    (schedule, any::<bool>(), any::<bool>(), 0..=720_000_u32, 1..=1000_u32).prop_map(
        |(schedule, on_data, on_drift, cooldown, most_in_a_week)| Retrain {
            schedule,
            on_data,
            on_drift,
            cooldown_hours: f64::from(cooldown) / 1000.0,
            most_in_a_week,
        },
    )
}

fn any_manifest() -> impl Strategy<Value = Manifest> {
    let branches = prop::collection::vec("[a-z]{1,8}(/[a-z0-9#]{1,4}[.]z)?", 1..4);
    let globs = || prop::collection::vec(prop_oneof![path(), Just("**/*.md".to_owned())], 0..3);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let triggers = (branches, flags, globs(), globs(), globs(), globs(), retrain()).prop_map(
        |(branches, (pull_requests, supersede, models), include, exclude, scoring_paths, tags, retrain)| Triggers {
            branches: branches.iter().map(|name| name.parse().unwrap()).collect(),
            pull_requests,
            paths: Paths { include, exclude },
            scoring_paths,
            supersede,
            tags,
            models,
            retrain,
        },
    );
    let register = (prop::option::of("[0-9a-z][a-z0-9._-]{0,9}"), prop::collection::vec(text(), 0..3));
    let project = "[0-9a-z][a-z0-9_-]{0,9}";
    let infrastructure =
        prop::option::of((path(), prop::option::of(path()), 1..=1440_u32).prop_map(
            |(template, parameters, timeout_minutes)| Infrastructure { template, parameters, timeout_minutes },
        ));
    (project, triggers, check(), train(), evaluate(), register, scoring(), infrastructure, environments()).prop_map(
        |(project, triggers, check, train, evaluate, (name, tags), scoring, infrastructure, environments)| Manifest {
            version: 1,
            project: project.parse().unwrap(),
            triggers,
            check,
            train,
            evaluate,
            register: Register { name: name.map(|name| name.parse().unwrap()), tags },
            scoring,
            infrastructure,
            environments,
        },
    )
}
