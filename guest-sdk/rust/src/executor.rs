//! Runs the tasks of one run: a single thread, a fixed order, no clock.
//!
//! A task is a future: the main function, or a signal handler that waits. A task
//! that is woken joins the end of one queue, once; the queue is worked off first
//! in, first out. Nothing here depends on an address, a hash or a time, so the
//! same events give the same polls in every replay (WF-08). The executor knows
//! nothing of the contract: later kinds of operation change nothing in it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use futures::future::LocalBoxFuture;

type TaskId = u64;

/// The tasks in the order in which they were woken. Behind a mutex only because
/// a waker must be `Send`; there is one thread.
#[derive(Default)]
struct ReadyQueue(Mutex<VecDeque<TaskId>>);

impl ReadyQueue {
    fn push(&self, id: TaskId) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(id);
    }

    fn pop(&self) -> Option<TaskId> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }
}

struct TaskWaker {
    id: TaskId,
    queue: Arc<ReadyQueue>,
    queued: AtomicBool,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.queue.push(self.id);
        }
    }
}

struct Task {
    future: LocalBoxFuture<'static, ()>,
    handle: Arc<TaskWaker>,
    waker: Waker,
}

/// The tasks of one run.
#[derive(Default)]
pub(crate) struct Executor {
    tasks: BTreeMap<TaskId, Task>,
    ready: Arc<ReadyQueue>,
    next_id: TaskId,
}

impl Executor {
    /// Adds a task at the end of the queue.
    pub(crate) fn spawn(&mut self, future: LocalBoxFuture<'static, ()>) {
        let id = self.next_id;
        self.next_id += 1;
        let queue = self.ready.clone();
        let handle = Arc::new(TaskWaker {
            id,
            queue,
            queued: AtomicBool::new(false),
        });
        let waker = Waker::from(handle.clone());
        waker.wake_by_ref();
        self.tasks.insert(
            id,
            Task {
                future,
                handle,
                waker,
            },
        );
    }

    /// Polls until the queue is empty or `stop` says so (asked after each poll).
    pub(crate) fn run(&mut self, stop: impl Fn() -> bool) {
        while !stop() {
            let Some(id) = self.ready.pop() else { return };
            let Some(task) = self.tasks.get_mut(&id) else {
                continue;
            };
            task.handle.queued.store(false, Ordering::Relaxed);
            let mut context = Context::from_waker(&task.waker);
            if let Poll::Ready(()) = task.future.as_mut().poll(&mut context) {
                self.tasks.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use futures::FutureExt;

    use super::*;

    fn yield_once() -> impl Future<Output = ()> {
        let mut yielded = false;
        std::future::poll_fn(move |context| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            context.waker().wake_by_ref();
            Poll::Pending
        })
    }

    #[test]
    fn tasks_take_turns_in_the_order_of_their_wake_ups() {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let mut executor = Executor::default();
        for name in ["a", "b"] {
            let seen = seen.clone();
            executor.spawn(
                async move {
                    for turn in 0..2 {
                        seen.borrow_mut().push(format!("{name}{turn}"));
                        yield_once().await;
                    }
                }
                .boxed_local(),
            );
        }
        executor.run(|| false);
        assert_eq!(*seen.borrow(), ["a0", "b0", "a1", "b1"]);
        assert!(executor.tasks.is_empty());
    }

    #[test]
    fn a_stop_is_honoured_between_two_polls() {
        let polls = Rc::new(RefCell::new(0));
        let mut executor = Executor::default();
        for _ in 0..3 {
            let polls = polls.clone();
            executor.spawn(async move { *polls.borrow_mut() += 1 }.boxed_local());
        }
        executor.run(|| *polls.borrow() == 2);
        assert_eq!(*polls.borrow(), 2);
    }
}
