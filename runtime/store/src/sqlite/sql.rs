//! Small helpers for SQL: rows in few statement sizes, values in and out.

use mainspring_engine::ids::RunId;
use mainspring_engine::time::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::StoreError;

/// Rows per statement: a few sizes, so that the statement cache hits.
const SIZES: [usize; 5] = [256, 64, 16, 4, 1];

/// Cuts rows into pieces of few sizes, largest first.
pub(super) fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= rows.len())?;
        let (piece, rest) = rows.split_at(size);
        rows = rest;
        Some(piece)
    })
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_have_few_sizes_and_lose_nothing() {
        let rows: Vec<u32> = (0..343).collect();
        let cut: Vec<&[u32]> = pieces(&rows).collect();
        assert_eq!(cut.concat(), rows);
        let sizes: Vec<usize> = cut.iter().map(|piece| piece.len()).collect();
        assert_eq!(sizes, [256, 64, 16, 4, 1, 1, 1]);
    }
}
