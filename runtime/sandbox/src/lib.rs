//! Admits, compiles and drives workflow components.
