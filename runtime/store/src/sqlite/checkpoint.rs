//! Folding the write-ahead log back into the file, off the path of commits.
//!
//! A log that is written over from its start again is flushed in one write. One that
//! grows costs two more, for its new size and its new blocks: twice the time of a small
//! commit. So the log is not only folded, it is folded to its last page, which lets the
//! next commit begin it anew. While somebody writes it never is: the last pages are
//! folded while the writer waits.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::connection::{Access, connect};
use super::writer::Writer;
use crate::StoreError;

/// Pages in the log at which it is folded: 16 MiB.
const FOLD_AT_PAGES: u32 = 4_096;
/// So many pages are few enough for the writer to wait for: their fold takes about as
/// long as a commit.
const FEW_PAGES: u32 = 256;
/// How often the log is folded beside the writer before the writer has to wait.
const ROUNDS_ASIDE: usize = 4;

/// How long the log is, and who wants to know.
#[derive(Debug, Default)]
pub(super) struct Log {
    pages: AtomicU32,
    is_long: Notify,
}

impl Log {
    /// The last commit left so many pages in the log.
    pub(super) fn has_pages(&self, pages: u32) {
        self.pages.store(pages, Ordering::Relaxed);
        if pages >= FOLD_AT_PAGES {
            self.is_long.notify_one();
        }
    }

    fn is_long(&self) -> bool {
        self.pages.load(Ordering::Relaxed) >= FOLD_AT_PAGES
    }
}

/// The task that folds.
#[derive(Debug)]
pub(super) struct Checkpoints {
    stop: Arc<Notify>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Checkpoints {
    pub(super) fn start(path: PathBuf, writer: Writer) -> Self {
        let stop = Arc::new(Notify::new());
        let task = tokio::spawn(run(path, writer, stop.clone()));
        Self {
            stop,
            task: Mutex::new(Some(task)),
        }
    }

    /// One last checkpoint, then the end.
    pub(super) async fn stop(&self) {
        self.stop.notify_one();
        let task = self.task.lock().take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::warn!(%error, "the checkpoint task did not end well");
        }
    }
}

async fn run(path: PathBuf, writer: Writer, stop: Arc<Notify>) {
    let log = writer.log().clone();
    loop {
        let stopping = tokio::select! {
            () = log.is_long.notified() => false,
            () = stop.notified() => true,
        };
        if !stopping && !log.is_long() {
            // A commit during the last fold asked for this one too.
            continue;
        }
        let (path, writer) = (path.clone(), writer.clone());
        let folded = tokio::task::spawn_blocking(move || fold(&path, &writer)).await;
        match folded {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "a checkpoint failed; the log grows until one succeeds");
            }
            Err(error) => tracing::warn!(%error, "a checkpoint did not end well"),
        }
        if stopping {
            break;
        }
    }
}

/// Folds the log to its last page, unless a reader still needs some of it: then the
/// next fold does.
fn fold(path: &Path, writer: &Writer) -> Result<(), StoreError> {
    let connection = connect(path, Access::Write)?;
    for _ in 0..ROUNDS_ASIDE {
        if fold_what_is_there(&connection)? <= FEW_PAGES {
            break;
        }
    }
    writer.while_nobody_writes(|| fold_what_is_there(&connection))?;
    Ok(())
}

/// Waits neither for a reader nor for the writer; answers how many pages are left.
fn fold_what_is_there(connection: &Connection) -> Result<u32, StoreError> {
    let (in_log, folded): (i64, i64) =
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
            Ok((row.get(1)?, row.get(2)?))
        })?;
    Ok(u32::try_from(in_log - folded).unwrap_or(0))
}
