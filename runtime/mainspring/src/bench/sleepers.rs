//! Runs that sleep, as reminders do: what each costs, and how fast all wake.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::json;

use super::client::Client;
use super::measure::{Latencies, Report};
use super::target::Target;
use crate::error::CliError;

/// Starts and waits under way at once.
const AT_ONCE: usize = 64;
/// From the last start to the moment when all wake: long enough for the server to
/// put idle code aside.
const REST: Duration = Duration::from_secs(30);
/// Starts a second that are counted on when the moment to wake is chosen.
const STARTS_PER_S: u64 = 200;

pub(super) async fn run(
    client: Client,
    target: &mut Target,
    runs: usize,
) -> Result<Report, CliError> {
    // The first run loads the compiled code and warms the caches of the server.
    let first = client.start("BenchSleeper", Some(&json!(0))).await?;
    client.wait(&first).await?;
    let before = target.resident_bytes()?;
    let starting = Duration::from_secs(runs as u64 / STARTS_PER_S);
    let until = SystemTime::now() + starting + REST;
    let until_ms = until.duration_since(UNIX_EPOCH).unwrap_or_default();
    let input = json!(u64::try_from(until_ms.as_millis()).unwrap_or(u64::MAX));
    let began = Instant::now();
    let sleeping: Vec<_> = stream::iter(0..runs)
        .map(|_| client.start("BenchSleeper", Some(&input)))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let started = began.elapsed().as_secs_f64();
    // Just before they wake.
    let left = until.duration_since(SystemTime::now()).unwrap_or_default();
    tokio::time::sleep(left.saturating_sub(Duration::from_secs(1))).await;
    let asleep = target.resident_bytes()?;
    let peak = target.peak_bytes()?;
    let latencies: Vec<Duration> = stream::iter(&sleeping)
        .map(|run| async {
            client.wait(run).await?;
            let late = SystemTime::now().duration_since(until);
            Ok::<_, CliError>(late.unwrap_or_default())
        })
        .buffer_unordered(runs.max(1))
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

fn mib(bytes: f64) -> f64 {
    bytes / (1024.0 * 1024.0)
}
