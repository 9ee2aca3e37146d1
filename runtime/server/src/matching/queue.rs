//! One activity task queue: who waits for tasks, and which tasks wait.
//!
//! What is kept here are hints: the truth about a task is the row of its
//! activity, and a hint is checked against it (by the mailbox of its workflow ID)
//! before anything is handed out. A queue holds a bounded number of hints; the
//! rest is on disk, where the queue reads it back page by page, oldest first.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use mainspring_engine::ids::{RunId, TaskQueue, WorkflowKey};
use mainspring_engine::time::Timestamp;
use temporalio_protos::temporal::api::history::v1::ActivityTaskScheduledEventAttributes;

use super::poller::{Reserved, Waiter};
use crate::request::PollerInfo;

/// Pollers are shown for this long after their last poll.
const POLLER_MEMORY: Duration = Duration::from_secs(300);
/// Pollers remembered for show, at most.
const POLLERS_SHOWN: usize = 1_000;

/// A task that waits for a poller.
#[derive(Clone, Debug)]
pub struct TaskHint {
    /// Whose activity.
    pub key: WorkflowKey,
    /// Where it waits.
    pub task_queue: TaskQueue,
    /// The run.
    pub run_id: RunId,
    /// Its ActivityTaskScheduled event.
    pub scheduled_event_id: i64,
    /// The event, where it is at hand; read from history otherwise.
    pub scheduled: Option<Arc<ActivityTaskScheduledEventAttributes>>,
}

/// A poll and a task that have found each other; to be confirmed by the task's
/// mailbox.
#[derive(Debug)]
pub struct Match {
    /// The poll.
    pub poller: Reserved,
    /// The task.
    pub task: TaskHint,
}

/// What a queue wants done outside its lock.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Pairs to confirm.
    pub matches: Vec<Match>,
    /// Read a page from disk and call `loaded`.
    pub load: bool,
}

/// The state of one queue. Its owner holds the lock.
#[derive(Debug)]
pub struct Queue {
    waiters: VecDeque<Waiter>,
    backlog: VecDeque<TaskHint>,
    /// There may be tasks on disk that are not in `backlog`. True at first: what
    /// an earlier process left.
    more_on_disk: bool,
    loading: bool,
    /// Counts tasks left on disk while a page was being read: the page may have
    /// missed them.
    left_on_disk: u64,
    left_before_load: u64,
    pollers: HashMap<String, Timestamp>,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            waiters: VecDeque::new(),
            backlog: VecDeque::new(),
            more_on_disk: true,
            loading: false,
            left_on_disk: 0,
            left_before_load: 0,
            pollers: HashMap::new(),
        }
    }
}

impl Queue {
    /// Takes a poll for a task that is about to be committed. Only where no
    /// older task waits.
    pub fn reserve(&mut self) -> Option<Reserved> {
        if self.more_on_disk || !self.backlog.is_empty() {
            return None;
        }
        self.next_waiter()
    }

    /// A poll comes in. False: there are too many already.
    pub fn add_poller(&mut self, waiter: Waiter, limit: usize) -> (bool, Wanted) {
        if self.waiters.len() >= limit {
            self.waiters.retain(|waiter| !waiter.is_gone());
            if self.waiters.len() >= limit {
                return (false, Wanted::default());
            }
        }
        self.waiters.push_back(waiter);
        (true, self.settle())
    }

    /// A reserved poll comes back unused: it is first in line.
    pub fn return_poller(&mut self, waiter: Waiter) -> Wanted {
        self.waiters.push_front(waiter);
        self.settle()
    }

    /// A committed task that found no poller.
    pub fn add_task(&mut self, task: TaskHint, limit: usize) -> Wanted {
        if self.more_on_disk || self.backlog.len() >= limit {
            self.leave_on_disk();
        } else {
            self.backlog.push_back(task);
        }
        self.settle()
    }

    /// A task that is on disk and not in memory.
    pub fn leave_on_disk(&mut self) {
        self.more_on_disk = true;
        self.left_on_disk += 1;
    }

    /// A reserved poll comes back; nothing is paired just now.
    pub fn keep_poller(&mut self, waiter: Waiter) {
        self.waiters.push_front(waiter);
    }

    /// A page that was read from disk. `full`: there may be more behind it.
    pub fn loaded(&mut self, page: Vec<TaskHint>, full: bool) -> Wanted {
        self.loading = false;
        self.more_on_disk = full || self.left_on_disk != self.left_before_load;
        self.backlog.extend(page);
        self.settle()
    }

    /// Reading a page failed; the next poll tries again.
    pub fn load_failed(&mut self) {
        self.loading = false;
    }

    /// Pairs polls with tasks, oldest first, and asks for a page where polls wait
    /// and memory has no task.
    pub fn settle(&mut self) -> Wanted {
        let mut wanted = Wanted::default();
        while !self.backlog.is_empty() {
            let Some(poller) = self.next_waiter() else {
                return wanted;
            };
            if let Some(task) = self.backlog.pop_front() {
                wanted.matches.push(Match { poller, task });
            }
        }
        if self.more_on_disk && !self.loading && self.has_waiter() {
            self.loading = true;
            self.left_before_load = self.left_on_disk;
            wanted.load = true;
        }
        wanted
    }

    fn has_waiter(&mut self) -> bool {
        while self.waiters.front().is_some_and(Waiter::is_gone) {
            self.waiters.pop_front();
        }
        !self.waiters.is_empty()
    }

    fn next_waiter(&mut self) -> Option<Reserved> {
        while let Some(waiter) = self.waiters.pop_front() {
            if let Some(reserved) = waiter.reserve() {
                return Some(reserved);
            }
        }
        None
    }

