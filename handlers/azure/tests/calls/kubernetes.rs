//! Releases in a cluster.

use std::sync::Arc;

use azure::{Kubernetes, KubernetesSettings, PersonalAccessToken};
use pipeline::effect::DeploymentSpec;
use pipeline::event::Answer;
use runner::conformance;
use runner::memory::TestClock;
use runner::ports::{Clock, DeploymentStatus, Deployments, PortError};
use serde_json::{Value, json};

use crate::fake::kubernetes::{Behaviour, HOST, Kind};
use crate::fake::{Fake, Fault};
use crate::serving::{Ticking, call, image, parts, release, remove, status};
use crate::weather;

pub fn settings(fake: &Fake, more: Value) -> KubernetesSettings {
    let mut settings = json!({
        "subscription": "11111111-2222-3333-4444-555555555555",
        "resource_group": "mlops-rg",
        "cluster": "aksprod",
        "namespace": "scoring",
        "image": {"registry_server": "contoso.azurecr.io"},
        "progress_deadline_secs": 60,
        "endpoint": fake.host("{service}.example"),
        "base": fake.host("management.azure.com"),
        "timeout_secs": 3,
        "answer_timeout_secs": 3,
    });
    for (name, value) in more.as_object().unwrap() {
        settings[name] = value.clone();
    }
    serde_json::from_value(settings).unwrap()
}

pub fn kubernetes(fake: &Fake, clock: Arc<dyn Clock>, more: Value) -> Kubernetes {
    let manager = Arc::new(PersonalAccessToken::of_github("the app", "manager-secret").unwrap());
    let cluster = Arc::new(PersonalAccessToken::of_github("the app", "cluster-secret").unwrap());
    Kubernetes::new(settings(fake, more), manager, cluster, clock, parts()).unwrap()
}

pub async fn bench_with(more: Value) -> (Fake, TestClock, Kubernetes) {
    let clock = TestClock::default();
    let fake = Fake::by(Arc::new(clock.clone())).await;
    fake.world().kubernetes.authorization = Some("Bearer cluster-secret".into());
    let kubernetes = kubernetes(&fake, Arc::new(clock.clone()), more);
    (fake, clock, kubernetes)
}

pub async fn bench() -> (Fake, TestClock, Kubernetes) {
    bench_with(json!({})).await
}

async fn deployed(kubernetes: &Kubernetes, clock: &TestClock, spec: &DeploymentSpec) {
    assert_eq!(kubernetes.apply(spec).await.unwrap(), DeploymentStatus::Starting);
    clock.advance_secs(40);
    let ready = status(kubernetes, spec).await.unwrap();
    assert!(matches!(ready, DeploymentStatus::Ready { .. }), "{ready:?}");
}

/// Releases that are there, and how many pods each is to have.
pub fn there(fake: &Fake) -> Vec<(String, i64)> {
    let world = fake.world();
    let deployments = world.kubernetes.objects.iter().filter(|((kind, _), _)| *kind == Kind::Deployment);
    let shown = |value: &Value| {
        let name = value["metadata"]["annotations"]["trainyard/release"].as_str().unwrap().to_owned();
        (name, value["spec"]["replicas"].as_i64().unwrap())
    };
    let mut there: Vec<_> = deployments.map(|(_, object)| shown(&object.value)).collect();
    there.sort();
    there
}

/// The only object of a kind.
fn only(fake: &Fake, kind: Kind) -> Value {
    let world = fake.world();
    let mut objects = world.kubernetes.objects.iter().filter(|((it, _), _)| *it == kind);
    let (_, object) = objects.next().unwrap();
    assert!(objects.next().is_none());
    object.value.clone()
}

#[tokio::test]
async fn a_cluster_keeps_the_promises_of_deployments() {
    let clock = Ticking::new();
    let fake = Fake::by(clock.clone()).await;
    fake.world().kubernetes.behaviours = vec![(image("broken"), Behaviour::Crashes)];
    let kubernetes = kubernetes(&fake, clock, json!({}));
    let (spec, broken) = (release("prod", "d", "fine"), Some(release("prod", "d", "broken")));
    let example = conformance::deployments::Example { deployments: &kubernetes, spec, broken, payload: b"{}".to_vec() };

    conformance::deployments::all(&example).await;
}

