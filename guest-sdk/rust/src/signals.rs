//! Signals that no handler takes, and the channels that receive them.
//!
//! A signal with a handler goes to the handler. Every other signal is kept under
//! its name, in arrival order, until a [`SignalChannel`] of that name takes it
//! (MSG-01): a signal may come long before the code that waits for it.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;
use std::task::{Poll, Waker};

use futures::FutureExt;
use futures::future::FusedFuture;

use crate::builtin::Wait;
use crate::cancellation::{WorkflowCancellationError, WorkflowCancellationToken};
use crate::logging;
use crate::payload::{FromPayloads, Payload};
use crate::runtime::Runtime;

#[derive(Default)]
struct Buffer {
    arrived: VecDeque<Vec<Payload>>,
    receivers: Vec<(Waker, &'static Location<'static>)>,
}

/// The buffered signals of a run, by name.
#[derive(Default)]
pub(crate) struct SignalBuffers {
    by_name: RefCell<BTreeMap<String, Buffer>>,
}

impl SignalBuffers {
    pub(crate) fn push(&self, name: &str, input: Vec<Payload>) {
        let mut buffers = self.by_name.borrow_mut();
        let buffer = buffers.entry(name.to_owned()).or_default();
        buffer.arrived.push_back(input);
        for (waker, _) in buffer.receivers.drain(..) {
            waker.wake();
        }
    }

    fn take(&self, name: &str) -> Option<Vec<Payload>> {
        self.by_name.borrow_mut().get_mut(name)?.arrived.pop_front()
    }

    /// The receivers that wait, by name.
    pub(crate) fn waits(&self) -> Vec<Wait> {
        let buffers = self.by_name.borrow();
        let mut waits = Vec::new();
        for (name, buffer) in buffers.iter() {
            waits.extend(buffer.receivers.iter().map(|(_, place)| Wait {
                what: format!("signal {name:?}"),
                place,
            }));
        }
        waits
    }

    fn wait(&self, name: &str, waker: &Waker, place: &'static Location<'static>) {
        let mut buffers = self.by_name.borrow_mut();
        let receivers = &mut buffers.entry(name.to_owned()).or_default().receivers;
        if !receivers.iter().any(|(known, _)| known.will_wake(waker)) {
            receivers.push((waker.clone(), place));
        }
    }

    fn len(&self, name: &str) -> usize {
        self.by_name
            .borrow()
            .get(name)
            .map_or(0, |buffer| buffer.arrived.len())
    }
}

/// The signals of one name, in arrival order. Made by
/// [`signal_channel`](crate::BaseWorkflowContext::signal_channel).
///
/// Channels of the same name share one buffer: each signal is received once.
/// Don't declare a handler for the name too; it would take every signal first.
pub struct SignalChannel<T> {
    runtime: Rc<Runtime>,
    token: WorkflowCancellationToken,
    name: String,
    value: PhantomData<fn() -> T>,
}

impl<T: FromPayloads> SignalChannel<T> {
    pub(crate) fn new(
        runtime: Rc<Runtime>,
        token: WorkflowCancellationToken,
        name: String,
    ) -> Self {
        Self {
            runtime,
            token,
            name,
            value: PhantomData,
        }
    }

    /// Waits for the next signal. A signal that is there is received even in a
    /// cancelled scope; otherwise a cancel ends the wait.
    #[track_caller]
    pub fn recv(
        &mut self,
    ) -> impl FusedFuture<Output = Result<T, WorkflowCancellationError>> + Unpin + '_ {
        let place = Location::caller();
        poll_fn(move |context| {
            if let Some(value) = self.try_recv() {
                return Poll::Ready(Ok(value));
            }
            if self.token.is_cancelled() {
                return Poll::Ready(Err(WorkflowCancellationError::of(&self.token)));
            }
            self.token.wake_on_cancel(context.waker());
            self.runtime
                .signals
                .wait(&self.name, context.waker(), place);
            Poll::Pending
        })
        .fuse()
    }

    /// The next signal if one has arrived. One that cannot be decoded is logged
    /// as an error and left out: its sender cannot be told, and it must not stop
    /// the run.
    pub fn try_recv(&mut self) -> Option<T> {
        while let Some(input) = self.runtime.signals.take(&self.name) {
            match T::from_payloads(&input) {
                Ok(value) => return Some(value),
                Err(error) => log_dropped(&self.name, &error),
            }
        }
        None
    }

    /// How many signals wait to be received.
    pub fn len(&self) -> usize {
        self.runtime.signals.len(&self.name)
    }

    /// Whether no signal waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

pub(crate) fn log_dropped(name: &str, error: &dyn std::fmt::Display) {
    logging::error(format!("signal {name:?} was dropped: {error}"));
}
