//! SQLite behind the store's trait: the default, and a production one.
//!
//! One connection writes and some look single rows up, on the threads of their
//! callers; a few read more than that, through the driver's pool. Commits are durable when they return (WAL, `synchronous=FULL`);
//! the log is folded back into the file aside from them. A lock beside the file
//! keeps a second server out.

mod checkpoint;
mod commit;
mod components;
mod connection;
mod errors;
mod history;
mod letters;
mod lookups;
mod namespaces;
mod remains;
mod rows;
mod search_attributes;
mod sql;
mod visibility;
mod writer;

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mainspring_engine::ids::{Namespace, RunId, TaskQueue, WorkflowKey};
use mainspring_engine::time::Timestamp;
use mainspring_engine::transition::{ActivityRow, EventBatch, OutboxRow, RunImage, Write};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, SqlSafeStr as _, SqliteConnection};

use self::checkpoint::Checkpoints;
use self::lookups::Lookups;
use self::writer::Writer;
use crate::{
    ClosedRun, DueRun, HistoryRange, QueuePosition, QueuedTask, Store, StoreError, StoreFuture,
    WriteOutcome,
};

/// How long a connection waits for another one's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that read.
const READERS: u32 = 4;
/// Prepared statements kept for each connection.
const STATEMENTS: usize = 500;
/// Page cache of a connection, in KiB.
const CACHE_KIB: &str = "-16384";

/// The numbered migrations, in the binary; each is run once, at start.
fn migrations() -> Migrator {
    let numbered = [
        (
            "initial",
            include_str!("../../../../migrations/sqlite/0001_initial.sql"),
        ),
        (
            "remains and relatives",
            include_str!("../../../../migrations/sqlite/0002_remains_and_relatives.sql"),
        ),
    ];
    let migration = |(version, (name, text)): (i64, (&'static str, &'static str))| {
        let text = text.into_sql_str();
        Migration::new(version, name.into(), MigrationType::Simple, text, false)
    };
    Migrator::with_migrations((1..).zip(numbered).map(migration).collect())
}

/// A server's state in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    writer: Writer,
    lookups: Lookups,
    readers: SqlitePool,
    checkpoints: Checkpoints,
    /// Held as long as the store is open; the system frees it when the process
    /// dies.
    _lock: File,
}

impl SqliteStore {
    /// Opens the file, making it and bringing its tables up to date where needed.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = lock(path)?;
        check_writable(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(false)
            .busy_timeout(BUSY_TIMEOUT)
            .statement_cache_capacity(STATEMENTS)
            .pragma("cache_size", CACHE_KIB)
            // Or every statement of several rows would open a file for its undo log.
            .pragma("temp_store", "MEMORY")
            .pragma("wal_autocheckpoint", "0");
        let cannot_open = |error: sqlx::Error| open_error(path, &error.to_string());
        let mut connection = options.connect().await.map_err(cannot_open)?;
        check_owner(&mut connection, path).await?;
        migrations()
            .run(&mut connection)
            .await
            .map_err(|error| open_error(path, &migration_error(&error)))?;
        let writer = Writer::open(path.to_owned())?;
        connection.close().await.map_err(cannot_open)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            // A look at a local file before each read would double its cost.
            .test_before_acquire(false)
            // Ten thousand runs that wake at once wait in line: no news each.
            .acquire_slow_threshold(SLOW_ACQUIRE)
            .connect_with(options.pragma("query_only", "1"))
            .await
            .map_err(cannot_open)?;
        let checkpoints = Checkpoints::start(path.to_owned(), writer.clone());
        Ok(Self {
            writer,
            lookups: Lookups::new(path.to_owned()),
            readers,
            checkpoints,
            _lock: lock,
        })
    }
}

/// SQLite opens a file that it may only read, and refuses the first write: here it is
/// refused at the start. Before SQLite has the file, since closing it drops locks.
fn check_writable(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().write(true).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(open_error(path, &error.to_string())),
    }
}

/// A file with tables that no migration of ours made belongs to somebody else.
async fn check_owner(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let query = "SELECT count(*), coalesce(sum(name = '_sqlx_migrations'), 0) \
                 FROM sqlite_schema WHERE type = 'table'";
    let (tables, ours): (i64, i64) = sqlx::query_as(query)
        .fetch_one(connection)
        .await
        .map_err(|error| open_error(path, &error.to_string()))?;
    if tables > 0 && ours == 0 {
        return Err(open_error(
            path,
            "it is the database of another program; choose another file",
        ));
    }
    Ok(())
}

fn migration_error(error: &MigrateError) -> String {
    match error {
        MigrateError::VersionMissing(version) => format!(
            "a newer version of Mainspring has written it (its tables are at version {version}); \
             upgrade this server, or use another file"
        ),
        MigrateError::VersionMismatch(version) => format!(
            "its tables of version {version} are not those of this server; use another file"
        ),
        other => other.to_string(),
    }
}

