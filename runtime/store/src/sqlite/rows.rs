//! Reading runs, activities, timers and tasks.

use mainspring_engine::ids::{Digest, Namespace, RunId, TaskQueue, WorkflowKey};
use mainspring_engine::time::Timestamp;
use mainspring_engine::transition::{ActivityRow, RunImage, RunRow, TimerRow};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{Row as _, query};
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;

use super::{letters, sql};
use crate::{ClosedRun, DueRun, QueuePosition, QueuedTask, StoreError};

pub(super) async fn load_run(
    pool: &SqlitePool,
    key: &WorkflowKey,
    run_id: RunId,
) -> Result<Option<RunImage>, StoreError> {
    let row = query(
        "SELECT digest, version, status, wake_at, state FROM runs \
         WHERE run_id = ? AND namespace = ? AND workflow_id = ?",
    )
    .bind(run_id.as_bytes().as_slice())
    .bind(key.namespace.as_str())
    .bind(key.workflow_id.as_str())
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let row = run_row(&row, key, run_id)?;
    if row.status != WorkflowExecutionStatus::Running {
        return Ok(Some(RunImage {
            row,
            activities: Vec::new(),
            timers: Vec::new(),
            children: Vec::new(),
            outbox: Vec::new(),
        }));
    }
    let activities = query(
        "SELECT run_id, scheduled_event_id, task_queue, queued_at, stamp, state \
         FROM activities WHERE run_id = ? ORDER BY scheduled_event_id",
    )
    .bind(run_id.as_bytes().as_slice())
    .fetch_all(pool)
    .await?;
    let timers = query(
        "SELECT started_event_id, timer_id, fire_at FROM timers WHERE run_id = ? \
         ORDER BY started_event_id",
    )
    .bind(run_id.as_bytes().as_slice())
    .fetch_all(pool)
    .await?;
    Ok(Some(RunImage {
        row,
        activities: activities
            .iter()
            .map(activity_row)
            .collect::<Result<_, _>>()?,
        timers: timers
            .iter()
            .map(|row| timer_row(row, run_id))
            .collect::<Result<_, _>>()?,
        children: letters::children_of(pool, run_id).await?,
        outbox: letters::letters_of(pool, run_id).await?,
    }))
}

fn run_row(row: &SqliteRow, key: &WorkflowKey, run_id: RunId) -> Result<RunRow, StoreError> {
    let digest: Vec<u8> = row.try_get("digest")?;
    let version: i64 = row.try_get("version")?;
    Ok(RunRow {
        run_id,
        key: key.clone(),
        digest: Digest::from_slice(&digest).ok_or(StoreError::Corrupt {
            what: "digest",
            reason: format!("it has {} bytes", digest.len()),
        })?,
        version: u64::try_from(version).unwrap_or(0),
        status: status(row.try_get("status")?)?,
        wake_at: sql::opt_time(row, "wake_at")?,
        state: row.try_get("state")?,
    })
}

pub(super) fn status(number: i32) -> Result<WorkflowExecutionStatus, StoreError> {
    WorkflowExecutionStatus::try_from(number).map_err(|_| StoreError::Corrupt {
        what: "status",
        reason: format!("{number} is unknown"),
    })
}

fn activity_row(row: &SqliteRow) -> Result<ActivityRow, StoreError> {
    let stamp: i64 = row.try_get("stamp")?;
    let task_queue: String = row.try_get("task_queue")?;
    Ok(ActivityRow {
        run_id: sql::run_id(row, "run_id")?,
        scheduled_event_id: row.try_get("scheduled_event_id")?,
        task_queue: task_queue.into(),
        queued_at: sql::opt_time(row, "queued_at")?,
        stamp: u64::try_from(stamp).unwrap_or(0),
        state: row.try_get("state")?,
    })
}

fn timer_row(row: &SqliteRow, run_id: RunId) -> Result<TimerRow, StoreError> {
    Ok(TimerRow {
        run_id,
        started_event_id: row.try_get("started_event_id")?,
        timer_id: row.try_get("timer_id")?,
        fire_at: sql::time(row, "fire_at")?,
    })
}

