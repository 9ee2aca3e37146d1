//! Durable state: one trait, SQLite inside.
