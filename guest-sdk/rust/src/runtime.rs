//! What the parts of one run share: operations, signals, conditions, scope.
//!
//! Contexts, futures and the instance hold it by `Rc`; a run lives on one thread.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::panic::Location;
use std::rc::Rc;
use std::task::Waker;

use crate::bindings::mainspring::workflow::info::RunInfo;
use crate::bindings::mainspring::workflow::types;
use crate::builtin::Wait;
use crate::cancellation::WorkflowCancellationToken;
use crate::host;
use crate::operations::Operations;
use crate::payload::Payload;
use crate::running::RunningHandlers;
use crate::signals::SignalBuffers;

/// The shared part of one run.
#[derive(Default)]
pub(crate) struct Runtime {
    pub(crate) operations: Operations,
    pub(crate) signals: SignalBuffers,
    pub(crate) conditions: Conditions,
    /// The scope of the run; cancelled when the run is asked to cancel.
    pub(crate) root: WorkflowCancellationToken,
    /// Handlers that have not returned yet.
    pub(crate) running: RunningHandlers,
    /// What the run says of itself to a person who asks (WF-28).
    pub(crate) current_details: RefCell<String>,
    /// Headers that everything started from now on carries (WF-24).
    pub(crate) propagated: RefCell<BTreeMap<String, Payload>>,
    /// The run changed its memo or its search attributes: `info` is out of date there.
    pub(crate) has_upserts: Cell<bool>,
    info: OnceCell<Rc<RunInfo>>,
}

impl Runtime {
    /// The headers of what is started, as the contract carries them: those of the run
    /// and those given, which come last and so have the last word.
    pub(crate) fn headers(&self, given: Vec<(String, Payload)>) -> Vec<(String, types::Payload)> {
        let propagated = self.propagated.borrow().clone();
        let headers = propagated.into_iter().chain(given);
        headers.map(|(name, value)| (name, value.into())).collect()
    }

    /// What is fixed for the run; asked of the host at the first use.
    pub(crate) fn info(&self) -> &Rc<RunInfo> {
        self.info.get_or_init(|| Rc::new(host::run_info()))
    }

    /// What the run waits for: operations, conditions, signals, in this order.
    pub(crate) fn waits(&self) -> Vec<Wait> {
        let mut waits = self.operations.waits();
        waits.extend(self.conditions.waits());
        waits.extend(self.signals.waits());
        waits
    }
}

/// The waits for a condition on the workflow's state (WF-07).
///
/// A condition is a closure over the state, so nobody can be told when it turns
/// true: all are asked again whenever anything has run, in the order in which
/// they began to wait, until a round makes none of them true.
#[derive(Default)]
pub(crate) struct Conditions {
    waiting: RefCell<Vec<(Waker, &'static Location<'static>)>>,
    met: Cell<u64>,
}

impl Conditions {
    pub(crate) fn wait(&self, waker: &Waker, place: &'static Location<'static>) {
        let mut waiting = self.waiting.borrow_mut();
        let known = |(known, at): &(Waker, &Location<'_>)| known.will_wake(waker) && *at == place;
        if !waiting.iter().any(known) {
            waiting.push((waker.clone(), place));
        }
    }

    fn waits(&self) -> Vec<Wait> {
        let waiting = self.waiting.borrow();
        let wait = |(_, place): &(Waker, &'static Location<'static>)| Wait {
            what: "condition".to_owned(),
            place,
        };
        waiting.iter().map(wait).collect()
    }

    /// Counts a condition that turned true.
    pub(crate) fn note_met(&self) {
        self.met.set(self.met.get() + 1);
    }

    pub(crate) fn met(&self) -> u64 {
        self.met.get()
    }

    /// Wakes all that wait; false if none does.
    pub(crate) fn wake_all(&self) -> bool {
        let waiting = self.waiting.take();
        for (waker, _) in &waiting {
            waker.wake_by_ref();
        }
        !waiting.is_empty()
    }
}
