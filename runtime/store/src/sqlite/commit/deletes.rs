//! A run that is deleted, with all that is kept of it.

use mainspring_engine::ids::{RunId, WorkflowKey};
use rusqlite::params;
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;

use crate::StoreError;
use crate::sqlite::connection::Sql;

/// Every table that keeps something of a run, but for the count of runs and the
/// latest run of a workflow ID. What it has sent is on its way still, and goes when
/// it has arrived.
const DELETE_BY_RUN: [&str; 9] = [
    "DELETE FROM history WHERE run_id = ?",
    "DELETE FROM activities WHERE run_id = ?",
    "DELETE FROM timers WHERE run_id = ?",
    "DELETE FROM children WHERE run_id = ?",
    "DELETE FROM request_ids WHERE run_id = ?",
    "DELETE FROM completed_updates WHERE run_id = ?",
    "DELETE FROM attribute_values WHERE of_run = ?",
    "DELETE FROM visibility WHERE run_id = ?",
    "DELETE FROM runs WHERE run_id = ?",
];

/// How a closed run of this workflow ID ended; `None` where it is open or not there.
pub(super) fn closed_as(
    sql: &Sql<'_>,
    key: &WorkflowKey,
    run_id: RunId,
) -> Result<Option<i32>, StoreError> {
    let status: Option<i32> = sql.first(
        "SELECT status FROM runs WHERE run_id = ? AND namespace = ? AND workflow_id = ?",
        params![
            run_id.as_bytes(),
            key.namespace.as_str(),
            key.workflow_id.as_str()
        ],
        |row| row.get(0),
    )?;
    Ok(status.filter(|status| *status != WorkflowExecutionStatus::Running as i32))
}

/// Deletes it.
pub(super) fn delete(sql: &Sql<'_>, key: &WorkflowKey, run_id: RunId) -> Result<(), StoreError> {
    sql.run(
        "DELETE FROM current_runs WHERE namespace = ? AND workflow_id = ? AND run_id = ?",
        params![
            key.namespace.as_str(),
            key.workflow_id.as_str(),
            run_id.as_bytes()
        ],
    )?;
    for statement in DELETE_BY_RUN {
        sql.run(statement, params![run_id.as_bytes()])?;
    }
    Ok(())
}
