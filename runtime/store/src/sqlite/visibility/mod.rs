//! Lists and counts in SQLite. A filter is served by walking one index: the
//! [`plan`] says which ones can and where, the narrowest is taken, and the whole
//! filter is asked of every row on the way ([`clauses`]). How many rows a call may
//! look at is bounded; without a filter, or by status, counts are read from
//! counters.

mod by_value;
mod clauses;
mod plan;
mod ranges;

use std::ops::RangeInclusive;

use mainspring_engine::ids::{Namespace, RunId, WorkflowId};
use mainspring_engine::time::Timestamp;
use mainspring_engine::transition::VisibilityRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection, query};
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;

use self::clauses::{push_after, push_index_order, push_residue, push_sorted_order, sort_column};
use self::plan::{Arm, Merit, Walk, walks};
use self::ranges::{Cut, Range, Side, allowed};
use super::rows::{key, status};
use super::{SqliteStore, sql};
use crate::visibility::{
    Attribute, Direction, Filter, ListPosition, ListRequest, ListedRun, Order, Subject, Test,
    Value, VisibilityStore,
};
use crate::{StoreError, StoreFuture};

/// A walk with at most so many rows is taken without looking for a better one; tried
/// in turn, so that the choice costs no more than the walk.
const NARROW: [usize; 3] = [1_000, 10_000, 100_000];
/// Rows looked at in the first step of a walk, and how steps grow.
const FIRST_STEP: usize = 1_000;
const STEP_GROWTH: usize = 4;
/// Statuses, by number.
const STATUSES: RangeInclusive<i32> = 1..=8;

impl VisibilityStore for SqliteStore {
    fn list_runs<'a>(
        &'a self,
        namespace: &'a Namespace,
        request: &'a ListRequest,
    ) -> StoreFuture<'a, Vec<ListedRun>> {
        Box::pin(async move {
            let mut tx = self.readers.begin().await?;
            let rows_examined = request.rows_examined.max(request.limit);
            let mut reader = Reader::new(&mut tx, namespace, rows_examined);
            let rows = reader.list(request).await?;
            tx.commit().await?;
            Ok(rows)
        })
    }

    fn count_runs<'a>(
        &'a self,
        namespace: &'a Namespace,
        filter: &'a Filter,
        rows_examined: usize,
    ) -> StoreFuture<'a, Vec<(WorkflowExecutionStatus, u64)>> {
        Box::pin(async move {
            let mut tx = self.readers.begin().await?;
            let mut reader = Reader::new(&mut tx, namespace, rows_examined);
            let counts = if filter.asks_only(Attribute::ExecutionStatus) {
                reader.read_counters(filter).await?
            } else {
                reader.count(filter).await?
            };
            tx.commit().await?;
            Ok(counts)
        })
    }
}

/// One call's reads, in one transaction: they see one state.
struct Reader<'a> {
    connection: &'a mut SqliteConnection,
    namespace: &'a Namespace,
    rows_examined: usize,
    rows_left: usize,
}

impl<'a> Reader<'a> {
    fn new(
        connection: &'a mut SqliteConnection,
        namespace: &'a Namespace,
        rows_examined: usize,
    ) -> Self {
        Self {
            connection,
            namespace,
            rows_examined,
            rows_left: rows_examined,
        }
    }

    fn too_many_rows(&self) -> StoreError {
        StoreError::TooManyRows {
            rows_examined: self.rows_examined,
        }
    }

    async fn list(&mut self, request: &ListRequest) -> Result<Vec<ListedRun>, StoreError> {
        if let Subject::Custom(attribute) = request.order.by {
            return self.list_by_value(request, attribute).await;
        }
        if request.order.by != Attribute::CloseTime {
            return self.page(request).await;
        }
        // The index of close times knows no open runs: they are a list of their own.
        let part = |filter: Filter, limit: usize| ListRequest {
            filter: Filter::And(vec![request.filter.clone(), filter]),
            limit,
            ..request.clone()
        };
        let is_open = Filter::Is(Attribute::CloseTime, Test::IsNull);
        let in_open_part = matches!(&request.after, Some(after) if after.value.is_none());
        let mut rows = Vec::new();
        if !in_open_part {
            let is_closed = Filter::Not(Box::new(is_open.clone()));
            rows = self.page(&part(is_closed, request.limit)).await?;
        }
        if rows.len() < request.limit {
            let mut open = part(is_open, request.limit - rows.len());
            open.after = open.after.filter(|_| in_open_part);
            rows.extend(self.page(&open).await?);
        }
        Ok(rows)
    }

