//! Releases in a cluster that take over by the weights of an `HTTPRoute`.

use std::sync::Arc;

use azure::Kubernetes;
use pipeline::effect::DeploymentSpec;
use pipeline::event::Answer;
use runner::conformance;
use runner::memory::TestClock;
use runner::ports::{DeploymentStatus, Deployments, PortError};
use serde_json::{Value, json};

use crate::fake::kubernetes::{Behaviour, GATEWAY_HOST, HOST, Kind};
use crate::fake::{Fake, Fault};
use crate::kubernetes::{kubernetes, settings, there};
use crate::serving::{Ticking, call, image, parts, release, remove, status};
use crate::weather;

/// With a gateway before it, and more settings of its route.
fn routed(fake: &Fake, route: Value) -> Value {
    let mut all = json!({"gateway": "public", "gateway_namespace": "gateways", "steps": [10, 50], "step_secs": 300});
    for (name, value) in route.as_object().unwrap() {
        all[name] = value.clone();
    }
    json!({"route": all, "endpoint": fake.host(GATEWAY_HOST)})
}

async fn bench_with(route: Value) -> (Fake, TestClock, Kubernetes) {
    let clock = TestClock::default();
    let fake = Fake::by(Arc::new(clock.clone())).await;
    fake.world().kubernetes.authorization = Some("Bearer cluster-secret".into());
    let cluster = kubernetes(&fake, Arc::new(clock.clone()), routed(&fake, route));
    (fake, clock, cluster)
}

/// A release that is asked for; its pods are up.
async fn started(cluster: &Kubernetes, clock: &TestClock, name: &str) -> DeploymentSpec {
    let spec = release("prod", name, name);
    assert_eq!(cluster.apply(&spec).await.unwrap(), DeploymentStatus::Starting);
    clock.advance_secs(30);
    spec
}

/// A release that has all requests.
async fn deployed(cluster: &Kubernetes, clock: &TestClock, name: &str) -> DeploymentSpec {
    let spec = started(cluster, clock, name).await;
    for _ in 0..10 {
        if let DeploymentStatus::Ready { .. } = status(cluster, &spec).await.unwrap() {
            return spec;
        }
        clock.advance_secs(300);
    }
    panic!("{name} did not get ready");
}

/// The route, as it is kept.
fn route(fake: &Fake) -> Value {
    let world = fake.world();
    let mut routes = world.kubernetes.objects.iter().filter(|((kind, _), _)| *kind == Kind::HttpRoute);
    routes.next().unwrap().1.value.clone()
}

/// The last weights, in the order of names.
fn weights(fake: &Fake) -> Vec<u64> {
    fake.world().kubernetes.shifts.last().unwrap().iter().map(|(_, weight)| *weight).collect()
}

/// How many of a hundred requests of anybody each release answers, and how many nobody does.
async fn shares(fake: &Fake) -> Vec<(String, usize)> {
    fake.world().serving.scored.clear();
    let (client, address) = (reqwest::Client::new(), fake.host(&format!("{GATEWAY_HOST}/diabetes/prod/score")));
    let mut failed = 0;
    for _ in 0..100 {
        let answer = client.post(&address).body("{}").send().await.unwrap();
        failed += usize::from(answer.status() != 200);
    }
    let world = fake.world();
    let mut counts = std::collections::BTreeMap::new();
    for (host, ..) in &world.serving.scored {
        *counts.entry(host[..2].to_owned()).or_insert(0) += 1;
    }
    assert_eq!(failed, 0, "requests are dropped: {counts:?}");
    counts.into_iter().collect()
}

/// Which release answered the last call.
fn answered(fake: &Fake) -> String {
    fake.world().serving.scored.last().unwrap().0.clone()
}

#[tokio::test]
async fn a_cluster_with_a_gateway_keeps_the_promises_of_deployments() {
    for steps in [json!([]), json!([10, 50])] {
        let clock = Ticking::new();
        let fake = Fake::by(clock.clone()).await;
        fake.world().kubernetes.behaviours = vec![(image("broken"), Behaviour::Crashes)];
        let cluster = kubernetes(&fake, clock, routed(&fake, json!({"steps": steps, "step_secs": 20})));
        let (spec, broken) = (release("prod", "d", "fine"), Some(release("prod", "d", "broken")));
        let example =
            conformance::deployments::Example { deployments: &cluster, spec, broken, payload: b"{}".to_vec() };

        conformance::deployments::all(&example).await;
    }
}

