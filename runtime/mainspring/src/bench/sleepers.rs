//! Runs that sleep, as reminders do: what each costs, and how fast all wake.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::json;

use super::client::{Client, Started};
use super::measure::{Latencies, Report};
use super::target::Target;
use crate::error::CliError;

/// Starts under way at once.
const AT_ONCE: usize = 64;
/// Runs that are started first and do not sleep, to see how long the others will take.
const FIRST_RUNS: usize = 500;
/// From the last start to the moment when all wake: for somebody to listen to each run,
/// and longer than a server keeps code at hand that wakes soon, so that what is measured
/// is asleep.
const REST: Duration = Duration::from_secs(20);
/// Of that time, what it may take until somebody listens to each run.
const LISTEN: Duration = Duration::from_secs(4);

pub(super) async fn run(
    client: Client,
    target: &mut Target,
    runs: usize,
) -> Result<Report, CliError> {
    let runs = runs.max(1);
    // The first runs load the compiled code and warm the caches of the server.
    let first = client.start("BenchSleeper", Some(&json!(0))).await?;
    client.wait(&first).await?;
    let began = Instant::now();
    start(&client, FIRST_RUNS.min(runs), 0).await?;
    let pace = began.elapsed().as_secs_f64() / FIRST_RUNS.min(runs) as f64;
    let before = target.resident_bytes()?;
    // All sleep until the same moment, and it must not come before they are there.
    let starting = Duration::from_secs_f64(1.5 * pace * runs as f64);
    let until = SystemTime::now() + starting + REST;
    let until_ms = until.duration_since(UNIX_EPOCH).unwrap_or_default();
    let until_ms = u64::try_from(until_ms.as_millis()).unwrap_or(u64::MAX);
    let began = Instant::now();
    let sleeping = start(&client, runs, until_ms).await?;
    let started = began.elapsed().as_secs_f64();
    let left = until.duration_since(SystemTime::now()).unwrap_or_default();
    if left < LISTEN {
        return Err(CliError::Answer(format!(
            "{runs} starts took {started:.0} s, and {:.0} s were counted on: the machine is \
             busy; try again, or with fewer runs",
            starting.as_secs_f64()
        )));
    }
    tokio::time::sleep(left - LISTEN).await;
    let asleep = target.resident_bytes()?;
    let peak = target.peak_bytes()?;
    let latencies: Vec<Duration> = stream::iter(&sleeping)
        .map(|run| async {
            client.wait(run).await?;
            let late = SystemTime::now().duration_since(until);
            Ok::<_, CliError>(late.unwrap_or_default())
        })
        .buffer_unordered(runs)
        .try_collect()
        .await?;
    let latencies = Latencies::new(latencies);
    Ok(Report::new("sleepers")
        .setting("runs", runs)
        .figure("starts_per_s", runs as f64 / started)
        .figure("asleep_bytes_per_run", (asleep - before) / runs as f64)
        .figure("asleep_mib", mib(asleep - before))
        .figure("peak_mib", mib(peak - before))
        .figure("server_before_mib", mib(before))
        .figure("wake_all_s", latencies.percentile_ms(1.0) / 1_000.0)
        .latencies(&latencies))
}

/// Starts that many runs that sleep until then.
async fn start(client: &Client, runs: usize, until_ms: u64) -> Result<Vec<Started>, CliError> {
    let input = json!(until_ms);
    stream::iter(0..runs)
        .map(|_| client.start("BenchSleeper", Some(&input)))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

fn mib(bytes: f64) -> f64 {
    bytes / (1024.0 * 1024.0)
}
