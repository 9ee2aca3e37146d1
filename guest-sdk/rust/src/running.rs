//! Handlers at work: async signal and update handlers that have not returned
//! (MSG-06, MSG-07).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// What a handler answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Signal,
    Update,
}

struct Handler {
    kind: Kind,
    name: String,
    /// The update's ID.
    id: String,
    warns: bool,
}

impl std::fmt::Display for Handler {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            Kind::Signal => write!(formatter, "signal {:?}", self.name),
            Kind::Update => write!(formatter, "update {:?} (ID {})", self.name, self.id),
        }
    }
}

/// The handlers at work, in the order in which they began.
#[derive(Default)]
pub(crate) struct RunningHandlers {
    handlers: RefCell<BTreeMap<u64, Handler>>,
    next: Cell<u64>,
}

impl RunningHandlers {
    /// A handler begins; `warns`: it should finish before the run ends.
    pub(crate) fn begin(&self, kind: Kind, name: &str, id: &str, warns: bool) -> u64 {
        let number = self.next.get();
        self.next.set(number + 1);
        let handler = Handler {
            kind,
            name: name.to_owned(),
            id: id.to_owned(),
            warns,
        };
        self.handlers.borrow_mut().insert(number, handler);
        number
    }

    pub(crate) fn end(&self, number: u64) {
        self.handlers.borrow_mut().remove(&number);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.handlers.borrow().is_empty()
    }

    /// A line for each.
    pub(crate) fn list(&self) -> Vec<String> {
        let handlers = self.handlers.borrow();
        handlers.values().map(ToString::to_string).collect()
    }

    /// What to say if the run ended now; nothing if all is well.
    pub(crate) fn warning(&self) -> Option<String> {
        let handlers = self.handlers.borrow();
        let unfinished: Vec<_> = handlers
            .values()
            .filter(|handler| handler.warns)
            .map(ToString::to_string)
            .collect();
        let (count, list) = (unfinished.len(), unfinished.join(", "));
        (count > 0).then(|| {
            format!(
                "the run ends while {count} handlers are still at work: {list}; \
                 wait for all_handlers_finished, or mark them unfinished_policy = \"abandon\""
            )
        })
    }
}
