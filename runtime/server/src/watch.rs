//! Waiting for a history to grow: long polls sleep here until the run that they
//! watch has committed something, and are told how far it has come.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use mainspring_engine::ids::RunId;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::request::HistoryState;

/// Everybody who waits for news of a run. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Watchers {
    waiting: Arc<Mutex<HashMap<RunId, Watched>>>,
}

#[derive(Debug)]
struct Watched {
    news: watch::Sender<Option<HistoryState>>,
    watchers: usize,
}

/// One waiting caller; leaves when dropped.
#[derive(Debug)]
pub struct Watcher {
    watchers: Watchers,
    run_id: RunId,
    news: watch::Receiver<Option<HistoryState>>,
}

impl Watchers {
    /// Begins to watch. News from now on are not missed by a caller who first
    /// looks at the state and then waits with [`Watcher::news`].
    pub fn watch(&self, run_id: RunId) -> Watcher {
        let mut waiting = self.waiting.lock();
        let watched = waiting.entry(run_id).or_insert_with(|| Watched {
            news: watch::Sender::new(None),
            watchers: 0,
        });
        watched.watchers += 1;
        let mut news = watched.news.subscribe();
        // What was told before is older than the look that the caller takes next.
        news.mark_unchanged();
        Watcher {
            watchers: self.clone(),
            run_id,
            news,
        }
    }

    /// Whether anybody watches the run.
    pub fn is_watched(&self, run_id: RunId) -> bool {
        self.waiting.lock().contains_key(&run_id)
    }

    /// Tells everybody who watches the run how far it has come: committed.
    pub fn tell(&self, state: HistoryState) {
        if let Some(watched) = self.waiting.lock().get(&state.run_id) {
            watched.news.send_replace(Some(state));
        }
    }
}

impl Watcher {
    /// Waits for the next news since the last call, or since the watch began.
    pub async fn news(&mut self) -> HistoryState {
        loop {
            // The sender lives as long as there is a watcher.
            let _ = self.news.changed().await;
            if let Some(state) = self.news.borrow_and_update().clone() {
                return state;
            }
        }
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
        let state = |last_event_id| HistoryState {
            run_id,
            last_event_id,
            closed: false,
            latest: None,
        };
        let _earlier = watchers.watch(run_id);
        watchers.tell(state(3));
        let mut watcher = watchers.watch(run_id);
        watchers.tell(state(4));
        watchers.tell(state(5));
        assert_eq!(watcher.news().await, state(5));
        drop((watcher, _earlier));
        assert!(watchers.waiting.lock().is_empty());
    }
}
