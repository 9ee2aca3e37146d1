//! The one connection that writes.
//!
//! It works on the thread of whoever writes: under load everybody waits for the
//! next commit, and a way to another thread and back is longer than most of its
//! statements. After an error (a full disk) nobody knows what state its transaction
//! is in, so it is closed, which rolls back, and the next writer gets a new one.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;

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
}

impl Writer {
    /// Connects to a database whose tables are there.
    pub(super) fn open(path: PathBuf) -> Result<Self, StoreError> {
        let connection = connect(&path, Access::Write)?;
        Ok(Self {
            path,
            state: Arc::new(Mutex::new(State::Open(connection))),
        })
    }

    /// Writes on this thread, once those before are done.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&Sql<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut state = self.state.lock();
        let connection = match std::mem::replace(&mut *state, State::Broken) {
            State::Open(connection) => connection,
            State::Broken => connect(&self.path, Access::Write)?,
            State::Closed => {
                *state = State::Closed;
                return Err(closed());
            }
        };
        let done = work(&Sql::on(&connection))?;
        *state = State::Open(connection);
        Ok(done)
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
