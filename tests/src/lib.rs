//! End to end: the real binary, real clients, real crashes.
