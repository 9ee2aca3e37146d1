//! Waiting for several futures, in an order that replay repeats (WF-08).
//!
//! [`join!`](crate::join) and [`select!`](crate::select) poll in declaration
//! order; [`join_all`] polls those that were woken, lowest index first. Other
//! combinators of the `futures` crate are fine too where their order is fixed;
//! avoid `futures::select!`, which picks at random.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Waits for all futures and gives their results as a tuple.
///
/// ```
/// # use mainspring_workflow::*;
/// # const INVOICE: Activity<String, u64> = Activity::new("GenerateInvoice");
/// # async fn part<W>(ctx: &WorkflowContext<W>, options: &ActivityOptions) -> WorkflowResult<u64> {
/// let (left, right) = join!(
///     ctx.execute_activity(INVOICE, "left", options),
///     ctx.execute_activity(INVOICE, "right", options),
/// );
/// Ok(left? + right?)
/// # }
/// ```
#[macro_export]
macro_rules! join {
    ($($tokens:tt)*) => { $crate::__private::futures::join!($($tokens)*) };
}

/// Waits for the first of several futures; if several are ready, the one declared
/// first wins. The others are dropped, which cancels nothing.
///
/// ```
/// # use std::time::Duration;
/// # use mainspring_workflow::*;
/// # async fn part<W>(ctx: &WorkflowContext<W>) -> &'static str {
/// select! {
///     _ = ctx.timer(Duration::from_secs(60)) => "too late",
///     _ = ctx.cancelled() => "not wanted any more",
/// }
/// # }
/// ```
#[macro_export]
macro_rules! select {
    ($($tokens:tt)*) => { $crate::__private::futures::select_biased! { $($tokens)* } };
}

/// Which children of a [`JoinAll`] were woken, and who waits for all of them.
#[derive(Default)]
struct Woken {
    children: Mutex<(BTreeSet<usize>, Option<Waker>)>,
}

struct ChildWaker {
    index: usize,
    woken: Arc<Woken>,
}

impl Wake for ChildWaker {
    fn wake(self: Arc<Self>) {
        let mut children = self
            .woken
            .children
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        children.0.insert(self.index);
        if let Some(parent) = children.1.take() {
            parent.wake();
        }
    }
}

enum Child<F: Future> {
    Running(Pin<Box<F>>, Waker),
    Done(Option<F::Output>),
}

/// The future of [`join_all`].
#[must_use = "futures do nothing unless awaited"]
pub struct JoinAll<F: Future> {
    children: Vec<Child<F>>,
    running: usize,
    woken: Arc<Woken>,
}

/// Waits for all futures and gives their results in the same order. Only those
/// that were woken are polled again, so ten thousand activities are no burden.
pub fn join_all<I>(futures: I) -> JoinAll<I::Item>
where
    I: IntoIterator,
    I::Item: Future,
{
    let woken = Arc::new(Woken::default());
    let children: Vec<_> = futures
        .into_iter()
        .enumerate()
        .map(|(index, future)| {
            let waker = Waker::from(Arc::new(ChildWaker {
                index,
                woken: woken.clone(),
            }));
            Child::Running(Box::pin(future), waker)
        })
        .collect();
    woken
        .children
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .0 = (0..children.len()).collect();
    JoinAll {
        running: children.len(),
        children,
        woken,
    }
}

// The futures are boxed and never move; the results are plain values.
impl<F: Future> Unpin for JoinAll<F> {}

impl<F: Future> Future for JoinAll<F> {
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            let next = {
                let mut woken = this
                    .woken
                    .children
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                woken.1 = Some(context.waker().clone());
                woken.0.pop_first()
            };
            let Some(index) = next else { break };
            let Some(child) = this.children.get_mut(index) else {
                continue;
            };
            if let Child::Running(future, waker) = child
                && let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(waker))
            {
                *child = Child::Done(Some(output));
                this.running -= 1;
            }
        }
        if this.running > 0 {
            return Poll::Pending;
        }
        let outputs = this.children.drain(..).filter_map(|child| match child {
            Child::Done(output) => output,
            Child::Running(..) => None,
        });
        Poll::Ready(outputs.collect())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use futures::FutureExt;
    use futures::channel::oneshot;

    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_futures_whatever_finished_first() {
        let (first_sender, first) = oneshot::channel();
        let (second_sender, second) = oneshot::channel();
        let mut all = join_all([first, second]);
        assert!((&mut all).now_or_never().is_none());
        second_sender.send("second").unwrap();
        assert!((&mut all).now_or_never().is_none());
        first_sender.send("first").unwrap();
        let results = (&mut all).now_or_never().unwrap();
        assert_eq!(
            results.into_iter().map(Result::unwrap).collect::<Vec<_>>(),
            ["first", "second"]
        );
    }

    #[test]
    fn only_woken_futures_are_polled_again() {
        let polls = Rc::new(RefCell::new(Vec::new()));
        let (sender, receiver) = oneshot::channel::<()>();
        let mut receiver = Some(receiver);
        let children = (0..3).map(|index| {
            let polls = polls.clone();
            let mut receiver = if index == 1 { receiver.take() } else { None };
            std::future::poll_fn(move |context| {
                polls.borrow_mut().push(index);
                match receiver.as_mut() {
                    Some(receiver) => receiver.poll_unpin(context).map(drop),
                    None => Poll::Pending,
                }
            })
        });
        let mut all = join_all(children.collect::<Vec<_>>());
        assert!((&mut all).now_or_never().is_none());
        sender.send(()).unwrap();
        assert!((&mut all).now_or_never().is_none());
        assert_eq!(*polls.borrow(), [0, 1, 2, 1]);
    }

    #[test]
    fn nothing_to_wait_for_is_done_at_once() {
        assert!(
            join_all(Vec::<std::future::Ready<()>>::new())
                .now_or_never()
                .unwrap()
                .is_empty()
        );
    }
}
