//! A long history, brought back after the server was killed.

use std::time::{Duration, Instant};

use serde_json::json;

use super::Reads;
use super::client::{Client, Started};
use super::measure::Report;
use super::target::Target;
use crate::error::CliError;

/// Events that one activity of the workflow leaves: its three, and the three of
/// the workflow task that hears of it.
const EVENTS_PER_ACTIVITY: u32 = 6;
/// How often the growing history is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long a replay may take.
const PATIENCE: Duration = Duration::from_secs(600);

pub(super) async fn run(
    client: Client,
    target: &mut Target,
    events: u32,
) -> Result<Report, CliError> {
    let activities = activities_for(events).max(1);
    // A run of a few events, whose replay loads the compiled code before the clock
    // runs.
    let short = grow(&client, Reads::Trust, 1).await?;
    let began = Instant::now();
    let long = grow(&client, Reads::Trust, activities).await?;
    let grown = began.elapsed();
    let events = client.history_length(&long).await?;
    target.restart().await?;
    wait_until(&client, &short, 1).await?;
    let began = Instant::now();
    wait_until(&client, &long, activities).await?;
    let replayed = began.elapsed().as_secs_f64();
    let began = Instant::now();
    client.query(&long, "done", PATIENCE).await?;
    let live = began.elapsed().as_secs_f64();
    Ok(Report::new("replay")
        .setting("events", events)
        .figure("growing_s", grown.as_secs_f64())
        .figure("replay_and_answer_s", replayed)
        .figure("answer_alone_s", live)
        .figure("history_events_per_s", events as f64 / replayed)
        .figure("delivered_events_per_s", f64::from(activities) / replayed))
}

/// How many activities leave about that many events.
pub(super) fn activities_for(events: u32) -> u32 {
    events / EVENTS_PER_ACTIVITY
}

/// A run that has done this many activities.
pub(super) async fn grow(
    client: &Client,
    reads: Reads,
    activities: u32,
) -> Result<Started, CliError> {
    let input = json!(activities);
    let run = client.start(reads.workflow_type(), Some(&input)).await?;
    wait_until(client, &run, activities).await?;
    Ok(run)
}

async fn wait_until(client: &Client, run: &Started, activities: u32) -> Result<(), CliError> {
    while client.query(run, "done", PATIENCE).await? != json!(activities) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}
