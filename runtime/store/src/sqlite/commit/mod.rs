//! Group commit: many writes, one transaction.
//!
//! The guards of a write are looked up before its rows are written; a write whose
//! guard does not hold is left out whole, and the others go on. Every statement is
//! of one row and stays prepared.

mod attributes;
mod deletes;
mod guards;
mod rows;

use std::collections::HashSet;

use mainspring_engine::transition::Write;

use self::rows::Rows;
use super::connection::Sql;
use crate::{StoreError, WriteOutcome};

/// Writes them in one transaction; answers the outcome of each.
pub(super) fn commit(sql: &Sql<'_>, writes: &[Write]) -> Result<Vec<WriteOutcome>, StoreError> {
    debug_assert!(
        touch_no_run_twice(writes),
        "writes of a commit are disjoint"
    );
    sql.transaction(|sql| {
        let mut rows = Rows::new(sql);
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            outcomes.push(if guards::hold(sql, write)? {
                rows.write(write)?;
                WriteOutcome::Applied
            } else {
                WriteOutcome::Conflict
            });
        }
        rows.finish()?;
        Ok(outcomes)
    })
}

fn touch_no_run_twice(writes: &[Write]) -> bool {
    let mut seen = HashSet::new();
    writes.iter().all(|write| match write {
        Write::Transition(transition) => transition
            .runs
            .iter()
            .all(|run| seen.insert((run.row.run_id, 0))),
        Write::Delete { run_id, .. } | Write::DeleteRemains { run_id } => seen.insert((*run_id, 0)),
        Write::Activities { writes, .. } => writes
            .iter()
            .all(|write| seen.insert((write.row.run_id, write.row.scheduled_event_id))),
    })
}