#[tokio::test]
async fn a_release_is_a_deployment_with_its_image_by_digest_its_probes_and_its_limits() {
    let (fake, clock, kubernetes) = bench_with(json!({"api_key": {"secret": "scoring-key"}, "replicas": 3})).await;
    let spec = release("prod", "Diabetes_PROD-7", "fine");

    deployed(&kubernetes, &clock, &spec).await;

    let deployment = only(&fake, Kind::Deployment);
    let name = deployment["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("diabetes-prod-7-"), "{name}");
    assert_eq!(deployment["spec"]["replicas"], 3);
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], format!("contoso.azurecr.io/trainyard/diabetes@{}", image("fine")));
    assert_eq!(container["resources"]["limits"], json!({"cpu": "1500m", "memory": "1536Mi"}));
    assert_eq!(container["readinessProbe"]["httpGet"], json!({"path": "/", "port": 5001}));
    let (service, secret) = (only(&fake, Kind::Service), only(&fake, Kind::Secret));
    let key = json!({"secretKeyRef": {"name": secret["metadata"]["name"], "key": "token"}});
    let env = container["env"].as_array().unwrap();
    assert!(env.contains(&json!({"name": "API_KEY", "valueFrom": key})), "{env:?}");
    assert_eq!(secret["data"]["token"], "c2VjcmV0LXNjb3Jpbmcta2V5", "secret-scoring-key");
    assert_eq!(service["spec"]["selector"], json!({"trainyard/deployment": name}));
    let is_internal = &service["metadata"]["annotations"]["service.beta.kubernetes.io/azure-load-balancer-internal"];
    assert_eq!((is_internal, &service["spec"]["type"]), (&json!("true"), &json!("LoadBalancer")));

    let answer = call(&kubernetes, &spec).await.unwrap();
    assert_eq!(answer, Answer::Answered { status: 200, body: "[0.0]".into() });
    let world = fake.world();
    assert_eq!(world.serving.scored[0].1, "Bearer secret-scoring-key");
    for seen in &world.seen {
        let is_cluster = seen.path.starts_with(&format!("/{HOST}/"));
        let is_manager = seen.path.starts_with("/management.azure.com/");
        assert_eq!(is_cluster, seen.authorization == "Bearer cluster-secret", "{}", seen.path);
        assert_eq!(is_manager, seen.authorization == "Bearer manager-secret", "{}", seen.path);
    }
}

#[tokio::test]
async fn the_requests_go_over_in_one_write_when_the_new_pods_answer() {
    let (fake, clock, kubernetes) = bench().await;
    let (first, second) = (release("prod", "d1", "fine"), release("prod", "d2", "fine"));
    deployed(&kubernetes, &clock, &first).await;

    kubernetes.apply(&second).await.unwrap();
    for _ in 0..3 {
        assert_eq!(status(&kubernetes, &second).await.unwrap(), DeploymentStatus::Starting);
        assert!(matches!(status(&kubernetes, &first).await.unwrap(), DeploymentStatus::Ready { .. }));
        assert!(matches!(call(&kubernetes, &first).await.unwrap(), Answer::Answered { .. }));
        clock.advance_secs(6);
    }
    assert_eq!(there(&fake), [("d1".into(), 2), ("d2".into(), 2)]);
    clock.advance_secs(30);
    let before = fake.count();
    assert!(matches!(status(&kubernetes, &second).await.unwrap(), DeploymentStatus::Ready { .. }));

    let asked = fake.asked().split_off(before);
    let writes: Vec<_> = asked.iter().filter(|asked| asked.starts_with("PATCH")).collect();
    assert!(
        matches!(&writes[..], [switch, scale] if switch.contains("/services/") && scale.ends_with("/scale")),
        "{writes:?}"
    );
    assert_eq!(there(&fake), [("d1".into(), 0), ("d2".into(), 2)], "the old one is kept, without pods");
    let Answer::Unreachable { reason } = call(&kubernetes, &first).await.unwrap() else { panic!("it answers") };
    assert!(reason.starts_with("d2-") && reason.ends_with("serves in prod"), "{reason}");
    assert_eq!(status(&kubernetes, &first).await.unwrap(), DeploymentStatus::Absent);
    assert_eq!(fake.world().kubernetes.switches.len(), 3, "nobody, the first, the second");
}

