//! Reading children and letters.

use mainspring_engine::ids::RunId;
use mainspring_engine::transition::{ChildRow, LetterStage, OutboxRow};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{Row as _, query};

use super::rows::key;
use super::sql;
use crate::StoreError;

pub(super) async fn children_of(
    pool: &SqlitePool,
    run_id: RunId,
) -> Result<Vec<ChildRow>, StoreError> {
    let rows = query(
        "SELECT initiated_event_id, state FROM children WHERE run_id = ? \
         ORDER BY initiated_event_id",
    )
    .bind(run_id.as_bytes().as_slice())
    .fetch_all(pool)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(ChildRow {
                run_id,
                initiated_event_id: row.try_get("initiated_event_id")?,
                state: row.try_get("state")?,
            })
        })
        .collect()
}

/// The letters of a run that have no answer yet.
pub(super) async fn letters_of(
    pool: &SqlitePool,
    run_id: RunId,
) -> Result<Vec<OutboxRow>, StoreError> {
    let rows = query(
        "SELECT run_id, event_id, stage, namespace, workflow_id, letter FROM outbox \
         WHERE run_id = ? ORDER BY event_id",
    )
    .bind(run_id.as_bytes().as_slice())
    .fetch_all(pool)
    .await?;
    rows.iter().map(outbox_row).collect()
}

pub(super) async fn load(
    pool: &SqlitePool,
    run_id: RunId,
    event_id: i64,
) -> Result<Option<OutboxRow>, StoreError> {
    query(
        "SELECT run_id, event_id, stage, namespace, workflow_id, letter FROM outbox \
         WHERE run_id = ? AND event_id = ?",
    )
    .bind(run_id.as_bytes().as_slice())
    .bind(event_id)
    .fetch_optional(pool)
    .await?
    .as_ref()
    .map(outbox_row)
    .transpose()
}

pub(super) async fn page(
    pool: &SqlitePool,
    after: Option<(RunId, i64)>,
    limit: usize,
) -> Result<Vec<OutboxRow>, StoreError> {
    let (after_run, after_event) = match after {
        Some((run_id, event_id)) => (run_id.as_bytes().to_vec(), event_id),
        None => (Vec::new(), 0),
    };
    let rows = query(
        "SELECT run_id, event_id, stage, namespace, workflow_id, letter FROM outbox \
         WHERE (run_id, event_id) > (?, ?) AND stage > 0 ORDER BY run_id, event_id LIMIT ?",
    )
    .bind(after_run)
    .bind(after_event)
    .bind(sql::limit(limit))
    .fetch_all(pool)
    .await?;
    rows.iter().map(outbox_row).collect()
}

fn outbox_row(row: &SqliteRow) -> Result<OutboxRow, StoreError> {
    let stage: i64 = row.try_get("stage")?;
    let letter: Vec<u8> = row.try_get("letter")?;
    Ok(OutboxRow {
        run_id: sql::run_id(row, "run_id")?,
        event_id: row.try_get("event_id")?,
        stage: LetterStage::of_number(stage).ok_or(StoreError::Corrupt {
            what: "stage of a letter",
            reason: format!("{stage} is unknown"),
        })?,
        to: key(row)?,
        letter: letter.into(),
    })
}