#[tokio::test]
async fn a_release_takes_over_in_steps_and_no_request_is_dropped() {
    let (fake, clock, cluster) = bench_with(json!({})).await;
    let first = deployed(&cluster, &clock, "d1").await;
    let second = release("prod", "d2", "d2");
    cluster.apply(&second).await.unwrap();
    assert_eq!(status(&cluster, &second).await.unwrap(), DeploymentStatus::Starting);
    clock.advance_secs(10);
    let Answer::Unreachable { reason } = call(&cluster, &second).await.unwrap() else { panic!("it has no pods") };
    assert!(reason.contains("no pod"), "{reason}");
    assert_eq!(shares(&fake).await, [("d1".into(), 100)]);
    clock.advance_secs(30);

    // Before it has any requests, and at each step, it and the old one are called as nobody else is.
    for wanted in [vec![("d1", 100)], vec![("d1", 90), ("d2", 10)], vec![("d1", 50), ("d2", 50)]] {
        let wanted: Vec<(String, usize)> = wanted.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
        assert_eq!(shares(&fake).await, wanted);
        for spec in [&first, &second] {
            assert!(matches!(call(&cluster, spec).await.unwrap(), Answer::Answered { status: 200, .. }));
            assert!(answered(&fake).starts_with(spec.release.deployment.as_str()), "{wanted:?}");
        }
        assert!(matches!(status(&cluster, &first).await.unwrap(), DeploymentStatus::Ready { .. }));
        // It looks once, and once more changes nothing.
        for _ in 0..3 {
            assert_eq!(status(&cluster, &second).await.unwrap(), DeploymentStatus::Starting);
        }
        clock.advance_secs(299);
        if weights(&fake) != [100] {
            assert_eq!(status(&cluster, &second).await.unwrap(), DeploymentStatus::Starting, "it has its time");
        }
        clock.advance_secs(3);
    }
    assert_eq!(shares(&fake).await, [("d2".into(), 100)]);
    let DeploymentStatus::Ready { endpoint } = status(&cluster, &second).await.unwrap() else { panic!("it is not") };

    assert_eq!(endpoint, fake.host("gateway.example/diabetes/prod/score"));
    assert_eq!(there(&fake), [("d1".into(), 0), ("d2".into(), 2)], "the old one is kept, without pods");
    assert_eq!(status(&cluster, &first).await.unwrap(), DeploymentStatus::Absent);
    let Answer::Unreachable { reason } = call(&cluster, &first).await.unwrap() else { panic!("it answers") };
    assert!(reason.starts_with("d2-") && reason.ends_with("serves in prod"), "{reason}");
    let world = fake.world();
    let shifts: Vec<Vec<u64>> =
        world.kubernetes.shifts.iter().map(|shift| shift.iter().map(|(_, weight)| *weight).collect()).collect();
    let first = [vec![0], vec![100]];
    assert_eq!(shifts, [&first[..], &[vec![100, 0], vec![90, 10], vec![50, 50], vec![100]]].concat());
}

#[tokio::test]
async fn a_route_names_gateway_path_and_a_service_for_each_release() {
    let more = json!({"listener": "https", "hostnames": ["{project}.contoso.com"], "steps": []});
    let (fake, clock, cluster) = bench_with(more).await;
    deployed(&cluster, &clock, "d1").await;

    let route = route(&fake);
    let parent = json!({"name": "public", "namespace": "gateways", "sectionName": "https"});
    assert_eq!(route["spec"]["parentRefs"], json!([parent]));
    assert_eq!(route["spec"]["hostnames"], json!(["diabetes.contoso.com"]));
    let rules = route["spec"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 2);
    let name = rules[1]["backendRefs"][0]["name"].as_str().unwrap();
    assert_eq!(rules[1]["matches"], json!([{"path": {"type": "PathPrefix", "value": "/diabetes/prod"}}]));
    assert_eq!(rules[0]["matches"][0]["headers"][0]["value"], name);
    let world = fake.world();
    let service = &world.kubernetes.objects[&(Kind::Service, name.to_owned())].value;
    assert_eq!(service["spec"]["selector"], json!({"trainyard/deployment": name}));
    assert_eq!(service["spec"]["type"], "ClusterIP");
    for seen in world.seen.iter().filter(|seen| seen.method == "PATCH" && seen.path.contains("/httproutes/")) {
        assert!(seen.path.starts_with(&format!("/{HOST}/")) && seen.path.contains("fieldManager=trainyard"));
    }
}