#[tokio::test]
async fn the_way_back_is_the_old_release_scaled_up_and_switched_to() {
    let (fake, clock, kubernetes) = bench().await;
    let (first, second) = (release("prod", "d1", "fine"), release("prod", "d2", "fine"));
    deployed(&kubernetes, &clock, &first).await;
    deployed(&kubernetes, &clock, &second).await;

    deployed(&kubernetes, &clock, &first).await;

    assert_eq!(there(&fake), [("d1".into(), 2), ("d2".into(), 0)]);
    assert!(matches!(call(&kubernetes, &first).await.unwrap(), Answer::Answered { .. }));
}

#[tokio::test]
async fn a_late_question_about_an_old_release_changes_nothing() {
    let (fake, clock, kubernetes) = bench().await;
    let (first, second, third) =
        (release("prod", "d1", "fine"), release("prod", "d2", "fine"), release("prod", "d3", "fine"));
    deployed(&kubernetes, &clock, &first).await;
    kubernetes.apply(&second).await.unwrap();
    clock.advance_secs(1);
    kubernetes.apply(&third).await.unwrap();
    clock.advance_secs(40);

    assert_eq!(status(&kubernetes, &second).await.unwrap(), DeploymentStatus::Absent, "it was overtaken on its way");
    assert!(matches!(status(&kubernetes, &first).await.unwrap(), DeploymentStatus::Ready { .. }));
    assert_eq!(there(&fake).len(), 3, "nobody is tidied away before the one that is wanted serves");
    assert!(matches!(status(&kubernetes, &third).await.unwrap(), DeploymentStatus::Ready { .. }));
    for old in [&first, &second] {
        assert_eq!(status(&kubernetes, old).await.unwrap(), DeploymentStatus::Absent);
    }
    assert!(matches!(call(&kubernetes, &third).await.unwrap(), Answer::Answered { .. }));
    assert_eq!(there(&fake), [("d1".into(), 0), ("d2".into(), 0), ("d3".into(), 2)]);
}

#[tokio::test]
async fn a_release_that_is_given_up_cannot_get_the_requests_any_more() {
    let (fake, clock, kubernetes) = bench().await;
    let (live, slow) = (release("prod", "live", "fine"), release("prod", "slow", "better"));
    deployed(&kubernetes, &clock, &live).await;
    assert_eq!(kubernetes.apply(&slow).await.unwrap(), DeploymentStatus::Starting);
    clock.advance_secs(40);
    // It is there at last, and somebody who has seen that is about to give it the requests; meanwhile it is given up.
    let seen = only(&fake, Kind::Service);
    remove(&kubernetes, &slow).await.unwrap();

    let left = only(&fake, Kind::Service);
    let selected = &left["spec"]["selector"]["trainyard/deployment"];
    assert_eq!(left["metadata"]["annotations"]["trainyard/wanted"], *selected, "{left}");
    assert_ne!(
        left["metadata"]["resourceVersion"], seen["metadata"]["resourceVersion"],
        "a write by what was seen fails"
    );
    assert_eq!(status(&kubernetes, &slow).await.unwrap(), DeploymentStatus::Absent);
    assert!(matches!(status(&kubernetes, &live).await.unwrap(), DeploymentStatus::Ready { .. }));

    // Once more it writes nothing, and the one that has the requests keeps them until it is deleted.
    remove(&kubernetes, &slow).await.unwrap();
    remove(&kubernetes, &live).await.unwrap();
    assert_eq!(only(&fake, Kind::Service), left);
}

#[tokio::test]
async fn only_the_last_few_releases_are_kept() {
    let (fake, clock, kubernetes) = bench_with(json!({"kept_releases": 1})).await;
    for name in ["d1", "d2", "d3", "d4"] {
        deployed(&kubernetes, &clock, &release("prod", name, "fine")).await;
    }
    assert_eq!(there(&fake), [("d3".into(), 0), ("d4".into(), 2)]);
}

