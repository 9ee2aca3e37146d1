//! The payments, in a SQLite database.
//!
//! A payment is known by its customer and its period. It is taken once, however often
//! that is tried. Paying back what was never taken is remembered too, so that an attempt
//! that comes late takes nothing.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool};

const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS payments (
        customer_id TEXT NOT NULL, period INTEGER NOT NULL, cents INTEGER NOT NULL,
        state TEXT NOT NULL, PRIMARY KEY (customer_id, period));
";

/// All payments.
pub(crate) struct Payments {
    pool: SqlitePool,
}

impl Payments {
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

    /// Takes a payment. False: it was called off before.
    pub(crate) async fn take(
        &self,
        customer_id: &str,
        period: i64,
        cents: i64,
    ) -> Result<bool, sqlx::Error> {
        sqlx::query("INSERT OR IGNORE INTO payments VALUES (?, ?, ?, 'paid')")
            .bind(customer_id)
            .bind(period)
            .bind(cents)
            .execute(&self.pool)
            .await?;
        let query = "SELECT state FROM payments WHERE customer_id = ? AND period = ?";
        let (state,): (String,) = sqlx::query_as(query)
            .bind(customer_id)
            .bind(period)
            .fetch_one(&self.pool)
            .await?;
        Ok(state == "paid")
    }

    /// Pays back, whether it was paid, is about to be, or never will be.
    pub(crate) async fn pay_back(&self, customer_id: &str, period: i64) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO payments VALUES (?, ?, 0, 'never paid')
             ON CONFLICT (customer_id, period)
             DO UPDATE SET state = 'paid back' WHERE state = 'paid'",
        )
        .bind(customer_id)
        .bind(period)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Every payment, customer by customer: who, which period, cents and state.
    pub(crate) async fn all(&self) -> Result<Vec<(String, i64, i64, String)>, sqlx::Error> {
        sqlx::query_as("SELECT * FROM payments ORDER BY customer_id, period")
            .fetch_all(&self.pool)
            .await
    }
}
