//! Who has which part of the requests, what settings allow, and what a gateway says.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::object::{Route, Standing};
use super::shares::{ALL, Shares};
use super::{RouteSettings, SHIFT_SECS_MAX};

fn settings(more: Value) -> RouteSettings {
    let mut settings = json!({"gateway": "public", "gateway_namespace": "gateways"});
    for (name, value) in more.as_object().unwrap() {
        settings[name] = value.clone();
    }
    serde_json::from_value(settings).unwrap()
}

fn weights(shares: &Shares) -> Vec<(&str, u32)> {
    shares.weights.iter().map(|(name, weight)| (name.as_str(), *weight)).collect()
}

#[test]
fn the_first_release_has_all_requests_in_one_step() {
    let first = Shares::default().wanting("d1");
    assert_eq!((weights(&first), first.base()), (vec![("d1", 0)], None));
    let alone = first.shifted(10);
    assert_eq!(weights(&alone), [("d1", 100)], "there is nobody to have the others");
    assert_eq!(alone.replaced, None);
}

#[test]
fn a_release_takes_over_from_the_one_that_serves() {
    let one = Shares::default().wanting("d1").shifted(ALL);
    let two = one.wanting("d2");
    assert_eq!((weights(&two), two.base()), (vec![("d1", 100), ("d2", 0)], Some("d1")));
    let tenth = two.shifted(10);
    assert_eq!(weights(&tenth), [("d1", 90), ("d2", 10)]);
    assert_eq!(tenth.serving().collect::<Vec<_>>(), ["d1", "d2"]);
    let all = tenth.shifted(ALL);
    assert_eq!((weights(&all), all.replaced.as_deref()), (vec![("d2", 100)], Some("d1")));
    assert!(!all.is_way_back());
}

#[test]
fn the_way_back_leads_to_the_one_that_was_replaced_last_and_is_one() {
    let one = Shares::default().wanting("d1").shifted(ALL);
    let two = one.wanting("d2").shifted(ALL);
    let back = two.wanting("d1");
    assert!(back.is_way_back());
    let there = back.shifted(ALL);
    assert_eq!((weights(&there), there.replaced.as_deref()), (vec![("d1", 100)], None));
    assert!(!there.wanting("d2").is_way_back(), "it goes in steps again");
    assert!(!two.wanting("d3").is_way_back());
}

#[test]
fn in_the_middle_of_a_shift_the_one_before_has_all_again() {
    let half = Shares::default().wanting("d1").shifted(ALL).wanting("d2").shifted(50);
    let failed = half.failed("it broke".into());
    assert_eq!((weights(&failed), failed.is_wanted("d2")), (vec![("d1", 100)], true));
    assert_eq!(failed.wanting("d2").failed, None, "asked for again it is tried again");
    for after in [half.wanting("d1"), half.without("d2").unwrap(), failed.wanting("d1")] {
        assert_eq!((weights(&after), after.is_wanted("d1")), (vec![("d1", 100)], true));
    }
    let third = half.wanting("d3");
    assert_eq!(weights(&third), [("d1", 100), ("d3", 0)], "the second one is passed over");
    let only = half.without("d1").unwrap();
    assert_eq!((weights(&only), only.base()), (vec![("d2", 50)], None));
    assert_eq!(half.without("d4"), None);
    let nobody = Shares::default().wanting("d1").shifted(ALL).without("d1").unwrap();
    assert_eq!((weights(&nobody), &nobody.wanted), (vec![], &None));
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    for good in [
        json!({}),
        json!({"steps": [1, 10, 99], "step_secs": 300}),
        json!({"path": "/"}),
        json!({"path": "/models/{project}/"}),
        json!({"listener": "https", "hostnames": ["{service}.contoso.com"]}),
    ] {
        settings(good.clone()).check().unwrap_or_else(|error| panic!("{good}: {error}"));
    }
    for wrong in [
        json!({"gateway": ""}),
        json!({"gateway": "a/b"}),
        json!({"gateway_namespace": "Gateways"}),
        json!({"listener": "-"}),
        json!({"path": "models"}),
        json!({"path": "/a//b"}),
        json!({"path": "/a/../b"}),
        json!({"path": "/a?b"}),
        json!({"steps": [0]}),
        json!({"steps": [100]}),
        json!({"steps": [50, 10]}),
        json!({"steps": [10, 10]}),
        json!({"steps": [10, 20, 30, 40], "step_secs": 300}),
        json!({"steps": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], "step_secs": 1}),
    ] {
        assert!(settings(wrong.clone()).check().is_err(), "{wrong}");
    }
    assert_eq!(SHIFT_SECS_MAX, 15 * 60, "as the documentation of `step_secs` says");
    let unknown = json!({"gateway": "public", "weights": [1]});
    assert!(serde_json::from_value::<RouteSettings>(unknown).is_err());
}

#[test]
fn only_what_our_gateway_says_of_this_generation_counts() {
    let condition = |kind: &str, status: &str, generation: i64| json!({"type": kind, "status": status, "reason": "Because", "message": "of this", "observedGeneration": generation});
    let standing = |parent: Value, conditions: Vec<Value>, secs: i64| {
        let route = json!({
            "metadata": {"generation": 3, "annotations": {"trainyard/shifted-at": "1970-01-01T00:00:00Z"}},
            "status": {"parents": [{"parentRef": parent, "conditions": conditions}]},
        });
        let route: Route = serde_json::from_value(route).unwrap();
        route.standing(&settings(json!({})), "scoring", Timestamp::from_second(secs).unwrap())
    };
    let ours = json!({"name": "public", "namespace": "gateways"});
    let (taken, resolved) = (condition("Accepted", "True", 3), condition("ResolvedRefs", "True", 3));
    assert_eq!(standing(ours.clone(), vec![taken.clone(), resolved], 500), Standing::Taken);
    assert_eq!(standing(ours.clone(), vec![condition("Accepted", "True", 2)], 5), Standing::Open);
    assert_eq!(standing(ours.clone(), vec![condition("Accepted", "Unknown", 3)], 5), Standing::Open);
    let lost = vec![taken.clone(), condition("ResolvedRefs", "False", 3)];
    assert_eq!(standing(ours.clone(), lost.clone(), 5), Standing::Open, "a Service may be too new");
    for (parent, conditions, wanted) in [
        (ours.clone(), vec![condition("Accepted", "False", 3)], "does not accept the route: Because, of this"),
        (ours.clone(), lost, "does not find what the route names: Because, of this"),
        (ours, vec![], "no controller has taken up the route"),
        (json!({"name": "public"}), vec![taken.clone()], "check that the gateway gateways/public"),
        (json!({"name": "other", "namespace": "gateways"}), vec![taken], "no controller"),
    ] {
        let Standing::Refused(reason) = standing(parent.clone(), conditions, 500) else { panic!("{parent}") };
        assert!(reason.contains(wanted), "{reason}");
    }
}