#[tokio::test]
async fn why_a_release_does_not_run_is_told_in_words() {
    let (fake, clock, kubernetes) = bench().await;
    let good = release("prod", "good", "fine");
    deployed(&kubernetes, &clock, &good).await;
    let cases = [
        ("crashes", Behaviour::Crashes, "waits in CrashLoopBackOff: back-off 40s restarting"),
        ("no-image", Behaviour::NoImage, "kubelet identity has AcrPull"),
        ("deaf", Behaviour::Deaf, "runs, but does not answer its probe"),
        ("no-room", Behaviour::NoRoom, "no node has room for a pod: 0/3 nodes are available"),
    ];
    for (word, behaviour, wanted) in cases {
        fake.world().kubernetes.behaviours.push((image(word), behaviour));
        let spec = release("prod", word, word);
        kubernetes.apply(&spec).await.unwrap();
        clock.advance_secs(100);
        let failed = status(&kubernetes, &spec).await.unwrap();
        assert!(matches!(&failed, DeploymentStatus::Failed { reason } if reason.contains(wanted)), "{failed:?}");
        assert!(matches!(call(&kubernetes, &good).await.unwrap(), Answer::Answered { .. }), "{word}");
    }

    // What failed is rolled out anew when it is asked for again.
    fake.world().kubernetes.behaviours.clear();
    deployed(&kubernetes, &clock, &release("prod", "deaf", "deaf")).await;

    // What serves may die later.
    fake.world().kubernetes.behaviours.push((image("deaf"), Behaviour::Crashes));
    let died = status(&kubernetes, &release("prod", "deaf", "deaf")).await.unwrap();
    assert!(matches!(&died, DeploymentStatus::Failed { reason } if reason.contains("its log says why")), "{died:?}");
}

#[tokio::test]
async fn a_cluster_that_hands_out_its_administrator_s_credentials_is_refused() {
    let (fake, _, kubernetes) = bench().await;
    fake.world().kubernetes.is_open = true;

    let refused = kubernetes.apply(&release("prod", "d1", "fine")).await.unwrap_err();

    let PortError::Permanent { reason, .. } = &refused else { panic!("{refused}") };
    assert!(reason.contains("not integrated with Microsoft Entra ID"), "{reason}");
    assert!(!reason.contains("secret"), "{reason}");
    assert_eq!(fake.count(), 1, "the cluster itself is not called");
}

#[tokio::test]
async fn what_somebody_else_wrote_on_an_object_stays() {
    let (fake, clock, kubernetes) = bench().await;
    deployed(&kubernetes, &clock, &release("prod", "d1", "fine")).await;
    {
        let mut world = fake.world();
        let mut services = world.kubernetes.objects.iter_mut().filter(|((kind, _), _)| *kind == Kind::Service);
        let (_, service) = services.next().unwrap();
        service.value["metadata"]["annotations"]["team"] = "risk".into();
        service.owners.insert("kubectl".into(), ["/metadata/annotations/team".to_owned()].into());
    }

    deployed(&kubernetes, &clock, &release("prod", "d2", "fine")).await;

    assert_eq!(only(&fake, Kind::Service)["metadata"]["annotations"]["team"], "risk");
}

#[tokio::test]
async fn a_service_that_changed_meanwhile_is_read_again_before_it_is_written() {
    let (fake, clock, kubernetes) = bench().await;
    let spec = release("prod", "d1", "fine");
    kubernetes.apply(&spec).await.unwrap();
    clock.advance_secs(40);
    fake.spoil(3, Fault::Status(409));
    let before = fake.count();

    let conflict = status(&kubernetes, &spec).await.unwrap_err();

    assert!(matches!(conflict, PortError::Transient { .. }), "{conflict}");
    assert_eq!(fake.count() - before, 3, "at the version that is gone it is not sent again");
    assert!(matches!(status(&kubernetes, &spec).await.unwrap(), DeploymentStatus::Ready { .. }));
}