#[tokio::test]
async fn pods_that_fail_in_the_middle_give_all_requests_back() {
    let cases =
        [(Behaviour::Crashes, "waits in CrashLoopBackOff"), (Behaviour::Deaf, "none of its pods answers any more")];
    for (behaviour, wanted) in cases {
        let (fake, clock, cluster) = bench_with(json!({})).await;
        let first = deployed(&cluster, &clock, "d1").await;
        let second = started(&cluster, &clock, "d2").await;
        status(&cluster, &second).await.unwrap();
        assert_eq!(weights(&fake), [90, 10]);
        fake.world().kubernetes.behaviours = vec![(image("d2"), behaviour)];
        // A Deployment whose pods are gone is stuck only after its deadline.
        let late = behaviour == Behaviour::Deaf;
        fake.world().kubernetes.progress_secs = late.then_some(10_000);
        clock.advance_secs(5);

        let failed = status(&cluster, &second).await.unwrap();

        let DeploymentStatus::Failed { reason } = &failed else { panic!("{failed:?}") };
        assert!(reason.contains(wanted) && reason.contains("it had 10 % of the requests, and d1-"), "{reason}");
        assert_eq!(weights(&fake), [100]);
        clock.advance_secs(5);
        assert_eq!(shares(&fake).await, [("d1".into(), 100)]);
        assert!(matches!(status(&cluster, &first).await.unwrap(), DeploymentStatus::Ready { .. }));
        assert!(matches!(call(&cluster, &second).await.unwrap(), Answer::Unreachable { .. }));

        // Well again, it stays failed until it is asked for again.
        fake.world().kubernetes.behaviours.clear();
        clock.advance_secs(500);
        assert_eq!(status(&cluster, &second).await.unwrap(), failed);
        assert_eq!(cluster.apply(&second).await.unwrap(), DeploymentStatus::Starting);
        clock.advance_secs(30);
        status(&cluster, &second).await.unwrap();
        assert_eq!(weights(&fake), [90, 10], "in steps");
    }
}

#[tokio::test]
async fn the_way_back_in_the_middle_is_one_write() {
    let (fake, clock, cluster) = bench_with(json!({})).await;
    let first = deployed(&cluster, &clock, "d1").await;
    let second = started(&cluster, &clock, "d2").await;
    status(&cluster, &second).await.unwrap();
    clock.advance_secs(300);
    status(&cluster, &second).await.unwrap();
    assert_eq!(weights(&fake), [50, 50]);
    let before = fake.count();

    assert_eq!(cluster.apply(&first).await.unwrap(), DeploymentStatus::Starting, "the gateway has not seen it yet");

    let writes = fake.asked().split_off(before).into_iter().filter(|asked| asked.starts_with("PATCH")).count();
    assert_eq!((writes, weights(&fake)), (1, vec![100]));
    clock.advance_secs(5);
    assert!(matches!(cluster.apply(&first).await.unwrap(), DeploymentStatus::Ready { .. }));
    assert_eq!(shares(&fake).await, [("d1".into(), 100)]);
    assert_eq!(status(&cluster, &second).await.unwrap(), DeploymentStatus::Absent);
}

#[tokio::test]
async fn the_way_back_to_what_was_replaced_takes_no_steps_and_any_other_way_does() {
    let (fake, clock, cluster) = bench_with(json!({})).await;
    deployed(&cluster, &clock, "d1").await;
    deployed(&cluster, &clock, "d2").await;

    let first = started(&cluster, &clock, "d1").await;
    status(&cluster, &first).await.unwrap();
    assert_eq!(weights(&fake), [100]);
    clock.advance_secs(5);
    assert!(matches!(status(&cluster, &first).await.unwrap(), DeploymentStatus::Ready { .. }));
    assert_eq!(there(&fake), [("d1".into(), 2), ("d2".into(), 0)]);

    let second = started(&cluster, &clock, "d2").await;
    status(&cluster, &second).await.unwrap();
    assert_eq!(weights(&fake), [90, 10], "forward again");
}

#[tokio::test]
async fn what_is_removed_in_the_middle_leaves_all_requests_to_the_other() {
    let (fake, clock, cluster) = bench_with(json!({})).await;
    let first = deployed(&cluster, &clock, "d1").await;
    let second = started(&cluster, &clock, "d2").await;
    status(&cluster, &second).await.unwrap();

    remove(&cluster, &second).await.unwrap();

    clock.advance_secs(5);
    assert_eq!(status(&cluster, &second).await.unwrap(), DeploymentStatus::Absent);
    assert!(matches!(status(&cluster, &first).await.unwrap(), DeploymentStatus::Ready { .. }));
    assert_eq!(shares(&fake).await, [("d1".into(), 100)]);
    remove(&cluster, &first).await.unwrap();
    let world = fake.world();
    let left: Vec<_> = world.kubernetes.objects.keys().map(|(kind, _)| *kind).collect();
    assert_eq!(left, [Kind::HttpRoute]);
}

