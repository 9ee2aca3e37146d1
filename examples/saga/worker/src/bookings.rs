//! The bookings of three companies, in one SQLite database.
//!
//! A booking is known by its kind and its trip. It is made once, however often it
//! is tried; undoing what was never made is remembered too, so that an attempt that
//! comes late books nothing that nobody would undo.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool};

const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS bookings (
        kind TEXT NOT NULL, trip_id TEXT NOT NULL, state TEXT NOT NULL,
        PRIMARY KEY (kind, trip_id));
";

/// The bookings.
pub(crate) struct Bookings {
    pool: SqlitePool,
}

impl Bookings {
    /// Opens the database.
    pub(crate) async fn open(path: &Path) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePool::connect_with(options).await?;
        sqlx::raw_sql(TABLE).execute(&pool).await?;
        Ok(Self { pool })
    }

    /// Books. False: it was undone before it was made.
    pub(crate) async fn book(&self, kind: &str, trip_id: &str) -> Result<bool, sqlx::Error> {
        sqlx::query("INSERT OR IGNORE INTO bookings VALUES (?, ?, 'booked')")
            .bind(kind)
            .bind(trip_id)
            .execute(&self.pool)
            .await?;
        let (state,): (String,) =
            sqlx::query_as("SELECT state FROM bookings WHERE kind = ? AND trip_id = ?")
                .bind(kind)
                .bind(trip_id)
                .fetch_one(&self.pool)
                .await?;
        Ok(state == "booked")
    }

    /// Undoes a booking, whether it was made, is about to be, or never will be.
    pub(crate) async fn undo(&self, kind: &str, trip_id: &str) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO bookings VALUES (?, ?, 'never made') ON CONFLICT (kind, trip_id)
             DO UPDATE SET state = 'undone' WHERE state = 'booked'",
        )
        .bind(kind)
        .bind(trip_id)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Every booking, in the order in which they were first heard of: kind, trip and
    /// state.
    pub(crate) async fn all(&self) -> Result<Vec<(String, String, String)>, sqlx::Error> {
        sqlx::query_as("SELECT kind, trip_id, state FROM bookings ORDER BY rowid")
            .fetch_all(&self.pool)
            .await
    }
}