#[tokio::test]
async fn a_log_is_the_oldest_pod_s_and_empty_before_it_runs() {
    let (fake, clock, kubernetes) = bench().await;
    let spec = release("prod", "d1", "fine");
    let logs = async |from| kubernetes.logs(&spec.project, &spec.environment, &spec.release.deployment, from).await;
    assert!(matches!(logs(0).await, Err(PortError::Permanent { .. })), "there is no such deployment");
    kubernetes.apply(&spec).await.unwrap();
    assert_eq!(logs(0).await.unwrap().text, "");
    clock.advance_secs(40);
    fake.world().kubernetes.log = "one\ntwo\n".into();

    let first = logs(0).await.unwrap();
    fake.world().kubernetes.log += "three\n";

    assert_eq!((first.text.as_str(), first.next), ("one\ntwo\n", 8));
    assert_eq!(logs(first.next).await.unwrap().text, "three\n");
}

#[tokio::test]
async fn a_service_waits_for_its_address_unless_settings_name_one() {
    let (fake, clock, _) = bench().await;
    let by_address = kubernetes(&fake, Arc::new(clock.clone()), json!({"endpoint": "http://{address}"}));
    fake.world().kubernetes.address_secs = 100;
    let spec = release("prod", "d1", "fine");
    by_address.apply(&spec).await.unwrap();
    clock.advance_secs(40);
    assert_eq!(status(&by_address, &spec).await.unwrap(), DeploymentStatus::Starting);
    clock.advance_secs(100);
    let ready = status(&by_address, &spec).await.unwrap();
    assert_eq!(ready, DeploymentStatus::Ready { endpoint: "http://10.224.0.9/score".into() });

    let no_address = settings(&fake, json!({"service": "cluster_ip", "endpoint": "http://{address}"}));
    let anybody = || Arc::new(azure::Anybody);
    let made = Kubernetes::new(no_address, anybody(), anybody(), Arc::new(clock), parts());
    assert!(matches!(made, Err(PortError::Permanent { .. })));
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
        let key = json!({"api_key": {"secret": "scoring-key"}});
        let (fake, clock, before) = bench_with(key.clone()).await;
        deployed(&before, &clock, &release("prod", "old", "fine")).await;
        fake.world().kubernetes.behaviours = vec![(image("crashes"), Behaviour::Crashes)];
        // One that has still to find the cluster.
        let kubernetes = kubernetes(&fake, Arc::new(clock.clone()), key);
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
        let spec = |value: &Value| {
            let mut spec = value["spec"].clone();
            if let Some(template) = spec.get_mut("template") {
                template["metadata"]["annotations"] = Value::Null;
            }
            (spec, value["metadata"]["annotations"]["trainyard/wanted"].clone(), value["data"].clone())
        };
        let objects: Vec<_> = world.kubernetes.objects.iter().map(|(key, object)| (key, spec(&object.value))).collect();
        format!("{objects:#?}")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_meets_every_fault_and_ends_well_after_it() {
    let calls: [weather::Named<Bench>; 6] = [
        ("deploy", |bench| {
            Box::pin(async {
                let spec = release("prod", "new", "fine");
                bench.kubernetes.apply(&spec).await?;
                bench.clock.advance_secs(40);
                status(&bench.kubernetes, &spec).await.map(|_| ())
            })
        }),
        ("deploy what crashes, twice", |bench| {
            Box::pin(async {
                let spec = release("prod", "crashes", "crashes");
                bench.kubernetes.apply(&spec).await?;
                bench.clock.advance_secs(100);
                bench.kubernetes.apply(&spec).await?;
                Ok(())
            })
        }),
        ("call", |bench| {
            Box::pin(async { call(&bench.kubernetes, &release("prod", "old", "fine")).await.map(|_| ()) })
        }),
        ("remove", |bench| Box::pin(async { remove(&bench.kubernetes, &release("prod", "old", "fine")).await })),
        ("give up what does not get there", |bench| {
            Box::pin(async {
                let spec = release("prod", "crashes", "crashes");
                bench.kubernetes.apply(&spec).await?;
                remove(&bench.kubernetes, &spec).await
            })
        }),
        ("logs", |bench| {
            Box::pin(async {
                let spec = release("prod", "old", "fine");
                let name = &spec.release.deployment;
                bench.kubernetes.logs(&spec.project, &spec.environment, name, 0).await.map(|_| ())
            })
        }),
    ];

    let pairs = weather::every_call_meets_every_fault(&calls).await;

    assert!(pairs > 250, "only {pairs} pairs");
}
