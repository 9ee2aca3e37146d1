//! What changes of memo and search attributes, and the index of their values.

use mainspring_engine::search::{IndexedAttribute, Value};
use mainspring_engine::transition::VisibilityRow;
use rusqlite::params;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::StoreError;
use crate::sqlite::connection::Sql;

/// Writes what an upsert changes in a row that lists know already.
pub(super) fn update(sql: &Sql<'_>, row: &VisibilityRow) -> Result<(), StoreError> {
    let run_id = row.run_id.as_bytes();
    if let Some(memo) = &row.memo {
        sql.run(
            "UPDATE visibility SET memo = ? WHERE run_id = ?",
            params![memo, run_id],
        )?;
    }
    if let Some(attributes) = &row.search_attributes {
        sql.run(
            "UPDATE visibility SET search_attributes = ? WHERE run_id = ?",
            params![attributes, run_id],
        )?;
    }
    for attribute in &row.indexed {
        sql.run(
            "DELETE FROM attribute_values WHERE of_run = ? AND attribute_id IN \
             (SELECT id FROM search_attributes WHERE namespace = ? AND name = ?)",
            params![run_id, row.key.namespace.as_str(), attribute.name],
        )?;
    }
    Ok(())
}

/// Writes the values of a row's search attributes, none of which is there. An attribute
/// that was removed a moment ago is left out.
pub(super) fn index(sql: &Sql<'_>, row: &VisibilityRow) -> Result<(), StoreError> {
    for IndexedAttribute { name, values } in &row.indexed {
        if values.is_empty() {
            continue;
        }
        let id: Option<i64> = sql.first(
            "SELECT id FROM search_attributes WHERE namespace = ? AND name = ? AND removed = 0",
            params![row.key.namespace.as_str(), name],
            |row| row.get(0),
        )?;
        let Some(id) = id else {
            continue;
        };
        for value in values {
            sql.run(
                "INSERT OR REPLACE INTO attribute_values \
                 (attribute_id, value, started_at, of_run) VALUES (?, ?, ?, ?)",
                params![
                    id,
                    borrowed(value),
                    row.start_time.as_nanos(),
                    row.run_id.as_bytes()
                ],
            )?;
        }
    }
    Ok(())
}

fn borrowed(value: &Value) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(match value {
        Value::Int(number) => ValueRef::Integer(*number),
        Value::Double(number) => ValueRef::Real(number.get()),
        Value::Text(text) => ValueRef::Text(text.as_bytes()),
    })
}
