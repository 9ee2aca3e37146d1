//! Which workflow IDs hold a live instance, and who must go when there are too
//! many: the one that was used least recently.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use mainspring_engine::ids::WorkflowKey;
use parking_lot::Mutex;

/// The live instances by last use. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Residents {
    inner: Arc<Mutex<Inner>>,
    limit: usize,
}

#[derive(Debug, Default)]
struct Inner {
    uses: u64,
    by_use: BTreeMap<u64, WorkflowKey>,
    by_key: HashMap<WorkflowKey, u64>,
}

impl Residents {
    /// At most `limit` at once.
    pub fn new(limit: usize) -> Self {
        Self {
            inner: Arc::default(),
            limit,
        }
    }

    /// The workflow ID has used its instance just now. Returns who must go for
    /// it, if there are too many.
    #[must_use]
    pub fn touch(&self, key: &WorkflowKey) -> Option<WorkflowKey> {
        let mut inner = self.inner.lock();
        inner.uses += 1;
        let use_number = inner.uses;
        if let Some(last) = inner.by_key.insert(key.clone(), use_number) {
            inner.by_use.remove(&last);
        }
        inner.by_use.insert(use_number, key.clone());
        if inner.by_key.len() <= self.limit {
            return None;
        }
        Self::take_oldest(&mut inner)
    }

    /// The workflow ID holds no instance any more.
    pub fn remove(&self, key: &WorkflowKey) {
        let mut inner = self.inner.lock();
        if let Some(last) = inner.by_key.remove(key) {
            inner.by_use.remove(&last);
        }
    }

    /// Somebody who should go because there is no room for a new instance.
    #[must_use]
    pub fn oldest(&self) -> Option<WorkflowKey> {
        Self::take_oldest(&mut self.inner.lock())
    }

    fn take_oldest(inner: &mut Inner) -> Option<WorkflowKey> {
        let (_, oldest) = inner.by_use.pop_first()?;
        inner.by_key.remove(&oldest);
        Some(oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let key = |id: &str| WorkflowKey {
            namespace: "default".into(),
            workflow_id: id.into(),
        };
        let residents = Residents::new(2);
        assert_eq!(residents.touch(&key("a")), None);
        assert_eq!(residents.touch(&key("b")), None);
        assert_eq!(residents.touch(&key("a")), None);
        assert_eq!(residents.touch(&key("c")), Some(key("b")));
        residents.remove(&key("a"));
        assert_eq!(residents.oldest(), Some(key("c")));
        assert_eq!(residents.oldest(), None);
    }
}
