//! Cancellation tokens and the scopes made of them (WF-09).
//!
//! A token is cancelled once, with the first reason given. What hangs on it,
//! child tokens and operations, is told in the order in which it was attached;
//! a child never tells its parent. Every context carries a token, and what is
//! started through the context hangs on it: that is a scope. The scope of the
//! run itself is cancelled when somebody asks the run to cancel.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};

use futures::FutureExt;
use futures::future::FusedFuture;

type Callback = Box<dyn FnOnce(&str)>;

#[derive(Default)]
struct State {
    reason: RefCell<Option<String>>,
    wakers: RefCell<Vec<Waker>>,
    next_callback: Cell<u64>,
    callbacks: RefCell<BTreeMap<u64, Callback>>,
    /// Detaches this token from its parent when it is dropped.
    parent: RefCell<Option<Registration>>,
}

impl State {
    fn cancel(&self, reason: &str) {
        if self.reason.borrow().is_some() {
            return;
        }
        *self.reason.borrow_mut() = Some(reason.to_owned());
        for waker in self.wakers.take() {
            waker.wake();
        }
        for callback in self.callbacks.take().into_values() {
            callback(reason);
        }
    }
}

/// Says that a wait or a group of operations should stop.
///
/// ```
/// use mainspring_workflow::WorkflowCancellationToken;
///
/// let scope = WorkflowCancellationToken::new();
/// let inner = scope.child_token();
/// scope.cancel_with_reason("too late");
/// assert_eq!(inner.reason().as_deref(), Some("too late"));
/// ```
#[derive(Clone, Default)]
pub struct WorkflowCancellationToken {
    state: Rc<State>,
}

impl std::fmt::Debug for WorkflowCancellationToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("WorkflowCancellationToken")
            .field("reason", &*self.state.reason.borrow())
            .finish()
    }
}

impl WorkflowCancellationToken {
    /// A token of its own: no cancel of the run reaches it. What is started
    /// under it is shielded, as cleanup must be.
    pub fn new() -> Self {
        Self::default()
    }

    /// A token that is cancelled when this one is.
    pub fn child_token(&self) -> Self {
        let child = Self::new();
        let state = Rc::downgrade(&child.state);
        let registration = self.on_cancel(Box::new(move |reason| {
            if let Some(state) = state.upgrade() {
                state.cancel(reason);
            }
        }));
        *child.state.parent.borrow_mut() = Some(registration);
        child
    }

    /// Cancels this token and everything that hangs on it, without a reason.
    pub fn cancel(&self) {
        self.state.cancel("");
    }

    /// Cancels this token and everything that hangs on it.
    pub fn cancel_with_reason(&self, reason: impl AsRef<str>) {
        self.state.cancel(reason.as_ref());
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.state.reason.borrow().is_some()
    }

    /// The first reason given; absent while it is not cancelled, or if there
    /// was none.
    pub fn reason(&self) -> Option<String> {
        self.state
            .reason
            .borrow()
            .clone()
            .filter(|reason| !reason.is_empty())
    }

    /// Resolves when this token is cancelled.
    pub fn cancelled(&self) -> impl FusedFuture<Output = ()> + Unpin + use<> {
        let token = self.clone();
        poll_fn(move |context| {
            if token.is_cancelled() {
                return Poll::Ready(());
            }
            token.wake_on_cancel(context.waker());
            Poll::Pending
        })
        .fuse()
    }

    pub(crate) fn wake_on_cancel(&self, waker: &Waker) {
        let mut wakers = self.state.wakers.borrow_mut();
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    /// Calls back once, at the cancel; at once if that is already past. Dropping
    /// the registration withdraws it.
    pub(crate) fn on_cancel(&self, callback: Callback) -> Registration {
        let reason = self.state.reason.borrow().clone();
        if let Some(reason) = reason {
            callback(&reason);
            return Registration::default();
        }
        let id = self.state.next_callback.get();
        self.state.next_callback.set(id + 1);
        self.state.callbacks.borrow_mut().insert(id, callback);
        Registration {
            token: Rc::downgrade(&self.state),
            id,
        }
    }
}

#[derive(Default)]
pub(crate) struct Registration {
    token: Weak<State>,
    id: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(state) = self.token.upgrade() {
            // Taken out first: a callback may own another registration of this
            // token, whose drop borrows the map again.
            let callback = state.callbacks.borrow_mut().remove(&self.id);
            drop(callback);
        }
    }
}

/// A wait ended because its token was cancelled. Returned from `run` it closes
/// the run as cancelled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the wait was cancelled{}", .reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
pub struct WorkflowCancellationError {
    reason: Option<String>,
}

impl WorkflowCancellationError {
    pub(crate) fn of(token: &WorkflowCancellationToken) -> Self {
        Self {
            reason: token.reason(),
        }
    }

    /// Why, if the cancel said.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
}

/// A future of an operation that can be asked to stop.
///
/// Dropping such a future cancels nothing: the operation goes on and its answer
/// is thrown away. Cancel it, or the token that it hangs on, to stop it.
pub trait CancellableFuture: FusedFuture {
    /// Asks the operation to stop. How it then resolves depends on its kind.
    fn cancel(&self);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancel_goes_down_and_never_up_and_the_first_reason_holds() {
        let parent = WorkflowCancellationToken::new();
        let child = parent.child_token();
        child.cancel_with_reason("child");
        assert!(!parent.is_cancelled());
        parent.cancel_with_reason("parent");
        assert_eq!(child.reason().as_deref(), Some("child"));
        assert_eq!(parent.child_token().reason().as_deref(), Some("parent"));
    }

    #[test]
    fn callbacks_run_in_the_order_of_attachment_and_dropped_ones_not_at_all() {
        let token = WorkflowCancellationToken::new();
        let heard = Rc::new(RefCell::new(Vec::new()));
        let attach = |name: &'static str| {
            let heard = heard.clone();
            token.on_cancel(Box::new(move |_| heard.borrow_mut().push(name)))
        };
        let _first = attach("first");
        drop(attach("dropped"));
        let _last = attach("last");
        token.cancel();
        token.cancel();
        assert_eq!(*heard.borrow(), ["first", "last"]);
        let _late = attach("late");
        assert_eq!(*heard.borrow(), ["first", "last", "late"]);
    }

    #[test]
    fn a_dropped_child_leaves_nothing_in_its_parent() {
        let parent = WorkflowCancellationToken::new();
        drop(parent.child_token());
        assert!(parent.state.callbacks.borrow().is_empty());
    }
}
