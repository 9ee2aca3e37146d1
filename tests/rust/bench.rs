//! `mainspring bench`: every workload, small, against a server that it starts itself.

use std::path::Path;

use mainspring_tests::{Server, bench};
use serde_json::Value;

/// A checkout, where the bench finds its workflows.
fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests are in a checkout")
}

/// Runs a workload; its report, or what it said.
fn measure(workload: &str) -> Result<Value, String> {
    let arguments: Vec<&str> = workload.split_whitespace().collect();
    let (said, well) = bench(root(), &arguments);
    if !well {
        return Err(said);
    }
    let report = serde_json::from_str(&said);
    report.map_err(|error| format!("{workload}: {error} in {said:?}"))
}

/// The workload's figures are there, and each of these is more than nothing.
fn shows(workload: &str, figures: &[&str]) -> Value {
    let report = measure(workload).unwrap_or_else(|said| panic!("{workload}: {said}"));
    for name in figures {
        let figure = report["figures"][name].as_f64();
        assert!(
            figure.is_some_and(|figure| figure > 0.0),
            "{name}: {report}"
        );
    }
    report
}

#[test]
fn every_workload_that_keeps_things_under_way_counts_and_times_them() {
    for (workload, rate) in [
        ("order", "workflows_per_s"),
        ("signal", "workflows_per_s"),
        ("query --reads rebuild", "queries_per_s"),
        ("update", "updates_per_s"),
        ("signal-with-start", "requests_per_s"),
        ("continue-as-new --runs 5", "runs_per_s"),
    ] {
        let workload = format!("{workload} --in-flight 2 --seconds 1");
        let report = shows(&workload, &[rate, "p50_ms", "p99_ms"]);
        assert_eq!(report["settings"]["in_flight"], 2, "{report}");
    }
}

#[test]
fn updates_meet_histories_that_are_as_long_as_asked_for() {
    for reads in ["trust", "rebuild"] {
        let workload =
            format!("update --in-flight 1 --seconds 1 --history-events 120 --reads {reads}");
        let report = shows(&workload, &["updates_per_s", "p50_ms"]);
        let figure = |name: &str| report["figures"][name].as_f64().expect("a figure");
        let before = figure("history_events_before");
        assert!((120.0..150.0).contains(&before), "{report}");
        assert!(figure("history_events_after") > before, "{report}");
    }
}

#[test]
fn what_is_done_once_is_measured_once() {
    shows("fan-out --activities 20 --rounds 2", &["activities_per_s"]);
    shows("fan-out --children 20 --rounds 2", &["children_per_s"]);
    shows("replay --events 300", &["history_events_per_s"]);
    let sleepers = shows("sleepers --runs 40", &["starts_per_s", "wake_all_s"]);
    assert_eq!(sleepers["settings"]["runs"], 40, "{sleepers}");
    let list = shows(
        "list --runs 60 --pages 3",
        &["keyword_p50_ms", "count_all_p50_ms"],
    );
    assert!(list["figures"]["every_run_p99_ms"].is_number(), "{list}");
}

#[tokio::test]
async fn a_workload_that_needs_the_server_process_says_so() {
    let server = Server::start(&[]).await;
    let said = measure(&format!(
        "sleepers --runs 10 --address {}",
        server.address()
    ));
    let said = said.expect_err("the process is not the bench's own");
    assert!(said.contains("leave out --address"), "{said}");
}