    async fn page(&mut self, request: &ListRequest) -> Result<Vec<ListedRun>, StoreError> {
        let walks = walks(&request.filter, request.order);
        match self.choose(&walks).await? {
            Some(walk) => self.walk(walk, request).await,
            None => Ok(Vec::new()),
        }
    }

    /// The runs of a page, along a walk.
    async fn walk(
        &mut self,
        walk: &Walk,
        request: &ListRequest,
    ) -> Result<Vec<ListedRun>, StoreError> {
        let (order, limit) = (request.order, request.limit);
        let mut rows: Vec<ListedRun> = Vec::new();
        for arm in &walk.arms {
            if walk.in_order {
                // What comes after a full page is not looked for.
                let last = rows.get(limit.saturating_sub(1));
                let until = last.map(|run| run.position.clone());
                rows.extend(self.follow(arm, request, until.as_ref()).await?);
            } else {
                rows.extend(self.sort(arm, request).await?);
            }
            rows.sort_by(|one, other| order.compare(&one.position, &other.position));
            rows.truncate(limit);
        }
        Ok(rows)
    }

    /// The walk with the fewest rows, as far as that is cheap to know; else one that
    /// has the order of the list, and need not be walked to its end; else any that
    /// may be walked to its end.
    async fn choose<'w>(&mut self, walks: &'w [Walk]) -> Result<Option<&'w Walk>, StoreError> {
        let in_order = walks.iter().find(|walk| walk.in_order);
        let has = |merit| move |walk: &&Walk| walk.merit == merit;
        let narrow: Vec<&Walk> = walks.iter().filter(has(Merit::Narrow)).collect();
        match (narrow.as_slice(), in_order) {
            ([], Some(walk)) => return Ok(Some(walk)),
            ([only], _) if only.in_order => return Ok(Some(only)),
            _ => {}
        }
        let mut found = self.narrowest(&narrow, &NARROW).await?;
        if found.is_none() {
            if in_order.is_some() || walks.is_empty() {
                return Ok(in_order);
            }
            let all = all_but_repeats(walks);
            found = self.narrowest(&all, &[self.rows_left]).await?;
        }
        let (walk, rows) = found.ok_or_else(|| self.too_many_rows())?;
        if !walk.in_order {
            self.rows_left -= rows;
        }
        Ok(Some(walk))
    }

    /// The first walk that has at most the first number of rows, or the second, …;
    /// and how many it has.
    async fn narrowest<'w>(
        &mut self,
        walks: &[&'w Walk],
        sizes: &[usize],
    ) -> Result<Option<(&'w Walk, usize)>, StoreError> {
        for size in sizes {
            let size = (*size).min(self.rows_left);
            for walk in walks {
                let mut rows = 0;
                for arm in &walk.arms {
                    rows += self
                        .count_rows(arm, (size - rows).saturating_add(1))
                        .await?;
                    if rows > size {
                        break;
                    }
                }
                if rows <= size {
                    return Ok(Some((walk, rows)));
                }
            }
        }
        Ok(None)
    }

    /// How many rows a stretch has, counted up to `at_most`.
    async fn count_rows(&mut self, arm: &Arm, at_most: usize) -> Result<usize, StoreError> {
        if arm.is_empty() {
            return Ok(0);
        }
        let mut query = QueryBuilder::<Sqlite>::new("SELECT count(*) AS rows FROM (SELECT 1");
        arm.push(&mut query, self.namespace);
        query
            .push(" LIMIT ")
            .push_bind(sql::limit(at_most))
            .push(")");
        let query = query.build().persistent(arm.is_plain());
        let row = query.fetch_one(&mut *self.connection).await?;
        let rows: i64 = row.try_get("rows")?;
        Ok(usize::try_from(rows).unwrap_or(0))
    }

    /// Follows a stretch that has the order of the list until a page is full or
    /// `until` is reached, in steps, so that it is known how many rows were looked
    /// at.
    async fn follow(
        &mut self,
        arm: &Arm,
        request: &ListRequest,
        until: Option<&ListPosition>,
    ) -> Result<Vec<ListedRun>, StoreError> {
        let ascending = request.order.direction == Direction::Ascending;
        let mut rest = arm.clone();
        if let Some(after) = &request.after {
            rest = rest.clip(&range_after(after, ascending));
        }
        if let Some(until) = until {
            rest = rest.clip(&range_through(until, ascending));
        }
        let mut found: Vec<ListedRun> = Vec::new();
        let mut step = FIRST_STEP.max(request.limit);
        loop {
            let size = step.min(self.rows_left);
            let rows = self.count_rows(&rest, size.max(1)).await?;
            if rows > self.rows_left {
                return Err(self.too_many_rows());
            }
            self.rows_left -= rows;
            if rows == 0 {
                return Ok(found);
            }
            let last = self.nth_position(&rest, request.order, rows - 1).await?;
            let this_step = rest.clip(&range_through(&last, ascending));
            let limit = request.limit - found.len();
            found.extend(self.select(&this_step, request, limit).await?);
            if found.len() >= request.limit || rows < size {
                return Ok(found);
            }
            rest = rest.clip(&range_after(&last, ascending));
            step *= STEP_GROWTH;
        }
    }

    /// The sort key of a row of a stretch.
    async fn nth_position(
        &mut self,
        arm: &Arm,
        order: Order,
        n: usize,
    ) -> Result<ListPosition, StoreError> {
        let (column, run_column) = arm.order_columns(order);
        let mut query = QueryBuilder::<Sqlite>::new(format!(
            "SELECT {column} AS position, {run_column} AS position_run"
        ));
        arm.push(&mut query, self.namespace);
        push_index_order(&mut query, (column, run_column), order);
        query.push(" LIMIT 1 OFFSET ").push_bind(sql::limit(n));
        let row = query.build().fetch_one(&mut *self.connection).await?;
        let value: i64 = row.try_get("position")?;
        Ok(ListPosition {
            value: Some(Value::Int(value)),
            // It is only compared by value.
            started_at: Timestamp::EPOCH,
            run_id: sql::run_id(&row, "position_run")?,
        })
    }

    /// The rows of a stretch that match, in its own order.
    async fn select(
        &mut self,
        arm: &Arm,
        request: &ListRequest,
        limit: usize,
    ) -> Result<Vec<ListedRun>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT visibility.*");
        arm.push_rows(&mut query, self.namespace);
        push_residue(&mut query, &request.filter);
        push_index_order(&mut query, arm.order_columns(request.order), request.order);
        query.push(" LIMIT ").push_bind(sql::limit(limit));
        self.rows(query, request.order).await
    }

    /// The first rows of a stretch that match, in the order of the list, which is
    /// not the order of the stretch: all of it is looked at. Keys are sorted first
    /// and rows are read afterwards, so that no memo is carried through the sort.
    async fn sort(
        &mut self,
        arm: &Arm,
        request: &ListRequest,
    ) -> Result<Vec<ListedRun>, StoreError> {
        if arm.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = QueryBuilder::<Sqlite>::new("SELECT *");
        if matches!(request.order.by, Subject::Custom(_)) {
            let column = sort_column(request.order.by);
            query.push(format!(", {column} AS sorted_by"));
        }
        query.push(" FROM visibility WHERE run_id IN (SELECT run_id");
        arm.push_rows(&mut query, self.namespace);
        push_residue(&mut query, &request.filter);
        if let Some(after) = &request.after {
            push_after(&mut query, request.order, after);
        }
        push_sorted_order(&mut query, request.order);
        query.push(" LIMIT ").push_bind(sql::limit(request.limit));
        query.push(") /* sorts */");
        self.rows(query, request.order).await
    }

    /// Filters differ from call to call: their statements are not worth keeping.
    async fn rows(
        &mut self,
        mut query: QueryBuilder<Sqlite>,
        order: Order,
    ) -> Result<Vec<ListedRun>, StoreError> {
        let query = query.build().persistent(false);
        let rows = query.fetch_all(&mut *self.connection).await?;
        rows.iter().map(|row| listed(row, order)).collect()
    }

    async fn read_counters(
        &mut self,
        filter: &Filter,
    ) -> Result<Vec<(WorkflowExecutionStatus, u64)>, StoreError> {
        let rows = query(
            "SELECT status, runs FROM run_counts WHERE namespace = ? AND runs > 0 ORDER BY status",
        )
        .bind(self.namespace.as_str())
        .fetch_all(&mut *self.connection)
        .await?;
        let wanted = allowed(filter, Attribute::ExecutionStatus);
        let mut counts = Vec::with_capacity(rows.len());
        for row in rows {
            let (number, runs): (i32, i64) = (row.try_get("status")?, row.try_get("runs")?);
            if wanted.holds(&Value::Int(number.into())) {
                counts.push((status(number)?, u64::try_from(runs).unwrap_or(0)));
            }
        }
        Ok(counts)
    }

    async fn count(
        &mut self,
        filter: &Filter,
    ) -> Result<Vec<(WorkflowExecutionStatus, u64)>, StoreError> {
        let walks = walks(filter, Order::default());
        if walks.is_empty() {
            return Ok(Vec::new());
        }
        let all = all_but_repeats(&walks);
        let [small, medium, large] = NARROW;
        let sizes = [small, medium, large, self.rows_left];
        let Some((walk, _)) = self.narrowest(&all, &sizes).await? else {
            return Err(self.too_many_rows());
        };
        let columns = STATUSES.map(|n| format!("count(*) FILTER (WHERE status = {n}) AS s{n}"));
        let select = format!("SELECT {}", columns.collect::<Vec<_>>().join(", "));
        let mut totals = [0_u64; 9];
        for arm in walk.arms.iter().filter(|arm| !arm.is_empty()) {
            let mut query = QueryBuilder::<Sqlite>::new(select.as_str());
            arm.push_rows(&mut query, self.namespace);
            push_residue(&mut query, filter);
            if arm.has_repeats() {
                query.push(" /* sorts */");
            }
            let query = query.build().persistent(false);
            let row = query.fetch_one(&mut *self.connection).await?;
            for (n, total) in STATUSES.zip(&mut totals[1..]) {
                let runs: i64 = row.try_get(format!("s{n}").as_str())?;
                *total += u64::try_from(runs).unwrap_or(0);
            }
        }
        STATUSES
            .zip(&totals[1..])
            .filter(|(_, total)| **total > 0)
            .map(|(n, total)| Ok((status(n)?, *total)))
            .collect()
    }
}

