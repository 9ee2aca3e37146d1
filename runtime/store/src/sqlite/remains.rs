//! Deleted runs that are not gone from every table yet.

use mainspring_engine::ids::RunId;
use sqlx::query;
use sqlx::sqlite::SqlitePool;

use super::sql;
use crate::StoreError;

/// The first of them.
pub(super) async fn page(pool: &SqlitePool, limit: usize) -> Result<Vec<RunId>, StoreError> {
    let rows = query("SELECT run_id FROM remains WHERE run_id >= x'' ORDER BY run_id LIMIT ?")
        .bind(sql::limit(limit))
        .fetch_all(pool)
        .await?;
    rows.iter().map(|row| sql::run_id(row, "run_id")).collect()
}
