//! Reading histories.

use mainspring_engine::ids::RunId;
use mainspring_engine::transition::EventBatch;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{Row as _, query};

use super::sql;
use crate::{HistoryRange, StoreError};

/// Batches read at once; a range with more takes several reads.
const BATCHES: usize = 256;

pub(super) async fn read(
    pool: &SqlitePool,
    run_id: RunId,
    range: HistoryRange,
) -> Result<Vec<EventBatch>, StoreError> {
    let mut read = Vec::new();
    let mut bytes = 0;
    let (mut from, mut to) = (range.from_event_id, range.to_event_id);
    while from <= to {
        let page = read_page(pool, run_id, from, to, range.reverse).await?;
        let full = page.len() == BATCHES;
        for batch in page {
            if !read.is_empty() && bytes + batch.bytes.len() > range.max_bytes {
                return Ok(read);
            }
            bytes += batch.bytes.len();
            if range.reverse {
                to = batch.first_event_id - 1;
            } else {
                from = batch.last_event_id + 1;
            }
            read.push(batch);
        }
        if !full {
            break;
        }
    }
    Ok(read)
}

/// The batch that holds `from` may begin before it: the lower bound of the scan is
/// the last batch that begins at or before `from`.
async fn read_page(
    pool: &SqlitePool,
    run_id: RunId,
    from: i64,
    to: i64,
    reverse: bool,
) -> Result<Vec<EventBatch>, StoreError> {
    let statement = if reverse {
        "SELECT first_event_id, last_event_id, events FROM history \
         WHERE run_id = ?1 AND first_event_id <= ?3 AND first_event_id >= \
         ifnull((SELECT first_event_id FROM history WHERE run_id = ?1 AND first_event_id <= ?2 \
         ORDER BY first_event_id DESC LIMIT 1), ?2) \
         ORDER BY first_event_id DESC LIMIT ?4"
    } else {
        "SELECT first_event_id, last_event_id, events FROM history \
         WHERE run_id = ?1 AND first_event_id <= ?3 AND first_event_id >= \
         ifnull((SELECT first_event_id FROM history WHERE run_id = ?1 AND first_event_id <= ?2 \
         ORDER BY first_event_id DESC LIMIT 1), ?2) \
         ORDER BY first_event_id LIMIT ?4"
    };
    let rows = query(statement)
        .bind(run_id.as_bytes().as_slice())
        .bind(from)
        .bind(to)
        .bind(sql::limit(BATCHES))
        .fetch_all(pool)
        .await?;
    rows.iter()
        .map(|row| batch(row, run_id))
        .filter(|batch| batch.as_ref().map_or(true, |b| b.last_event_id >= from))
        .collect()
}

fn batch(row: &SqliteRow, run_id: RunId) -> Result<EventBatch, StoreError> {
    Ok(EventBatch {
        run_id,
        first_event_id: row.try_get("first_event_id")?,
        last_event_id: row.try_get("last_event_id")?,
        bytes: row.try_get("events")?,
    })
}
