//! The order story: activities on the official Rust SDK.

fn main() {}
