//! The durable workflow runtime: server and command line in one binary.

fn main() {}
