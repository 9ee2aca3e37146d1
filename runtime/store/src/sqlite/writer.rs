//! The one connection that writes.
//!
//! Whoever writes takes the connection out and puts it back when all went well.
//! After an error (a full disk, a call that was given up half-way) nobody knows
//! what state its transaction is in, so it is closed, which rolls back, and the
//! next writer gets a new one.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard};

use super::closed;
use crate::StoreError;

/// The connection between two writes.
#[derive(Debug)]
enum State {
    Open(SqliteConnection),
    /// The last write failed: connect anew.
    Broken,
    Closed,
}

/// The place of the connection.
#[derive(Debug)]
pub(super) struct Writer {
    options: SqliteConnectOptions,
    state: Mutex<State>,
}

/// The connection in use.
pub(super) struct Writing<'a> {
    connection: SqliteConnection,
    place: MutexGuard<'a, State>,
}

impl Writer {
    /// `options` make the same connection again; never a new file.
    pub(super) fn new(connection: SqliteConnection, options: SqliteConnectOptions) -> Self {
        Self {
            options: options.create_if_missing(false),
            state: Mutex::new(State::Open(connection)),
        }
    }

    /// Takes the connection; [`Writing::keep`] puts it back.
    pub(super) async fn take(&self) -> Result<Writing<'_>, StoreError> {
        let mut place = self.state.lock().await;
        let connection = match std::mem::replace(&mut *place, State::Broken) {
            State::Open(connection) => connection,
            State::Broken => self.options.connect().await?,
            State::Closed => {
                *place = State::Closed;
                return Err(closed());
            }
        };
        Ok(Writing { connection, place })
    }

    /// Waits for the write under way and closes.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        let state = std::mem::replace(&mut *self.state.lock().await, State::Closed);
        match state {
            State::Open(connection) => Ok(connection.close().await?),
            State::Broken | State::Closed => Ok(()),
        }
    }
}

impl Writing<'_> {
    /// The connection.
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// All went well: the next writer has it.
    pub(super) fn keep(mut self) {
        *self.place = State::Open(self.connection);
    }
}