#[tokio::test]
async fn only_the_services_of_releases_that_are_kept_stay() {
    let (fake, clock, _) = bench_with(json!({})).await;
    let mut more = routed(&fake, json!({"steps": []}));
    more["kept_releases"] = 1.into();
    let cluster = kubernetes(&fake, Arc::new(clock.clone()), more);
    for name in ["d1", "d2", "d3"] {
        deployed(&cluster, &clock, name).await;
    }
    let world = fake.world();
    let services = world.kubernetes.objects.keys().filter(|(kind, _)| *kind == Kind::Service);
    let services: Vec<&str> = services.map(|(_, name)| &name[..2]).collect();
    assert_eq!(services, ["d2", "d3"]);
}

#[tokio::test]
async fn a_gateway_that_does_not_take_the_route_is_told_in_words() {
    let cases = [
        (
            json!({"listener": "nowhere"}),
            5,
            "does not accept the route: NoMatchingParent, there is no listener nowhere",
        ),
        (json!({"gateway": "other"}), 130, "no controller has taken up the route within 120 s"),
    ];
    for (more, secs, wanted) in cases {
        let (fake, clock, cluster) = bench_with(more).await;
        fake.world().kubernetes.start_secs = 3;
        let spec = release("prod", "d1", "d1");
        cluster.apply(&spec).await.unwrap();
        assert_eq!(status(&cluster, &spec).await.unwrap(), DeploymentStatus::Starting);
        clock.advance_secs(secs);
        let failed = status(&cluster, &spec).await.unwrap();
        assert!(matches!(&failed, DeploymentStatus::Failed { reason } if reason.contains(wanted)), "{failed:?}");
        assert!(matches!(call(&cluster, &spec).await.unwrap(), Answer::Unreachable { .. }));
    }

    // A gateway may change its mind in the middle, and a Service may be deleted.
    let (fake, clock, cluster) = bench_with(json!({})).await;
    deployed(&cluster, &clock, "d1").await;
    let second = started(&cluster, &clock, "d2").await;
    status(&cluster, &second).await.unwrap();
    fake.world().kubernetes.gateways[0].is_open = false;
    clock.advance_secs(5);
    let failed = status(&cluster, &second).await.unwrap();
    assert!(
        matches!(&failed, DeploymentStatus::Failed { reason } if reason.contains("NotAllowedByListeners")),
        "{failed:?}"
    );
    assert_eq!(weights(&fake), [100]);
}

#[tokio::test]
async fn a_service_that_the_gateway_does_not_find_is_waited_for_and_then_told() {
    let (fake, clock, cluster) = bench_with(json!({})).await;
    let spec = release("prod", "d1", "d1");
    cluster.apply(&spec).await.unwrap();
    fake.world().kubernetes.objects.retain(|(kind, _), _| *kind != Kind::Service);
    clock.advance_secs(30);
    assert_eq!(status(&cluster, &spec).await.unwrap(), DeploymentStatus::Starting);
    clock.advance_secs(100);
    let failed = status(&cluster, &spec).await.unwrap();
    assert!(matches!(&failed, DeploymentStatus::Failed { reason } if reason.contains("BackendNotFound")), "{failed:?}");
}

#[tokio::test]
async fn a_cluster_without_the_gateway_api_is_told_in_words() {
    let (fake, _, cluster) = bench_with(json!({})).await;
    fake.world().kubernetes.has_gateway_api = false;

    let refused = cluster.apply(&release("prod", "d1", "d1")).await.unwrap_err();

    let PortError::Permanent { reason, .. } = &refused else { panic!("{refused}") };
    assert!(reason.contains("has no Gateway API") && reason.contains("leave `route` out"), "{reason}");
}

#[tokio::test]
async fn of_two_who_look_at_once_one_shifts() {
    let (fake, clock, cluster) = bench_with(json!({})).await;
    deployed(&cluster, &clock, "d1").await;
    let second = started(&cluster, &clock, "d2").await;

    let (one, two) = tokio::join!(status(&cluster, &second), status(&cluster, &second));

    for looked in [one, two] {
        match looked {
            Ok(status) => assert_eq!(status, DeploymentStatus::Starting),
            Err(error) => assert!(matches!(error, PortError::Transient { .. }), "{error}"),
        }
    }
    assert_eq!(weights(&fake), [90, 10]);
    // Somebody else wrote between the look and the write: look again.
    clock.advance_secs(310);
    fake.spoil(3, Fault::Status(409));
    let before = fake.count();
    assert!(matches!(status(&cluster, &second).await, Err(PortError::Transient { .. })));
    assert_eq!(fake.count() - before, 3, "at the version that is gone it is not sent again");
    status(&cluster, &second).await.unwrap();
    assert_eq!(weights(&fake), [50, 50]);
}

