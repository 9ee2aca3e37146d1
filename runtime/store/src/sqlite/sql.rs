//! Small helpers for SQL: values in and out.

use mainspring_engine::ids::RunId;
use mainspring_engine::time::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::StoreError;

/// A limit as SQLite takes it.
pub(super) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Reads a run ID column.
pub(super) fn run_id(row: &SqliteRow, column: &str) -> Result<RunId, StoreError> {
    let bytes: Vec<u8> = row.try_get(column)?;
    RunId::from_slice(&bytes).ok_or(StoreError::Corrupt {
        what: "run ID",
        reason: format!("it has {} bytes", bytes.len()),
    })
}

/// Reads a time column.
pub(super) fn time(row: &SqliteRow, column: &str) -> Result<Timestamp, StoreError> {
    Ok(Timestamp::from_nanos(row.try_get(column)?))
}

/// Reads a time column that may be absent.
pub(super) fn opt_time(row: &SqliteRow, column: &str) -> Result<Option<Timestamp>, StoreError> {
    let nanos: Option<i64> = row.try_get(column)?;
    Ok(nanos.map(Timestamp::from_nanos))
}
