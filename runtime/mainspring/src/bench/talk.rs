//! Workloads that talk to runs which live on: queries and updates.

use std::sync::Arc;
use std::time::Instant;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use parking_lot::Mutex;
use serde_json::json;

use super::client::{Client, Started};
use super::load::keep_up;
use super::measure::Report;
use super::replay::{activities_for, grow};
use super::{LoadArgs, Reads};
use crate::error::CliError;
use crate::rpc::WORKFLOW_CALL;

/// Where histories are kept short, a run that has taken so many updates is replaced.
const UPDATES_OF_SHORT_HISTORY: u32 = 50;
/// Histories that grow at once.
const GROW_AT_ONCE: usize = 16;

/// Queries of runs that wait, one run for each thing in flight.
pub(super) async fn query(
    client: Client,
    load: LoadArgs,
    reads: Reads,
) -> Result<Report, CliError> {
    let runs = talkers(&client, load, reads, 0).await?;
    let measured = keep_up(load, |lane| {
        let (client, run) = (client.clone(), runs[lane].clone());
        async move {
            let began = Instant::now();
            client.query(&run, "done", WORKFLOW_CALL).await?;
            Ok(began.elapsed())
        }
    })
    .await?;
    let report = measured.report("query", load, "queries_per_s");
    Ok(report.setting("reads", reads.name()))
}

/// A run and the updates that it has taken.
#[derive(Clone)]
struct Talker {
    run: Started,
    updates: u32,
}

/// Updates of runs that wait, one run for each thing in flight; from the request to
/// the result.
pub(super) async fn update(
    client: Client,
    load: LoadArgs,
    reads: Reads,
    history_events: u32,
) -> Result<Report, CliError> {
    let runs = talkers(&client, load, reads, activities_for(history_events)).await?;
    let begins_with = client.history_length(&runs[0]).await?;
    let talkers = runs.into_iter().map(|run| Talker { run, updates: 0 });
    let talkers: Vec<_> = talkers.map(|talker| Arc::new(Mutex::new(talker))).collect();
    let measured = keep_up(load, |lane| {
        let (client, talker) = (client.clone(), talkers[lane].clone());
        async move {
            let mut now = talker.lock().clone();
            if history_events == 0 && now.updates == UPDATES_OF_SHORT_HISTORY {
                client.signal(&now.run, "end").await?;
                let run = grow(&client, reads, 0).await?;
                now = Talker { run, updates: 0 };
            }
            let began = Instant::now();
            client.update(&now.run, "add", &json!(1)).await?;
            let took = began.elapsed();
            now.updates += 1;
            *talker.lock() = now;
            Ok(took)
        }
    })
    .await?;
    let last = talkers[0].lock().run.clone();
    let ends_with = client.history_length(&last).await?;
    Ok(measured
        .report("update", load, "updates_per_s")
        .setting("reads", reads.name())
        .setting("history_events", history_events)
        .figure("history_events_before", begins_with as f64)
        .figure("history_events_after", ends_with as f64))
}

/// One run for each thing in flight, with a history of that many activities.
async fn talkers(
    client: &Client,
    load: LoadArgs,
    reads: Reads,
    activities: u32,
) -> Result<Vec<Started>, CliError> {
    stream::iter(0..load.in_flight.max(1))
        .map(|_| grow(client, reads, activities))
        .buffer_unordered(GROW_AT_ONCE)
        .try_collect()
        .await
}