/// The order of the list speaks for a walk as long as it need not be walked whole.
fn all_but_repeats(walks: &[Walk]) -> Vec<&Walk> {
    let is_first = |walk: &&Walk| walk.merit != Merit::Ordered;
    walks.iter().filter(is_first).collect()
}

/// What comes after a place.
fn range_after(position: &ListPosition, ascending: bool) -> Range {
    match (cut(position, ascending), ascending) {
        (None, _) => Range::FULL,
        (Some(from), true) => Range { from, to: Cut::End },
        (Some(to), false) => Range {
            from: Cut::Start,
            to,
        },
    }
}

/// What comes up to a place, that included.
fn range_through(position: &ListPosition, ascending: bool) -> Range {
    match (cut(position, ascending), ascending) {
        (None, _) => Range::FULL,
        (Some(to), true) => Range {
            from: Cut::Start,
            to,
        },
        (Some(from), false) => Range { from, to: Cut::End },
    }
}

/// Right behind a place. Without a value there is none in an index.
fn cut(position: &ListPosition, ascending: bool) -> Option<Cut> {
    let side = if ascending {
        Side::AfterRun(position.run_id)
    } else {
        Side::BeforeRun(position.run_id)
    };
    position.value.clone().map(|value| Cut::At(value, side))
}

