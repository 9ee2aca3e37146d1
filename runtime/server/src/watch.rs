//! Waiting for a history to grow: long polls sleep here until the run that they
//! watch has committed something.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use mainspring_engine::ids::RunId;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Everybody who waits for news of a run. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Watchers {
    waiting: Arc<Mutex<HashMap<RunId, Watched>>>,
}

#[derive(Debug, Default)]
struct Watched {
    news: Arc<Notify>,
    watchers: usize,
}

/// One waiting caller; leaves when dropped.
#[derive(Debug)]
pub struct Watcher {
    watchers: Watchers,
    run_id: RunId,
    news: Arc<Notify>,
}

impl Watchers {
    /// Begins to watch. News from now on are not missed by a caller who first
    /// looks at the state and then waits with [`Watcher::news`].
    pub fn watch(&self, run_id: RunId) -> Watcher {
        let mut waiting = self.waiting.lock();
        let watched = waiting.entry(run_id).or_default();
        watched.watchers += 1;
        Watcher {
            watchers: self.clone(),
            run_id,
            news: watched.news.clone(),
        }
    }

    /// Tells everybody who watches the run that it has committed something.
    pub fn tell(&self, run_id: RunId) {
        if let Some(watched) = self.waiting.lock().get(&run_id) {
            watched.news.notify_waiters();
        }
    }
}

impl Watcher {
    /// A future that resolves at the next news after this call (not after its
    /// first poll).
    pub fn news(&self) -> tokio::sync::futures::Notified<'_> {
        self.news.notified()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.watchers.waiting.lock().entry(self.run_id) {
            entry.get_mut().watchers -= 1;
            if entry.get().watchers == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn news_between_the_look_and_the_wait_are_not_missed() {
        let watchers = Watchers::default();
        let run_id = RunId::new(uuid::Uuid::from_u128(1));
        let watcher = watchers.watch(run_id);
        let news = watcher.news();
        watchers.tell(run_id);
        news.await;
        drop(watcher);
        assert!(watchers.waiting.lock().is_empty());
    }
}
