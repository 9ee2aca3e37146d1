//! The shop's own database: business data, apart from any workflow's state.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool};

/// What an order costs, in cents.
const PRICE_CENTS: i64 = 4_200;
/// Items in stock at first.
const STOCK: i64 = 100;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS stock (item TEXT PRIMARY KEY, left_over INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS reservations (order_id TEXT PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS charge_requests (order_id TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS charges (order_id TEXT NOT NULL, cents INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS notes (kind TEXT NOT NULL, about TEXT NOT NULL,
                                      PRIMARY KEY (kind, about));
";

/// The shop.
pub struct Shop {
    pool: SqlitePool,
}

impl Shop {
    /// Opens the database.
    pub async fn open(path: &Path) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePool::connect_with(options).await?;
        sqlx::raw_sql(TABLES).execute(&pool).await?;
        sqlx::query("INSERT OR IGNORE INTO stock VALUES ('book', ?)")
            .bind(STOCK)
            .execute(&pool)
            .await?;
        Ok(Self { pool })
    }

    /// Takes one item out of stock, once per order.
    pub async fn reserve(&self, order_id: &str) -> Result<(), sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        let reserved = sqlx::query("INSERT OR IGNORE INTO reservations VALUES (?)")
            .bind(order_id)
            .execute(&mut *tx)
            .await?;
        if reserved.rows_affected() == 1 {
            sqlx::query("UPDATE stock SET left_over = left_over - 1 WHERE item = 'book'")
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await
    }

    /// Charges an order. Nothing in the table keeps a second charge out: what
    /// does is the look at the key, as a payment provider does it.
    pub async fn charge(&self, order_id: &str) -> Result<(), sqlx::Error> {
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("INSERT INTO charge_requests VALUES (?)")
            .bind(order_id)
            .execute(&mut *tx)
            .await?;
        let charged = sqlx::query("SELECT 1 FROM charges WHERE order_id = ?")
            .bind(order_id)
            .fetch_optional(&mut *tx)
            .await?;
        if charged.is_none() {
            sqlx::query("INSERT INTO charges VALUES (?, ?)")
                .bind(order_id)
                .bind(PRICE_CENTS)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await
    }

    /// Notes that something was done, once.
    pub async fn note(&self, kind: &str, about: &str) -> Result<(), sqlx::Error> {
        sqlx::query("INSERT OR IGNORE INTO notes VALUES (?, ?)")
            .bind(kind)
            .bind(about)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Everything that was noted, as kind and what it is about.
    pub async fn notes(&self) -> Result<Vec<(String, String)>, sqlx::Error> {
        sqlx::query_as("SELECT kind, about FROM notes ORDER BY rowid")
            .fetch_all(&self.pool)
            .await
    }

    /// What the shop has done, a line each.
    pub async fn report(&self) -> Result<String, sqlx::Error> {
        let mut report = String::new();
        for (what, sql) in [
            ("reservations", "SELECT count(*) AS n FROM reservations"),
            ("books in stock", "SELECT left_over AS n FROM stock"),
            (
                "charge requests",
                "SELECT count(*) AS n FROM charge_requests",
            ),
            ("charges", "SELECT count(*) AS n FROM charges"),
            (
                "invoices",
                "SELECT count(*) AS n FROM notes WHERE kind = 'invoice'",
            ),
            (
                "emails",
                "SELECT count(*) AS n FROM notes WHERE kind = 'email'",
            ),
            (
                "shipments",
                "SELECT count(*) AS n FROM notes WHERE kind = 'shipment'",
            ),
        ] {
            let n: i64 = sqlx::query(sql).fetch_one(&self.pool).await?.try_get("n")?;
            // Writing to a string cannot fail.
            let _ = writeln!(report, "{what:>16}: {n}");
        }
        Ok(report.trim_end().to_owned())
    }
}
