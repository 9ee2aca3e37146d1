//! Lists in the order of a search attribute. Its index has the runs that have a value,
//! and is followed as far as a page needs; the others come behind them, as they started.
//! Where another index leaves fewer runs they are sorted instead.

use std::collections::{HashMap, HashSet, VecDeque};

use mainspring_engine::ids::RunId;
use mainspring_engine::search::{AttributeType, Double};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite};

use super::clauses::{push_residue, push_value_order};
use super::plan::{Arm, Merit, Walk, walks};
use super::ranges::allowed;
use super::{FIRST_STEP, NARROW, Reader, STEP_GROWTH};
use crate::StoreError;
use crate::sqlite::sql;
use crate::visibility::{
    Attribute, CustomAttribute, Direction, Filter, ListPosition, ListRequest, ListedRun, Order,
    Test, Value,
};

/// Keys looked at together, at most: each is a value bound to a statement.
const LARGEST_STEP: usize = 16_000;

impl Reader<'_> {
    pub(super) async fn list_by_value(
        &mut self,
        request: &ListRequest,
        attribute: CustomAttribute,
    ) -> Result<Vec<ListedRun>, StoreError> {
        let lacks = Filter::Has(attribute, Test::IsNull);
        let part = |filter: Filter, limit: usize| ListRequest {
            filter: Filter::And(vec![request.filter.clone(), filter]),
            limit,
            ..request.clone()
        };
        let among_others = matches!(&request.after, Some(after) if after.value.is_none());
        let mut runs = Vec::new();
        if !among_others {
            let has = Filter::Not(Box::new(lacks.clone()));
            let part = part(has, request.limit);
            runs = self.page_by_value(&part, attribute).await?;
        }
        if runs.len() < request.limit {
            let mut others = part(lacks, request.limit - runs.len());
            others.order = Order {
                by: Attribute::StartTime.into(),
                direction: Direction::Descending,
            };
            let by_start = |after: ListPosition| ListPosition {
                value: Some(Value::Int(after.started_at.as_nanos())),
                ..after
            };
            others.after = others.after.filter(|_| among_others).map(by_start);
            let others = self.page(&others).await?;
            runs.extend(others.into_iter().map(|mut run| {
                run.position.value = None;
                run
            }));
        }
        Ok(runs)
    }

    /// A page of runs that all have a value.
    async fn page_by_value(
        &mut self,
        request: &ListRequest,
        attribute: CustomAttribute,
    ) -> Result<Vec<ListedRun>, StoreError> {
        let walks = walks(&request.filter, request.order);
        if walks.is_empty() {
            return Ok(Vec::new());
        }
        let narrow = walks.iter().filter(|walk| walk.merit == Merit::Narrow);
        let narrow: Vec<&Walk> = narrow.collect();
        if let Some((walk, rows)) = self.narrowest(&narrow, &NARROW).await?
            && !walk.is_along(attribute)
        {
            self.rows_left -= rows;
            return self.walk(walk, request).await;
        }
        self.follow_values(request, attribute).await
    }

    /// Follows the index of values until a page is full, in steps, so that it is known
    /// how many rows were looked at.
    async fn follow_values(
        &mut self,
        request: &ListRequest,
        attribute: CustomAttribute,
    ) -> Result<Vec<ListedRun>, StoreError> {
        let direction = request.order.direction;
        let values = allowed(&request.filter, attribute);
        let after = request.after.as_ref();
        let mut rest = VecDeque::from(Arm::of_values(attribute, &values, direction, after));
        let mut found: Vec<ListPosition> = Vec::new();
        let mut step = FIRST_STEP;
        while let Some(arm) = rest.pop_front() {
            let size = step.min(self.rows_left).max(1);
            step = (step * STEP_GROWTH).min(LARGEST_STEP);
            let keys = self.keys(&arm, direction, attribute, size).await?;
            if keys.len() > self.rows_left {
                return Err(self.too_many_rows());
            }
            self.rows_left -= keys.len();
            if let Some(last) = keys.last().filter(|_| keys.len() == size) {
                for part in arm.beyond(last, direction).into_iter().rev() {
                    rest.push_front(part);
                }
            }
            found.extend(self.matching(keys, &request.filter).await?);
            if found.len() >= request.limit {
                found.truncate(request.limit);
                break;
            }
        }
        self.runs_at(found).await
    }

    /// The first places of a stretch.
    async fn keys(
        &mut self,
        arm: &Arm,
        direction: Direction,
        attribute: CustomAttribute,
        limit: usize,
    ) -> Result<Vec<ListPosition>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT value, started_at, of_run");
        arm.push(&mut query, self.namespace);
        push_value_order(&mut query, direction, arm.is_one_value());
        query.push(" LIMIT ").push_bind(sql::limit(limit));
        let rows = query.build().fetch_all(&mut *self.connection).await?;
        let key = |row: &SqliteRow| {
            Ok(ListPosition {
                value: value(row, "value", attribute)?,
                started_at: sql::time(row, "started_at")?,
                run_id: sql::run_id(row, "of_run")?,
            })
        };
        rows.iter().map(key).collect()
    }

    /// The places whose runs match the filter.
    async fn matching(
        &mut self,
        mut places: Vec<ListPosition>,
        filter: &Filter,
    ) -> Result<Vec<ListPosition>, StoreError> {
        if places.is_empty() {
            return Ok(places);
        }
        let mut query = QueryBuilder::<Sqlite>::new("SELECT run_id FROM visibility WHERE run_id");
        push_runs(&mut query, &places);
        push_residue(&mut query, filter);
        let query = query.build().persistent(false);
        let rows = query.fetch_all(&mut *self.connection).await?;
        let runs = rows.iter().map(|row| sql::run_id(row, "run_id"));
        let runs: HashSet<RunId> = runs.collect::<Result<_, _>>()?;
        places.retain(|place| runs.contains(&place.run_id));
        Ok(places)
    }

    /// The rows of the runs at these places, in their order.
    async fn runs_at(&mut self, places: Vec<ListPosition>) -> Result<Vec<ListedRun>, StoreError> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM visibility WHERE run_id");
        push_runs(&mut query, &places);
        let rows = self.rows(query, Order::default()).await?;
        let mut rows: HashMap<RunId, ListedRun> =
            rows.into_iter().map(|run| (run.row.run_id, run)).collect();
        let listed = places.into_iter().filter_map(|position| {
            let row = rows.remove(&position.run_id)?.row;
            Some(ListedRun { row, position })
        });
        Ok(listed.collect())
    }
}

/// ` IN (…)`.
fn push_runs(query: &mut QueryBuilder<Sqlite>, places: &[ListPosition]) {
    query.push(" IN (");
    for (n, place) in places.iter().enumerate() {
        query.push(if n == 0 { "" } else { ", " });
        query.push_bind(place.run_id.as_bytes().to_vec());
    }
    query.push(")");
}

/// A value as the index has it.
pub(super) fn value(
    row: &SqliteRow,
    column: &str,
    attribute: CustomAttribute,
) -> Result<Option<Value>, StoreError> {
    Ok(match attribute.attribute_type {
        AttributeType::Int | AttributeType::Bool | AttributeType::Datetime => {
            let number: Option<i64> = row.try_get(column)?;
            number.map(Value::Int)
        }
        AttributeType::Double => {
            let number: Option<f64> = row.try_get(column)?;
            number.and_then(Double::new).map(Value::Double)
        }
        AttributeType::Text | AttributeType::Keyword | AttributeType::KeywordList => {
            let text: Option<String> = row.try_get(column)?;
            text.map(Value::Text)
        }
    })
}