pub(super) async fn due_runs(
    pool: &SqlitePool,
    until: Timestamp,
    after: Option<(Timestamp, RunId)>,
    limit: usize,
) -> Result<Vec<DueRun>, StoreError> {
    let (after_time, after_run) = match after {
        Some((time, run_id)) => (time.as_nanos(), run_id.as_bytes().to_vec()),
        None => (i64::MIN, Vec::new()),
    };
    let rows = query(
        "SELECT wake_at, run_id, namespace, workflow_id FROM runs \
         WHERE wake_at IS NOT NULL AND wake_at <= ? AND (wake_at, run_id) > (?, ?) \
         ORDER BY wake_at, run_id LIMIT ?",
    )
    .bind(until.as_nanos())
    .bind(after_time)
    .bind(after_run)
    .bind(sql::limit(limit))
    .fetch_all(pool)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(DueRun {
                wake_at: sql::time(row, "wake_at")?,
                key: key(row)?,
                run_id: sql::run_id(row, "run_id")?,
            })
        })
        .collect()
}

pub(super) async fn oldest_closed_runs(
    pool: &SqlitePool,
    namespace: &Namespace,
    limit: usize,
) -> Result<Vec<ClosedRun>, StoreError> {
    let rows = query(
        "SELECT close_time, run_id, namespace, workflow_id FROM visibility \
         INDEXED BY visibility_by_close WHERE namespace = ? AND close_time IS NOT NULL \
         ORDER BY close_time, run_id LIMIT ?",
    )
    .bind(namespace.as_str())
    .bind(sql::limit(limit))
    .fetch_all(pool)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(ClosedRun {
                closed_at: sql::time(row, "close_time")?,
                key: key(row)?,
                run_id: sql::run_id(row, "run_id")?,
            })
        })
        .collect()
}

pub(super) fn key(row: &SqliteRow) -> Result<WorkflowKey, StoreError> {
    let namespace: String = row.try_get("namespace")?;
    let workflow_id: String = row.try_get("workflow_id")?;
    Ok(WorkflowKey {
        namespace: namespace.into(),
        workflow_id: workflow_id.into(),
    })
}

pub(super) async fn queued_tasks(
    pool: &SqlitePool,
    namespace: &Namespace,
    queue: &TaskQueue,
    after: Option<QueuePosition>,
    limit: usize,
) -> Result<Vec<QueuedTask>, StoreError> {
    let (after_time, after_run, after_event) = match after {
        Some(after) => (
            after.queued_at.as_nanos(),
            after.run_id.as_bytes().to_vec(),
            after.scheduled_event_id,
        ),
        None => (i64::MIN, Vec::new(), 0),
    };
    let rows = query(
        "SELECT run_id, scheduled_event_id, namespace, workflow_id, task_queue, queued_at, \
         stamp, state FROM activities \
         WHERE namespace = ? AND task_queue = ? AND queued_at IS NOT NULL \
         AND (queued_at, run_id, scheduled_event_id) > (?, ?, ?) \
         ORDER BY queued_at, run_id, scheduled_event_id LIMIT ?",
    )
    .bind(namespace.as_str())
    .bind(queue.as_str())
    .bind(after_time)
    .bind(after_run)
    .bind(after_event)
    .bind(sql::limit(limit))
    .fetch_all(pool)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(QueuedTask {
                key: key(row)?,
                activity: activity_row(row)?,
            })
        })
        .collect()
}

pub(super) async fn count_queued_tasks(
    pool: &SqlitePool,
    namespace: &Namespace,
    queue: &TaskQueue,
    at_most: usize,
) -> Result<usize, StoreError> {
    let row = query(
        "SELECT count(*) AS tasks FROM (SELECT 1 FROM activities \
         WHERE namespace = ? AND task_queue = ? AND queued_at IS NOT NULL LIMIT ?)",
    )
    .bind(namespace.as_str())
    .bind(queue.as_str())
    .bind(sql::limit(at_most))
    .fetch_one(pool)
    .await?;
    let tasks: i64 = row.try_get("tasks")?;
    Ok(usize::try_from(tasks).unwrap_or(0))
}
