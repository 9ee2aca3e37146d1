//! Namespaces in SQLite.

use std::time::Duration;

use sqlx::{Row as _, query};

use super::{SqliteStore, sql};
use crate::namespaces::{NamespaceRow, NamespaceStore};
use crate::{StoreError, StoreFuture};

impl NamespaceStore for SqliteStore {
    fn create_namespace<'a>(&'a self, row: &'a NamespaceRow) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let mut writing = self.writer.take().await?;
            let connection = writing.connection();
            let retention_ns = i64::try_from(row.retention.as_nanos()).unwrap_or(i64::MAX);
            let done = query(
                "INSERT OR IGNORE INTO namespaces (name, id, description, owner_email, \
                 retention_ns, created_at, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(row.name.as_str())
            .bind(row.id.as_str())
            .bind(row.description.as_str())
            .bind(row.owner_email.as_str())
            .bind(retention_ns)
            .bind(row.created_at.as_nanos())
            .bind(row.data.as_slice())
            .execute(connection)
            .await?;
            writing.keep();
            Ok(done.rows_affected() == 1)
        })
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
