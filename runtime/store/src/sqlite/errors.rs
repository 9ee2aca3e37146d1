//! What SQLite's result codes mean to the store's callers.

use crate::StoreError;

/// Primary result codes that mean "cannot be written".
const PERMISSION: u32 = 3;
const READ_ONLY: u32 = 8;
const FULL: u32 = 13;
/// Those that mean "not as it was written".
const CORRUPT: u32 = 11;
const NOT_A_DATABASE: u32 = 26;
/// The one that means "the system refused"; the bits above it say what.
const IO: u32 = 10;
/// A file system that turned read-only under the server, a file that was made
/// immutable, a disk that takes no more: the system refuses one of these.
const REFUSED_WRITES: [u32; 6] = [
    IO | (3 << 8),  // write
    IO | (4 << 8),  // fsync
    IO | (5 << 8),  // fsync of the folder
    IO | (6 << 8),  // truncate
    IO | (18 << 8), // making the shared memory
    IO | (19 << 8), // growing it
];

/// By the extended code, where the error has one.
fn classified(code: Option<u32>, reason: String) -> StoreError {
    match code {
        Some(code) if REFUSED_WRITES.contains(&code) => StoreError::ReadOnly { reason },
        Some(code) => match code & 0xFF {
            PERMISSION | READ_ONLY | FULL => StoreError::ReadOnly { reason },
            CORRUPT | NOT_A_DATABASE => StoreError::Damaged { reason },
            _ => StoreError::Unavailable { reason },
        },
        None => StoreError::Unavailable { reason },
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = error
            .as_database_error()
            .and_then(|error| error.code())
            .and_then(|code| code.parse().ok());
        classified(code, error.to_string())
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error();
        let code = code.and_then(|error| u32::try_from(error.extended_code).ok());
        classified(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_refuses_to_write_is_told_from_what_it_cannot_read() {
        let classified = |code| classified(Some(code), String::new());
        for write in [8, 8 | (1 << 8), 13, 778, 1034, 1290, 1546] {
            let error = classified(write);
            assert!(matches!(error, StoreError::ReadOnly { .. }), "{write}");
        }
        for damaged in [11, 11 | (1 << 8), 26] {
            let error = classified(damaged);
            assert!(matches!(error, StoreError::Damaged { .. }), "{damaged}");
        }
        // A read that fails, a lock, a file that cannot be opened.
        for other in [10, 266, 5, 14] {
            let error = classified(other);
            assert!(matches!(error, StoreError::Unavailable { .. }), "{other}");
        }
    }
}
