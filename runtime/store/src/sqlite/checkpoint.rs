//! Folding the write-ahead log back into the file, off the path of commits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Bytes written between two checkpoints.
const EVERY_BYTES: usize = 16 * 1024 * 1024;

/// The task that does it.
#[derive(Debug)]
pub(super) struct Checkpoints {
    written_bytes: Arc<AtomicUsize>,
    due: Arc<Notify>,
    stop: Arc<Notify>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Checkpoints {
    pub(super) fn start(connection: SqliteConnection) -> Self {
        let due = Arc::new(Notify::new());
        let stop = Arc::new(Notify::new());
        let task = tokio::spawn(run(connection, due.clone(), stop.clone()));
        Self {
            written_bytes: Arc::default(),
            due,
            stop,
            task: Mutex::new(Some(task)),
        }
    }

    /// A commit has added about this much to the log.
    pub(super) fn written(&self, bytes: usize) {
        let before = self.written_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes >= EVERY_BYTES {
            self.written_bytes.store(0, Ordering::Relaxed);
            self.due.notify_one();
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

async fn run(mut connection: SqliteConnection, due: Arc<Notify>, stop: Arc<Notify>) {
    loop {
        let stopping = tokio::select! {
            () = due.notified() => false,
            () = stop.notified() => true,
        };
        // PASSIVE never waits for a reader or the writer; what it leaves comes with
        // the next one.
        let done = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)")
            .execute(&mut connection)
            .await;
        if let Err(error) = done {
            tracing::warn!(%error, "a checkpoint failed; the log grows until one succeeds");
        }
        if stopping {
            break;
        }
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "cannot close the checkpoint connection");
    }
}
