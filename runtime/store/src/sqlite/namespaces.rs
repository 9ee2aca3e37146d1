//! Namespaces in SQLite.

use std::time::Duration;

use rusqlite::params;
use sqlx::{Row as _, query};

use super::{SqliteStore, sql};
use crate::namespaces::{NamespaceRow, NamespaceStore};
use crate::{StoreError, StoreFuture};

impl NamespaceStore for SqliteStore {
    fn create_namespace<'a>(&'a self, row: &'a NamespaceRow) -> StoreFuture<'a, bool> {
        let row = row.clone();
        Box::pin(self.writer.write_aside(move |sql| {
            let inserted = sql.run(
                "INSERT OR IGNORE INTO namespaces (name, id, description, owner_email, \
                 retention_ns, created_at, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
                params![
                    row.name.as_str(),
                    row.id,
                    row.description,
                    row.owner_email,
                    i64::try_from(row.retention.as_nanos()).unwrap_or(i64::MAX),
                    row.created_at.as_nanos(),
                    row.data,
                ],
            )?;
            Ok(inserted == 1)
        }))
    }

    fn list_namespaces(&self) -> StoreFuture<'_, Vec<NamespaceRow>> {
        Box::pin(async move {
            let rows = query("SELECT * FROM namespaces ORDER BY name")
                .fetch_all(&self.readers)
                .await?;
            rows.iter()
                .map(|row| {
                    let name: String = row.try_get("name")?;
                    let retention_ns: i64 = row.try_get("retention_ns")?;
                    Ok(NamespaceRow {
                        name: name.into(),
                        id: row.try_get("id")?,
                        description: row.try_get("description")?,
                        owner_email: row.try_get("owner_email")?,
                        retention: Duration::from_nanos(u64::try_from(retention_ns).unwrap_or(0)),
                        created_at: sql::time(row, "created_at")?,
                        data: row.try_get("data")?,
                    })
                })
                .collect::<Result<_, StoreError>>()
        })
    }
}
