//! Workloads that keep a number of things under way for a time.

use std::future::Future;
use std::time::{Duration, Instant};

use serde_json::json;

use super::LoadArgs;
use super::client::Client;
use super::measure::{Latencies, Report};
use crate::error::CliError;

/// The part of the measured time that is spent before it, on warming up.
const WARM_UP_SHARE: u32 = 5;

/// Five activities one after the other; from the start request to the news of the
/// completion.
pub(super) async fn order(client: Client, load: LoadArgs) -> Result<Report, CliError> {
    let input = json!({"OrderID": "order-123", "UserID": "user-456"});
    let measured = keep_up(load, |_| {
        let (client, input) = (client.clone(), input.clone());
        async move {
            let began = Instant::now();
            let run = client.start("OrderWorkflow", Some(&input)).await?;
            client.wait(&run).await?;
            Ok(began.elapsed())
        }
    })
    .await?;
    Ok(measured.report("order", load, "workflows_per_s"))
}

/// A run that waits is signalled; from the signal request to the news of the
/// completion.
pub(super) async fn signal(client: Client, load: LoadArgs) -> Result<Report, CliError> {
    let measured = keep_up(load, |_| {
        let client = client.clone();
        async move {
            let run = client.start("BenchSignal", None).await?;
            let began = Instant::now();
            let (sent, ended) = tokio::join!(client.signal(&run, "end"), client.wait(&run));
            sent.and(ended)?;
            Ok(began.elapsed())
        }
    })
    .await?;
    Ok(measured.report("signal", load, "workflows_per_s"))
}

/// Runs that a signal starts and ends; from the request to its answer.
pub(super) async fn signal_with_start(client: Client, load: LoadArgs) -> Result<Report, CliError> {
    // One is seen through to its end: the others end alike.
    let first = client.signal_with_start("BenchSignal", "end").await?;
    client.wait(&first).await?;
    let measured = keep_up(load, |_| {
        let client = client.clone();
        async move {
            let began = Instant::now();
            client.signal_with_start("BenchSignal", "end").await?;
            Ok(began.elapsed())
        }
    })
    .await?;
    Ok(measured.report("signal-with-start", load, "requests_per_s"))
}

/// Chains of runs, each of which starts the next; from the start request to the news
/// of the last run's completion.
pub(super) async fn continue_as_new(
    client: Client,
    load: LoadArgs,
    runs: u32,
) -> Result<Report, CliError> {
    let input = json!(runs);
    let measured = keep_up(load, |_| {
        let (client, input) = (client.clone(), input.clone());
        async move {
            let began = Instant::now();
            let first = client.start("BenchChain", Some(&input)).await?;
            client.wait_for_chain(&first).await?;
            Ok(began.elapsed())
        }
    })
    .await?;
    let runs_per_s = measured.latencies.count() as f64 * f64::from(runs) / measured.seconds;
    Ok(measured
        .report("continue-as-new", load, "chains_per_s")
        .setting("runs", runs)
        .figure("runs_per_s", runs_per_s))
}

/// What a run does many times at once.
#[derive(Clone, Copy)]
pub(super) enum FanOut {
    Activities(u32),
    Children(u32),
}

/// One run after the other, each with that many activities or children at once.
pub(super) async fn fan_out(
    client: Client,
    what: FanOut,
    rounds: usize,
) -> Result<Report, CliError> {
    let (workflow_type, count, name, rate) = match what {
        FanOut::Activities(count) => ("BenchFanOut", count, "activities", "activities_per_s"),
        FanOut::Children(count) => ("BenchFamily", count, "children", "children_per_s"),
    };
    let input = json!(count);
    let mut latencies = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let began = Instant::now();
        let run = client.start(workflow_type, Some(&input)).await?;
        client.wait(&run).await?;
        latencies.push(began.elapsed());
    }
    let total: Duration = latencies.iter().sum();
    let all = f64::from(count) * rounds as f64;
    Ok(Report::new("fan-out")
        .setting(name, count)
        .setting("rounds", rounds)
        .figure(rate, all / total.as_secs_f64().max(f64::EPSILON))
        .latencies(&Latencies::new(latencies)))
}

/// What was done in the measured time.
pub(super) struct Measured {
    latencies: Latencies,
    seconds: f64,
}

impl Measured {
    pub(super) fn report(
        self,
        workload: &'static str,
        load: LoadArgs,
        rate: &'static str,
    ) -> Report {
        Report::new(workload)
            .setting("in_flight", load.in_flight)
            .setting("seconds", load.seconds)
            .figure(rate, self.latencies.count() as f64 / self.seconds)
            .latencies(&self.latencies)
    }
}

/// Keeps `load.in_flight` things under way; each is done again as soon as it is
/// done. Counts those that end in the measured time, after the warm-up.
pub(super) async fn keep_up<F, Fut>(load: LoadArgs, thing: F) -> Result<Measured, CliError>
where
    F: Fn(usize) -> Fut,
    Fut: Future<Output = Result<Duration, CliError>> + Send + 'static,
{
    let time = Duration::from_secs(load.seconds.max(1));
    let begin = Instant::now() + time / WARM_UP_SHARE;
    let end = begin + time;
    let mut lanes = tokio::task::JoinSet::new();
    for lane in 0..load.in_flight.max(1) {
        let next = thing(lane);
        lanes.spawn(async move { (lane, next.await) });
    }
    let mut latencies = Vec::new();
    while let Some(done) = lanes.join_next().await {
        let (lane, latency) =
            done.map_err(|error| CliError::Answer(format!("a task of the bench: {error}")))?;
        let latency = latency?;
        let now = Instant::now();
        if now >= end {
            break;
        }
        if now >= begin {
            latencies.push(latency);
        }
        let next = thing(lane);
        lanes.spawn(async move { (lane, next.await) });
    }
    Ok(Measured {
        latencies: Latencies::new(latencies),
        seconds: time.as_secs_f64(),
    })
}