/// A row and its place in the list.
fn listed(row: &SqliteRow, order: Order) -> Result<ListedRun, StoreError> {
    let value = match order.by {
        Subject::BuiltIn(_) => None,
        Subject::Custom(attribute) => by_value::value(row, "sorted_by", attribute)?,
    };
    let row = visibility_row(row)?;
    let value = match order.by {
        Subject::BuiltIn(attribute) => attribute.of(&row),
        Subject::Custom(_) => value,
    };
    let position = ListPosition {
        value,
        started_at: row.start_time,
        run_id: row.run_id,
    };
    Ok(ListedRun { row, position })
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
        parent: relative(row, "parent_workflow_id", "parent_run_id")?,
        root: relative(row, "root_workflow_id", "root_run_id")?,
        memo: Some(row.try_get("memo")?),
        search_attributes: Some(row.try_get("search_attributes")?),
        problems: problems(row)?,
        indexed: Vec::new(),
    })
}

/// Another run that a row names, if it does.
fn relative(
    row: &SqliteRow,
    workflow_id: &str,
    run_id: &str,
) -> Result<Option<(WorkflowId, RunId)>, StoreError> {
    let workflow_id: Option<String> = row.try_get(workflow_id)?;
    let run_id: Option<String> = row.try_get(run_id)?;
    let (Some(workflow_id), Some(run_id)) = (workflow_id, run_id) else {
        return Ok(None);
    };
    let run_id = RunId::parse(&run_id).ok_or(StoreError::Corrupt {
        what: "run ID",
        reason: format!("{run_id:?} is no UUID"),
    })?;
    Ok(Some((workflow_id.into(), run_id)))
}

fn problems(row: &SqliteRow) -> Result<Vec<String>, StoreError> {
    let lines: Option<String> = row.try_get("problems")?;
    let lines = lines.unwrap_or_default();
    Ok(lines.lines().map(str::to_owned).collect())
}
