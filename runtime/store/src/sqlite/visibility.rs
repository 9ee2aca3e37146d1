//! Lists and counts in SQLite: a filter becomes a WHERE clause over indexed
//! columns; without a filter, counts are read from counters.

use mainspring_engine::ids::Namespace;
use mainspring_engine::transition::VisibilityRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite, query};
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;

use super::rows::{key, status};
use super::{SqliteStore, sql};
use crate::visibility::{Comparison, Condition, Filter, ListPosition, VisibilityStore};
use crate::{StoreError, StoreFuture};

impl VisibilityStore for SqliteStore {
    fn list_runs<'a>(
        &'a self,
        namespace: &'a Namespace,
        filter: &'a Filter,
        after: Option<ListPosition>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<VisibilityRow>> {
        Box::pin(async move {
            let mut query =
                QueryBuilder::<Sqlite>::new("SELECT * FROM visibility WHERE namespace = ");
            query.push_bind(namespace.as_str());
            query.push(" AND ");
            push_filter(&mut query, filter);
            if let Some(after) = after {
                query.push(" AND (start_time, run_id) < (");
                query.push_bind(after.start_time.as_nanos());
                query.push(", ");
                query.push_bind(after.run_id.as_bytes().as_slice());
                query.push(")");
            }
            query.push(" ORDER BY start_time DESC, run_id DESC LIMIT ");
            query.push_bind(sql::limit(limit));
            let rows = query.build().fetch_all(&self.readers).await?;
            rows.iter().map(visibility_row).collect()
        })
    }

    fn count_runs<'a>(
        &'a self,
        namespace: &'a Namespace,
        filter: &'a Filter,
    ) -> StoreFuture<'a, u64> {
        Box::pin(async move {
            let by_status = self.count_runs_by_status(namespace, filter).await?;
            Ok(by_status.into_iter().map(|(_, runs)| runs).sum())
        })
    }

    fn count_runs_by_status<'a>(
        &'a self,
        namespace: &'a Namespace,
        filter: &'a Filter,
    ) -> StoreFuture<'a, Vec<(WorkflowExecutionStatus, u64)>> {
        Box::pin(async move {
            let rows = if *filter == Filter::All {
                query(
                    "SELECT status, runs FROM run_counts \
                     WHERE namespace = ? AND runs > 0 ORDER BY status",
                )
                .bind(namespace.as_str())
                .fetch_all(&self.readers)
                .await?
            } else {
                let mut query = QueryBuilder::<Sqlite>::new(
                    "SELECT status, count(*) AS runs FROM visibility WHERE namespace = ",
                );
                query.push_bind(namespace.as_str());
                query.push(" AND ");
                push_filter(&mut query, filter);
                query.push(" GROUP BY status ORDER BY status");
                query.build().fetch_all(&self.readers).await?
            };
            rows.iter()
                .map(|row| {
                    let runs: i64 = row.try_get("runs")?;
                    let status = status(row.try_get("status")?)?;
                    Ok((status, u64::try_from(runs).unwrap_or(0)))
                })
                .collect()
        })
    }
}

fn push_filter(query: &mut QueryBuilder<Sqlite>, filter: &Filter) {
    match filter {
        Filter::All => {
            query.push("TRUE");
        }
        Filter::Is(condition) => push_condition(query, condition),
        Filter::And(filters) => {
            query.push("(TRUE");
            for filter in filters {
                query.push(" AND ");
                push_filter(query, filter);
            }
            query.push(")");
        }
    }
}

fn push_condition(query: &mut QueryBuilder<Sqlite>, condition: &Condition) {
    match condition {
        Condition::WorkflowId(comparison, id) => {
            push_comparison(query, "workflow_id", *comparison).push_bind(id.as_str())
        }
        Condition::RunId(run_id) => push_comparison(query, "run_id", Comparison::Equal)
            .push_bind(run_id.as_bytes().as_slice()),
        Condition::WorkflowType(comparison, name) => {
            push_comparison(query, "workflow_type", *comparison).push_bind(name.as_str())
        }
        Condition::ExecutionStatus(status) => {
            push_comparison(query, "status", Comparison::Equal).push_bind(*status as i32)
        }
        Condition::StartTime(comparison, time) => {
            push_comparison(query, "start_time", *comparison).push_bind(time.as_nanos())
        }
        Condition::CloseTime(comparison, time) => {
            push_comparison(query, "close_time", *comparison).push_bind(time.as_nanos())
        }
        Condition::Never => query.push("FALSE"),
    };
}

fn push_comparison<'q>(
    query: &'q mut QueryBuilder<Sqlite>,
    column: &str,
    comparison: Comparison,
) -> &'q mut QueryBuilder<Sqlite> {
    let operator = match comparison {
        Comparison::Equal => "=",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    };
    query.push(column).push(" ").push(operator).push(" ")
}

fn visibility_row(row: &SqliteRow) -> Result<VisibilityRow, StoreError> {
    let workflow_type: String = row.try_get("workflow_type")?;
    let task_queue: String = row.try_get("task_queue")?;
    Ok(VisibilityRow {
        run_id: sql::run_id(row, "run_id")?,
        key: key(row)?,
        workflow_type: workflow_type.into(),
        task_queue: task_queue.into(),
        status: status(row.try_get("status")?)?,
        start_time: sql::time(row, "start_time")?,
        execution_time: sql::time(row, "execution_time")?,
        close_time: sql::opt_time(row, "close_time")?,
        history_length: row.try_get("history_length")?,
        history_size_bytes: row.try_get("history_size_bytes")?,
        first_run_id: sql::run_id(row, "first_run_id")?,
        memo: Some(row.try_get("memo")?),
        search_attributes: Some(row.try_get("search_attributes")?),
    })
}