#[tokio::test]
async fn a_gateway_and_an_address_of_a_load_balancer_do_not_go_together() {
    let fake = Fake::start().await;
    for wrong in [
        json!({"endpoint": "http://{address}"}),
        json!({"service": "public_load_balancer"}),
        json!({"route": {"gateway": "public", "steps": [0]}}),
    ] {
        let mut more = routed(&fake, json!({}));
        for (name, value) in wrong.as_object().unwrap() {
            more[name] = value.clone();
        }
        let anybody = || Arc::new(azure::Anybody);
        let clock = Arc::new(TestClock::default());
        let made = Kubernetes::new(settings(&fake, more), anybody(), anybody(), clock, parts());
        assert!(matches!(made, Err(PortError::Permanent { .. })), "{wrong}");
    }
}

/// An environment in which one release serves.
#[derive(Debug)]
struct Bench {
    fake: Fake,
    clock: TestClock,
    kubernetes: Kubernetes,
}

impl weather::Bench for Bench {
    async fn new() -> Self {
        let (fake, clock, before) = bench_with(json!({})).await;
        deployed(&before, &clock, "old").await;
        fake.world().kubernetes.behaviours = vec![(image("dies"), Behaviour::Fine)];
        // One that has still to find the cluster.
        let kubernetes = kubernetes(&fake, Arc::new(clock.clone()), routed(&fake, json!({})));
        Self { fake, clock, kubernetes }
    }

    fn fake(&self) -> &Fake {
        &self.fake
    }

    fn clock(&self) -> &TestClock {
        &self.clock
    }

    fn seen(&self) -> String {
        let world = self.fake.world();
        let shown = |value: &Value| {
            let mut spec = value["spec"].clone();
            if let Some(template) = spec.get_mut("template") {
                template["metadata"]["annotations"] = Value::Null;
            }
            let mut annotations = value["metadata"]["annotations"].clone();
            for time in ["trainyard/shifted-at", "trainyard/started-at"] {
                annotations.as_object_mut().map(|all| all.remove(time));
            }
            // The reason names what was seen first, and counts restarts.
            if let Some(reason) = annotations.get_mut("trainyard/failed") {
                *reason = reason.as_str().unwrap().contains("CrashLoopBackOff").into();
            }
            (spec, annotations)
        };
        let objects: Vec<_> =
            world.kubernetes.objects.iter().map(|(key, object)| (key, shown(&object.value))).collect();
        format!("{objects:#?}")
    }
}

/// Asks until a release has all requests, or has failed.
async fn settled(bench: &Bench, spec: &DeploymentSpec) -> runner::ports::Result<DeploymentStatus> {
    for _ in 0..6 {
        match status(&bench.kubernetes, spec).await? {
            DeploymentStatus::Starting => bench.clock.advance_secs(310),
            status => return Ok(status),
        }
    }
    panic!("it goes on for ever");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_meets_every_fault_and_ends_well_after_it() {
    let calls: [weather::Named<Bench>; 4] = [
        ("deploy", |bench| {
            Box::pin(async {
                let spec = release("prod", "new", "new");
                bench.kubernetes.apply(&spec).await?;
                bench.clock.advance_secs(40);
                settled(bench, &spec).await.map(|_| ())
            })
        }),
        ("deploy what dies on its way", |bench| {
            Box::pin(async {
                let spec = release("prod", "dies", "dies");
                bench.fake.world().kubernetes.behaviours[0].1 = Behaviour::Fine;
                bench.kubernetes.apply(&spec).await?;
                bench.clock.advance_secs(40);
                status(&bench.kubernetes, &spec).await?;
                bench.fake.world().kubernetes.behaviours[0].1 = Behaviour::Crashes;
                bench.clock.advance_secs(5);
                let failed = settled(bench, &spec).await?;
                assert!(matches!(failed, DeploymentStatus::Failed { .. }), "{failed:?}");
                Ok(())
            })
        }),
        ("call", |bench| Box::pin(async { call(&bench.kubernetes, &release("prod", "old", "old")).await.map(|_| ()) })),
        ("remove", |bench| Box::pin(async { remove(&bench.kubernetes, &release("prod", "old", "old")).await })),
    ];

    let pairs = weather::every_call_meets_every_fault(&calls).await;

    assert!(pairs > 400, "only {pairs} pairs");
}
