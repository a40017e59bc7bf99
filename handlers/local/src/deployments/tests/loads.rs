//! Load tests.

use pipeline::event::JobOutputs;
use pipeline::manifest::Load;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_load_test_measures_the_server() {
    let bench = bench_or_skip!();

    let JobOutputs { metrics, said, .. } = measured(&bench, GOOD).await.unwrap();

    let names: Vec<&str> = metrics.keys().map(String::as_str).collect();
    assert_eq!(names, ["cpu_cores", "latency_ms_p50", "latency_ms_p95", "memory_mib", "requests_per_second"]);
    assert!(metrics["latency_ms_p50"] > 0.0 && metrics["latency_ms_p50"] <= metrics["latency_ms_p95"], "{metrics:?}");
    assert!(metrics["requests_per_second"] > 0.0, "{metrics:?}");
    assert!(metrics["memory_mib"] > 1.0, "{metrics:?}");
    assert!(metrics["cpu_cores"] >= 0.0, "{metrics:?}");
    assert!(said[0].contains("2 at a time, all answered 200"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_200_fails_the_load_test() {
    let bench = bench_or_skip!();

    let reason = measured(&bench, r#"{"status": 500, "answer": "out of memory"}"#).await.unwrap_err();

    assert!(reason.contains("answered 500"), "{reason}");
    assert!(reason.contains("out of memory"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_start_fails_the_load_test() {
    let bench = bench_or_skip!();

    let reason = measured(&bench, BROKEN).await.unwrap_err();

    assert!(reason.contains("ValueError: the model is of another version"), "{reason}");
}

async fn measured(bench: &Bench, model: &str) -> Result<JobOutputs, String> {
    let spec = bench.spec("d1", model).await;
    let folder = bench.dir.path().join("load");
    std::fs::create_dir(&folder).unwrap();
    let unpacked = bench.images.unpack(&spec.release.image, &folder.join("image")).await.unwrap();
    let bin = StandIn.python_bin(b"joblib==1.6.0", folder.join("log")).await.unwrap();
    let load = Load { payload: "smoke.json".into(), seconds: 1, concurrency: 2 };
    load::run(&unpacked.app, &bin, &unpacked.entry, &load, b"{}".to_vec(), &folder.join("log")).await
}
