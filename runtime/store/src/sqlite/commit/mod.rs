//! Group commit: many writes, one transaction, one statement per table.
//!
//! First the guards of all writes are looked up; a write whose guard does not hold
//! is left out whole, and the others go on. Then each table gets its rows. Both are
//! scripts of several statements, each carried out in one go: a statement that is
//! sent alone costs two switches between threads, far more than what it does.

mod guards;
mod rows;

use std::collections::HashSet;

use mainspring_engine::transition::Write;
use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Sqlite};

use self::guards::Stored;
use self::rows::Rows;
use crate::{StoreError, WriteOutcome};

/// Statements with their values, one after the other, each ended by a semicolon.
type Script = QueryBuilder<Sqlite>;

/// Rows in one statement, at most: SQLite bounds the values of a statement.
const ROWS_PER_STATEMENT: usize = 256;
/// Writes in a commit up to which its scripts are kept prepared: they have few
/// shapes, and a lone write must be quick. Larger ones share their cost.
const WRITES_KEPT_PREPARED: usize = 2;
/// Scripts longer than this are not kept: one write may fan out into thousands of
/// rows, in a shape that never comes again.
const LONGEST_KEPT_PREPARED: usize = 8 * 1024;

/// Commits the writes; answers the outcome of each and roughly how many bytes the
/// log grew by. After an error the connection may hold an open transaction: close it.
pub(super) async fn commit(
    connection: &mut SqliteConnection,
    writes: &[Write],
) -> Result<(Vec<WriteOutcome>, usize), StoreError> {
    debug_assert!(
        touch_no_run_twice(writes),
        "writes of a commit are disjoint"
    );
    let kept = |script: &Script| {
        writes.len() <= WRITES_KEPT_PREPARED && script.sql().as_str().len() <= LONGEST_KEPT_PREPARED
    };
    let mut look = Script::new("BEGIN IMMEDIATE;");
    guards::push(&mut look, writes);
    let keep = kept(&look);
    let look = look.build().persistent(keep);
    let stored = Stored::of(&look.fetch_all(&mut *connection).await?)?;
    let mut rows = Rows::default();
    let outcomes: Vec<WriteOutcome> = writes
        .iter()
        .map(|write| {
            if !stored.allows(write) {
                return WriteOutcome::Conflict;
            }
            rows.add(write);
            WriteOutcome::Applied
        })
        .collect();
    let mut script = Script::new("");
    rows.push(&mut script);
    script.push("COMMIT");
    let keep = kept(&script);
    let script = script.build().persistent(keep);
    script.execute(connection).await?;
    Ok((outcomes, rows.bytes()))
}

/// Rows in pieces that fit into a statement.
fn pieces<T>(rows: &[T]) -> impl Iterator<Item = &[T]> {
    rows.chunks(ROWS_PER_STATEMENT)
}

fn touch_no_run_twice(writes: &[Write]) -> bool {
    let mut seen = HashSet::new();
    writes.iter().all(|write| match write {
        Write::Transition(transition) => transition
            .runs
            .iter()
            .all(|run| seen.insert((run.row.run_id, 0))),
        Write::Activities { writes, .. } => writes
            .iter()
            .all(|write| seen.insert((write.row.run_id, write.row.scheduled_event_id))),
    })
}
