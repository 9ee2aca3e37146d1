//! The operations that a run has open, by handle.
//!
//! An operation is started by a host call that returns its handle, hangs on a
//! cancellation token, and is answered by one event. Its future shares a slot
//! with this table; a future that was dropped leaves the slot behind, so that
//! the answer still has a place and the token still reaches the operation.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::Location;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::bindings::mainspring::workflow::types::Outcome;
use crate::builtin::Wait;
use crate::cancellation::{Registration, WorkflowCancellationToken};
use crate::host::{self, Handle};

/// Where the answer of one operation arrives.
#[derive(Default)]
struct Slot {
    outcome: RefCell<Option<Outcome>>,
    /// The run of a child that has started.
    started: RefCell<Option<String>>,
    wakers: RefCell<Vec<Waker>>,
    answered: Cell<bool>,
    cancel_sent: Cell<bool>,
}

impl Slot {
    fn wake(&self) {
        for waker in self.wakers.take() {
            waker.wake();
        }
    }

    fn wait(&self, context: &Context<'_>) {
        let mut wakers = self.wakers.borrow_mut();
        if !wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            wakers.push(context.waker().clone());
        }
    }

    /// Tells the host once, and only while there is something to cancel.
    fn cancel(&self, handle: Handle, reason: &str) {
        if !self.answered.get() && !self.cancel_sent.replace(true) {
            host::cancel(handle, reason);
        }
    }
}

struct Open {
    slot: Rc<Slot>,
    /// What it is, and where it was started.
    what: String,
    place: &'static Location<'static>,
    /// Held for its drop: an answered operation leaves its token.
    _registration: Registration,
}

/// The open operations of a run.
#[derive(Default)]
pub(crate) struct Operations {
    open: RefCell<BTreeMap<Handle, Open>>,
}

impl Operations {
    /// Takes in an operation that was just started.
    #[track_caller]
    pub(crate) fn add(
        &self,
        handle: Handle,
        token: &WorkflowCancellationToken,
        what: String,
    ) -> Operation {
        let place = Location::caller();
        let slot = Rc::new(Slot::default());
        let cancelled = slot.clone();
        let registration =
            token.on_cancel(Box::new(move |reason| cancelled.cancel(handle, reason)));
        let open = Open {
            slot: slot.clone(),
            what,
            place,
            _registration: registration,
        };
        self.open.borrow_mut().insert(handle, open);
        Operation { handle, slot }
    }

    /// The open operations, in the order in which they were started.
    pub(crate) fn waits(&self) -> Vec<Wait> {
        let open = self.open.borrow();
        let wait = |(handle, open): (&Handle, &Open)| Wait {
            what: format!("{} (operation {handle})", open.what),
            place: open.place,
        };
        open.iter().map(wait).collect()
    }

    /// Hands an answer to its future. False if no operation has this handle.
    pub(crate) fn resolve(&self, handle: Handle, outcome: Outcome) -> bool {
        let Some(open) = self.open.borrow_mut().remove(&handle) else {
            return false;
        };
        open.slot.answered.set(true);
        *open.slot.outcome.borrow_mut() = Some(outcome);
        open.slot.wake();
        true
    }

    /// Tells who waits for a child that it has started. False if no operation has
    /// this handle.
    pub(crate) fn start(&self, handle: Handle, run_id: String) -> bool {
        let open = self.open.borrow();
        let Some(open) = open.get(&handle) else {
            return false;
        };
        *open.slot.started.borrow_mut() = Some(run_id);
        open.slot.wake();
        true
    }
}

/// The future's side of one operation.
pub(crate) struct Operation {
    handle: Handle,
    slot: Rc<Slot>,
}

impl Operation {
    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<Outcome> {
        if let Some(outcome) = self.slot.outcome.take() {
            return Poll::Ready(outcome);
        }
        *self.slot.wakers.borrow_mut() = vec![context.waker().clone()];
        Poll::Pending
    }

    /// The answer, left in place for others who wait for it.
    pub(crate) fn poll_shared(&self, context: &Context<'_>) -> Poll<Outcome> {
        if let Some(outcome) = &*self.slot.outcome.borrow() {
            return Poll::Ready(outcome.clone());
        }
        self.slot.wait(context);
        Poll::Pending
    }

    /// The run of a child, or the answer if it never started.
    pub(crate) fn poll_started(&self, context: &Context<'_>) -> Poll<Result<String, Outcome>> {
        if let Some(run_id) = &*self.slot.started.borrow() {
            return Poll::Ready(Ok(run_id.clone()));
        }
        self.poll_shared(context).map(Err)
    }

    pub(crate) fn handle(&self) -> Handle {
        self.handle
    }

    pub(crate) fn cancel(&self, reason: &str) {
        self.slot.cancel(self.handle, reason);
    }
}
