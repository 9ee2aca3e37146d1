//! Write durable workflows in Rust.
