//! Connections that work on the thread of their caller, and their statements.

use std::path::Path;

use rusqlite::{CachedStatement, Connection, OpenFlags, Params};

use super::{BUSY_TIMEOUT, CACHE_KIB};
use crate::StoreError;

/// Statements kept prepared: all that this crate has, and room for more.
const STATEMENTS: usize = 128;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// Connects to a database that is there.
pub(super) fn connect(path: &Path, access: Access) -> Result<Connection, StoreError> {
    // Never a new file: where ours was taken away, writing elsewhere would lose it.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let query_only = if access == Access::Read { "1" } else { "0" };
    for (pragma, value) in [
        ("journal_mode", "WAL"),
        ("synchronous", "FULL"),
        ("foreign_keys", "0"),
        ("cache_size", CACHE_KIB),
        ("temp_store", "MEMORY"),
        ("wal_autocheckpoint", "0"),
        ("query_only", query_only),
    ] {
        connection.pragma_update(None, pragma, value)?;
    }
    Ok(connection)
}

/// A connection's statements. Each text is prepared once and kept.
pub(super) struct Sql<'a>(&'a Connection);

impl<'a> Sql<'a> {
    /// Statements on this connection.
    pub(super) fn on(connection: &'a Connection) -> Self {
        Self(connection)
    }

    /// Does the work in a transaction of its own; on an error the caller gives the
    /// connection up, and the transaction with it.
    pub(super) fn transaction<T>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.run("BEGIN IMMEDIATE", [])?;
        let done = work(self)?;
        self.run("COMMIT", [])?;
        Ok(done)
    }

    /// Carries a statement out; answers how many rows it changed.
    pub(super) fn run(&self, text: &'static str, values: impl Params) -> Result<usize, StoreError> {
        Ok(self.prepared(text)?.execute(values)?)
    }

    /// The first row of an answer, if there is one.
    pub(super) fn first<T>(
        &self,
        text: &'static str,
        values: impl Params,
        read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.prepared(text)?;
        let mut rows = statement.query(values)?;
        Ok(rows.next()?.map(read).transpose()?)
    }

    /// All rows of an answer.
    pub(super) fn all<T>(
        &self,
        text: &'static str,
        values: impl Params,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.prepared(text)?;
        let rows = statement.query_map(values, read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn prepared(&self, text: &'static str) -> Result<CachedStatement<'a>, StoreError> {
        // Tests have every statement explained.
        tracing::trace!(target: "mainspring_store::sql", statement = text);
        Ok(self.0.prepare_cached(text)?)
    }
}