    /// Answers every poll of a worker process with nothing (WRK-12).
    pub fn dismiss(&mut self, worker_instance_key: &str) {
        self.waiters.retain(|waiter| {
            let leaves = waiter.worker_instance_key() == worker_instance_key;
            if leaves {
                waiter.dismiss();
            }
            !leaves && !waiter.is_gone()
        });
    }

    /// Answers every poll with nothing.
    pub fn dismiss_all(&mut self) {
        for waiter in self.waiters.drain(..) {
            waiter.dismiss();
        }
    }

    /// Remembers who polls, for show.
    pub fn note_poller(&mut self, identity: &str, now: Timestamp) {
        if let Some(last) = self.pollers.get_mut(identity) {
            *last = now;
            return;
        }
        if self.pollers.len() >= POLLERS_SHOWN {
            self.pollers
                .retain(|_, last| now.since(*last) < POLLER_MEMORY);
        }
        if self.pollers.len() < POLLERS_SHOWN {
            self.pollers.insert(identity.to_owned(), now);
        }
    }

    /// Who polled lately, latest first.
    pub fn pollers(&self, now: Timestamp) -> Vec<PollerInfo> {
        let mut pollers: Vec<PollerInfo> = self
            .pollers
            .iter()
            .filter(|(_, last)| now.since(**last) < POLLER_MEMORY)
            .map(|(identity, last)| PollerInfo {
                identity: identity.clone(),
                last_access: *last,
            })
            .collect();
        pollers.sort_by(|a, b| (b.last_access, &a.identity).cmp(&(a.last_access, &b.identity)));
        pollers
    }

    /// Whether the queue can be forgotten: nobody waits, nothing is in memory.
    pub fn is_idle(&mut self, now: Timestamp) -> bool {
        !self.has_waiter()
            && self.backlog.is_empty()
            && !self.loading
            && self
                .pollers
                .values()
                .all(|last| now.since(*last) >= POLLER_MEMORY)
    }
}

#[cfg(test)]
mod tests {
    use super::super::poller::poll_pair;
    use super::*;

    fn hint(n: i64) -> TaskHint {
        TaskHint {
            key: WorkflowKey {
                namespace: "default".into(),
                workflow_id: "w".into(),
            },
            task_queue: "q".into(),
            run_id: RunId::new(uuid::Uuid::from_u128(1)),
            scheduled_event_id: n,
            scheduled: None,
        }
    }

    fn settled() -> Queue {
        let mut queue = Queue::default();
        let (first, poll) = poll_pair("w".into(), String::new());
        assert!(queue.add_poller(first, 10).1.load);
        drop(poll);
        queue.loaded(Vec::new(), false);
        queue
    }

    #[test]
    fn what_an_earlier_process_left_goes_first() {
        let mut queue = Queue::default();
        let (waiter, _poll) = poll_pair("w".into(), String::new());
        assert!(queue.add_poller(waiter, 10).1.load);
        assert!(queue.reserve().is_none(), "older tasks may be on disk");
        let wanted = queue.loaded(vec![hint(1), hint(2)], false);
        assert_eq!(wanted.matches[0].task.scheduled_event_id, 1);
    }

    #[test]
    fn a_task_left_on_disk_during_a_read_is_read_again() {
        let mut queue = Queue::default();
        let (waiter, _poll) = poll_pair("w".into(), String::new());
        queue.add_poller(waiter, 10);
        assert!(!queue.add_task(hint(1), 10).load, "a read is under way");
        assert!(
            queue.loaded(Vec::new(), false).load,
            "it may have missed the task"
        );
    }

    #[test]
    fn a_poll_that_left_is_skipped_and_one_that_waits_is_taken() {
        let mut queue = settled();
        let (gone, poll) = poll_pair("gone".into(), String::new());
        queue.add_poller(gone, 10);
        drop(poll);
        let (waiter, _poll) = poll_pair("here".into(), String::new());
        queue.add_poller(waiter, 10);
        assert_eq!(queue.reserve().unwrap().identity(), "here");
        assert!(queue.reserve().is_none());
    }

    #[test]
    fn over_the_limit_tasks_stay_on_disk_and_come_back_in_order() {
        let mut queue = settled();
        for n in 1..=3 {
            queue.add_task(hint(n), 2);
        }
        let mut polls = Vec::new();
        let mut taken = Vec::new();
        for _ in 0..2 {
            let (waiter, poll) = poll_pair("w".into(), String::new());
            polls.push(poll);
            let wanted = queue.add_poller(waiter, 10).1;
            taken.extend(wanted.matches.iter().map(|m| m.task.scheduled_event_id));
            assert!(!wanted.load, "memory still had tasks");
        }
        assert_eq!(taken, [1, 2]);
        let (waiter, _poll) = poll_pair("w".into(), String::new());
        assert!(queue.add_poller(waiter, 10).1.load, "the third is on disk");
    }

    #[test]
    fn polls_over_the_limit_are_refused() {
        let mut queue = settled();
        let (first, _poll) = poll_pair("a".into(), String::new());
        assert!(queue.add_poller(first, 1).0);
        let (second, _poll2) = poll_pair("b".into(), String::new());
        assert!(!queue.add_poller(second, 1).0);
    }

    #[tokio::test]
    async fn a_poll_that_runs_out_while_reserved_waits_for_its_task() {
        let mut queue = settled();
        let (waiter, poll) = poll_pair("a".into(), String::new());
        queue.add_poller(waiter, 1);
        let reserved = queue.reserve().unwrap();
        let running_out = tokio::spawn(poll.run_out());
        tokio::task::yield_now().await;
        queue.return_poller(reserved.release());
        queue.dismiss_all();
        assert!(running_out.await.unwrap().is_none());
    }
}
