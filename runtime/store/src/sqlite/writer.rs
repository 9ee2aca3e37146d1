//! The one connection that writes.
//!
//! It works on the thread of whoever writes: under load everybody waits for the
//! next commit, and a way to another thread and back is longer than most of its
//! statements. After an error (a full disk) nobody knows what state its transaction
//! is in, so it is closed, which rolls back, and the next writer gets a new one.

use std::cell::Cell;
use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use rusqlite::hooks::Wal;

use super::checkpoint::Log;
use super::closed;
use super::connection::{Access, Sql, connect};
use crate::StoreError;

/// The connection between two writes.
#[derive(Debug)]
enum State {
    Open(Connection),
    /// The last write failed: connect anew.
    Broken,
    Closed,
}

/// The place of the connection. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    path: PathBuf,
    state: Arc<Mutex<State>>,
    log: Arc<Log>,
}

impl Writer {
    /// Connects to a database whose tables are there.
    pub(super) fn open(path: PathBuf) -> Result<Self, StoreError> {
        let connection = connect_writer(&path)?;
        Ok(Self {
            path,
            state: Arc::new(Mutex::new(State::Open(connection))),
            log: Arc::default(),
        })
    }

    /// The log that the writes go to.
    pub(super) fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Writes on this thread, once those before are done.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&Sql<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut state = self.state.lock();
        let connection = match std::mem::replace(&mut *state, State::Broken) {
            State::Open(connection) => connection,
            State::Broken => connect_writer(&self.path)?,
            State::Closed => {
                *state = State::Closed;
                return Err(closed());
            }
        };
        let done = work(&Sql::on(&connection))?;
        *state = State::Open(connection);
        self.log.has_pages(PAGES_IN_LOG.get());
        Ok(done)
    }

    /// Does something between two writes.
    pub(super) fn while_nobody_writes<T>(&self, work: impl FnOnce() -> T) -> T {
        let _state = self.state.lock();
        work()
    }

    /// Writes something large on a thread where it holds up nobody else.
    pub(super) async fn write_aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Sql<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let writer = self.clone();
        let done = tokio::task::spawn_blocking(move || writer.write(work)).await;
        done.unwrap_or_else(|error| {
            let reason = error.to_string();
            Err(StoreError::Unavailable { reason })
        })
    }

    /// Waits for the write under way and closes.
    pub(super) fn close(&self) -> Result<(), StoreError> {
        let state = std::mem::replace(&mut *self.state.lock(), State::Closed);
        match state {
            State::Open(connection) => connection.close().map_err(|(_, error)| error.into()),
            State::Broken | State::Closed => Ok(()),
        }
    }
}

thread_local! {
    /// Pages in the log after the last commit on this thread.
    static PAGES_IN_LOG: Cell<u32> = const { Cell::new(0) };
}

fn connect_writer(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path, Access::Write)?;
    connection.wal_hook(Some(note_pages));
    Ok(connection)
}

/// SQLite calls it on the thread that commits, after the commit.
#[expect(clippy::unnecessary_wraps, reason = "the shape of a hook")]
fn note_pages(_: &Wal, pages: c_int) -> rusqlite::Result<()> {
    PAGES_IN_LOG.set(u32::try_from(pages).unwrap_or(0));
    Ok(())
}
