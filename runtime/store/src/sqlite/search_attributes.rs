//! Search attributes in SQLite.

use mainspring_engine::ids::{Namespace, RunId};
use mainspring_engine::search::AttributeType;
use rusqlite::params;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, query};

use super::SqliteStore;
use super::connection::Sql;
use crate::search_attributes::{Properties, SearchAttributeRow, SearchAttributeStore};
use crate::visibility::CustomAttribute;
use crate::{StoreError, StoreFuture};

impl SearchAttributeStore for SqliteStore {
    fn list_search_attributes(&self) -> StoreFuture<'_, Vec<SearchAttributeRow>> {
        Box::pin(async move {
            let rows =
                query("SELECT id, namespace, name, type FROM search_attributes WHERE removed = 0")
                    .fetch_all(&self.readers)
                    .await?;
            rows.iter().map(attribute_row).collect()
        })
    }

    fn add_search_attributes<'a>(
        &'a self,
        namespace: &'a Namespace,
        attributes: &'a [(String, AttributeType)],
    ) -> StoreFuture<'a, Vec<SearchAttributeRow>> {
        let (namespace, attributes) = (namespace.clone(), attributes.to_vec());
        Box::pin(self.writer.write_aside(move |sql| {
            sql.transaction(|sql| {
                let add = |(name, attribute_type)| add(sql, &namespace, name, attribute_type);
                attributes.into_iter().map(add).collect()
            })
        }))
    }

    fn remove_search_attributes<'a>(
        &'a self,
        namespace: &'a Namespace,
        names: &'a [String],
    ) -> StoreFuture<'a, ()> {
        let (namespace, names) = (namespace.clone(), names.to_vec());
        Box::pin(self.writer.write_aside(move |sql| {
            sql.transaction(|sql| {
                for name in names {
                    sql.run(
                        "UPDATE search_attributes SET removed = 1 \
                         WHERE namespace = ? AND name = ?",
                        params![namespace.as_str(), name],
                    )?;
                }
                Ok(())
            })
        }))
    }

    fn load_properties(&self, run_id: RunId) -> StoreFuture<'_, Option<Properties>> {
        Box::pin(async move {
            let row = query("SELECT memo, search_attributes FROM visibility WHERE run_id = ?")
                .bind(run_id.as_bytes().as_slice())
                .fetch_optional(&self.readers)
                .await?;
            let properties = |row: SqliteRow| {
                Ok(Properties {
                    memo: row.try_get("memo")?,
                    search_attributes: row.try_get("search_attributes")?,
                })
            };
            row.map(properties).transpose()
        })
    }
}

fn add(
    sql: &Sql<'_>,
    namespace: &Namespace,
    name: String,
    attribute_type: AttributeType,
) -> Result<SearchAttributeRow, StoreError> {
    let key = params![namespace.as_str(), name, attribute_type.name()];
    sql.run(
        "INSERT INTO search_attributes (namespace, name, type, removed) VALUES (?, ?, ?, 0) \
         ON CONFLICT (namespace, name, type) DO UPDATE SET removed = 0",
        key,
    )?;
    let id: Option<i64> = sql.first(
        "SELECT id FROM search_attributes WHERE namespace = ? AND name = ? AND type = ?",
        key,
        |row| row.get(0),
    )?;
    Ok(SearchAttributeRow {
        namespace: namespace.clone(),
        attribute: CustomAttribute {
            id: id.unwrap_or_default(),
            attribute_type,
        },
        name,
    })
}

fn attribute_row(row: &SqliteRow) -> Result<SearchAttributeRow, StoreError> {
    let (namespace, name): (String, String) = (row.try_get("namespace")?, row.try_get("name")?);
    let type_name: String = row.try_get("type")?;
    let attribute_type = AttributeType::parse(&type_name).ok_or_else(|| StoreError::Corrupt {
        what: "search attribute",
        reason: format!("type {type_name} is unknown"),
    })?;
    Ok(SearchAttributeRow {
        namespace: namespace.into(),
        name,
        attribute: CustomAttribute {
            id: row.try_get("id")?,
            attribute_type,
        },
    })
}
