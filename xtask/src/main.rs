//! Set-up, tests and the demonstration, one command each.

fn main() {}
