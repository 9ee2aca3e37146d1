//! Components in SQLite.

use mainspring_engine::ids::{Digest, Namespace};
use rusqlite::params;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, query};
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;

use super::connection::Sql;
use super::{SqliteStore, sql};
use crate::components::{ComponentStore, ComponentUse, ComponentVersionRow};
use crate::{StoreError, StoreFuture};

impl ComponentStore for SqliteStore {
    fn put_component<'a>(
        &'a self,
        row: &'a ComponentVersionRow,
        bytes: &'a [u8],
    ) -> StoreFuture<'a, bool> {
        // The bytes are many: they are written on another thread, from a copy.
        let (row, bytes) = (row.clone(), bytes.to_vec());
        Box::pin(async move {
            let put = move |sql: &Sql<'_>| sql.transaction(|sql| put(sql, &row, &bytes));
            self.writer.write_aside(put).await
        })
    }

    fn list_components(&self) -> StoreFuture<'_, Vec<ComponentVersionRow>> {
        Box::pin(async move {
            let rows = query("SELECT * FROM component_versions ORDER BY namespace, name")
                .fetch_all(&self.readers)
                .await?;
            let rows = rows.iter().map(version_row);
            let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
            // No index has this order, and the list is short.
            rows.sort_by(|one, other| {
                let one = (&one.namespace, &one.name, one.uploaded_at);
                one.cmp(&(&other.namespace, &other.name, other.uploaded_at))
            });
            Ok(rows)
        })
    }

    fn component_bytes(&self, digest: Digest) -> StoreFuture<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            let row = query("SELECT bytes FROM component_blobs WHERE digest = ?")
                .bind(digest.as_bytes().as_slice())
                .fetch_optional(&self.readers)
                .await?;
            Ok(row.map(|row| row.try_get("bytes")).transpose()?)
        })
    }

    fn component_use<'a>(
        &'a self,
        namespace: &'a Namespace,
        digest: Digest,
    ) -> StoreFuture<'a, ComponentUse> {
        Box::pin(async move {
            let rows = query(
                "SELECT status, count(*) AS runs FROM runs \
                 WHERE namespace = ? AND digest = ? GROUP BY status",
            )
            .bind(namespace.as_str())
            .bind(digest.as_bytes().as_slice())
            .fetch_all(&self.readers)
            .await?;
            let mut usage = ComponentUse::default();
            for row in rows {
                let status: i32 = row.try_get("status")?;
                let runs: i64 = row.try_get("runs")?;
                let runs = u64::try_from(runs).unwrap_or(0);
                if status == WorkflowExecutionStatus::Running as i32 {
                    usage.open_runs += runs;
                } else {
                    usage.closed_runs += runs;
                }
            }
            Ok(usage)
        })
    }

    fn delete_component<'a>(
        &'a self,
        namespace: &'a Namespace,
        name: &'a str,
        version: &'a str,
    ) -> StoreFuture<'a, bool> {
        let (namespace, name) = (namespace.clone(), name.to_owned());
        let version = version.to_owned();
        Box::pin(self.writer.write_aside(move |sql| {
            sql.transaction(|sql| delete(sql, &namespace, &name, &version))
        }))
    }
}

/// False where the label is taken by other code.
fn put(sql: &Sql<'_>, row: &ComponentVersionRow, bytes: &[u8]) -> Result<bool, StoreError> {
    let known: Option<Vec<u8>> = sql.first(
        "SELECT digest FROM component_versions WHERE namespace = ? AND name = ? AND version = ?",
        params![row.namespace.as_str(), row.name, row.version],
        |row| row.get(0),
    )?;
    if known.is_some_and(|known| known != row.digest.as_bytes()) {
        return Ok(false);
    }
    sql.run(
        "INSERT OR IGNORE INTO component_blobs (digest, bytes) VALUES (?, ?)",
        params![row.digest.as_bytes(), bytes],
    )?;
    if row.current {
        sql.run(
            "UPDATE component_versions SET current = 0 WHERE namespace = ? AND name = ?",
            params![row.namespace.as_str(), row.name],
        )?;
    }
    sql.run(
        "INSERT INTO component_versions (namespace, name, version, digest, size_bytes, \
         uploaded_at, uploaded_by, current, description) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (namespace, name, version) DO UPDATE SET current = excluded.current",
        params![
            row.namespace.as_str(),
            row.name,
            row.version,
            row.digest.as_bytes(),
            i64::try_from(row.size_bytes).unwrap_or(i64::MAX),
            row.uploaded_at.as_nanos(),
            row.uploaded_by,
            row.current,
            row.description,
        ],
    )?;
    Ok(true)
}

/// False where there is no such version.
fn delete(
    sql: &Sql<'_>,
    namespace: &Namespace,
    name: &str,
    version: &str,
) -> Result<bool, StoreError> {
    let deleted: Option<Vec<u8>> = sql.first(
        "DELETE FROM component_versions \
         WHERE namespace = ? AND name = ? AND version = ? RETURNING digest",
        params![namespace.as_str(), name, version],
        |row| row.get(0),
    )?;
    let Some(digest) = deleted else {
        return Ok(false);
    };
    sql.run(
        "DELETE FROM component_blobs WHERE digest = ?1 AND NOT EXISTS \
         (SELECT 1 FROM component_versions WHERE digest = ?1)",
        params![digest],
    )?;
    Ok(true)
}

fn version_row(row: &SqliteRow) -> Result<ComponentVersionRow, StoreError> {
    let namespace: String = row.try_get("namespace")?;
    let digest: Vec<u8> = row.try_get("digest")?;
    let size_bytes: i64 = row.try_get("size_bytes")?;
    Ok(ComponentVersionRow {
        namespace: namespace.into(),
        name: row.try_get("name")?,
        version: row.try_get("version")?,
        digest: Digest::from_slice(&digest).ok_or(StoreError::Corrupt {
            what: "digest",
            reason: format!("it has {} bytes", digest.len()),
        })?,
        size_bytes: u64::try_from(size_bytes).unwrap_or(0),
        uploaded_at: sql::time(row, "uploaded_at")?,
        uploaded_by: row.try_get("uploaded_by")?,
        current: row.try_get("current")?,
        description: row.try_get("description")?,
    })
}