/// Takes the lock beside the file, or says who has it.
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut lock_path = PathBuf::from(path).into_os_string();
    lock_path.push(".lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(|error| open_error(path, &error.to_string()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked {
            path: path.display().to_string(),
        }),
        Err(TryLockError::Error(error)) => Err(open_error(path, &error.to_string())),
    }
}

fn open_error(path: &Path, reason: &str) -> StoreError {
    StoreError::Open {
        path: path.display().to_string(),
        reason: reason.to_owned(),
    }
}

/// How long a read may wait for a connection before that is worth a warning.
const SLOW_ACQUIRE: Duration = Duration::from_secs(10);

/// What a call on a closed store is told.
fn closed() -> StoreError {
    StoreError::Unavailable {
        reason: "the store is closed".to_owned(),
    }
}

impl Store for SqliteStore {
    fn commit<'a>(&'a self, writes: &'a [Write]) -> StoreFuture<'a, Vec<WriteOutcome>> {
        Box::pin(async move { self.writer.write(|sql| commit::commit(sql, writes)) })
    }

    fn current_run<'a>(&'a self, key: &'a WorkflowKey) -> StoreFuture<'a, Option<RunId>> {
        Box::pin(async { self.lookups.current_run(key) })
    }

    fn load_run<'a>(
        &'a self,
        key: &'a WorkflowKey,
        run_id: RunId,
    ) -> StoreFuture<'a, Option<RunImage>> {
        Box::pin(rows::load_run(&self.readers, key, run_id))
    }

    fn load_activity(
        &self,
        run_id: RunId,
        scheduled_event_id: i64,
    ) -> StoreFuture<'_, Option<ActivityRow>> {
        Box::pin(async move { self.lookups.activity(run_id, scheduled_event_id) })
    }

    fn completed_update<'a>(
        &'a self,
        run_id: RunId,
        update_id: &'a str,
    ) -> StoreFuture<'a, Option<i64>> {
        Box::pin(async move { self.lookups.completed_update(run_id, update_id) })
    }

    fn has_request_id<'a>(&'a self, run_id: RunId, request_id: &'a str) -> StoreFuture<'a, bool> {
        Box::pin(async move { self.lookups.has_request_id(run_id, request_id) })
    }

    fn read_history(&self, run_id: RunId, range: HistoryRange) -> StoreFuture<'_, Vec<EventBatch>> {
        Box::pin(async move {
            if range.from_event_id == range.to_event_id {
                let batch = self.lookups.batch_of(run_id, range.from_event_id)?;
                return Ok(Vec::from_iter(batch));
            }
            history::read(&self.readers, run_id, range).await
        })
    }

    fn load_letter(&self, run_id: RunId, event_id: i64) -> StoreFuture<'_, Option<OutboxRow>> {
        Box::pin(letters::load(&self.readers, run_id, event_id))
    }

    fn letters(
        &self,
        after: Option<(RunId, i64)>,
        limit: usize,
    ) -> StoreFuture<'_, Vec<OutboxRow>> {
        Box::pin(letters::page(&self.readers, after, limit))
    }

    fn due_runs(
        &self,
        until: Timestamp,
        after: Option<(Timestamp, RunId)>,
        limit: usize,
    ) -> StoreFuture<'_, Vec<DueRun>> {
        Box::pin(rows::due_runs(&self.readers, until, after, limit))
    }

    fn oldest_closed_runs<'a>(
        &'a self,
        namespace: &'a Namespace,
        limit: usize,
    ) -> StoreFuture<'a, Vec<ClosedRun>> {
        Box::pin(rows::oldest_closed_runs(&self.readers, namespace, limit))
    }

    fn remains(&self, limit: usize) -> StoreFuture<'_, Vec<RunId>> {
        Box::pin(remains::page(&self.readers, limit))
    }

    fn queued_tasks<'a>(
        &'a self,
        namespace: &'a Namespace,
        queue: &'a TaskQueue,
        after: Option<QueuePosition>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<QueuedTask>> {
        Box::pin(rows::queued_tasks(
            &self.readers,
            namespace,
            queue,
            after,
            limit,
        ))
    }

    fn count_queued_tasks<'a>(
        &'a self,
        namespace: &'a Namespace,
        queue: &'a TaskQueue,
        at_most: usize,
    ) -> StoreFuture<'a, usize> {
        Box::pin(rows::count_queued_tasks(
            &self.readers,
            namespace,
            queue,
            at_most,
        ))
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            self.checkpoints.stop().await;
            self.readers.close().await;
            self.lookups.close();
            self.writer.close()
        })
    }
}
