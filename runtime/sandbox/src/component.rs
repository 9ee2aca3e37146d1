//! Compiled code, ready to be instantiated.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mainspring_engine::ids::Digest;
use mainspring_engine::session::{GuestFault, Session};
use parking_lot::Mutex;
use wasmtime::Store;

use crate::bindings::WorkflowPre;
use crate::description::{ComponentDescription, World};
use crate::host::Host;
use crate::instance::{Fault, Instance, drive, fault_of, overrun};
use crate::sandbox::Shared;

/// There is no room for one more instance at the moment: evict one and try again.
#[derive(Debug, thiserror::Error)]
#[error("no room for another workflow instance: {0}")]
pub struct Crowded(pub(crate) String);

/// A compiled component. Cheap to clone.
#[derive(Clone)]
pub struct Component {
    inner: Arc<Inner>,
}

struct Inner {
    digest: Digest,
    description: ComponentDescription,
    pre: WorkflowPre<Host>,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Component")
            .field("digest", &self.inner.digest)
            .finish_non_exhaustive()
    }
}

impl Component {
    pub(crate) fn new(
        digest: Digest,
        description: ComponentDescription,
        pre: WorkflowPre<Host>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                digest,
                description,
                pre,
                shared,
            }),
        }
    }

    /// The digest of its bytes.
    pub fn digest(&self) -> Digest {
        self.inner.digest
    }

    /// What it exports.
    pub fn description(&self) -> &ComponentDescription {
        &self.inner.description
    }

    /// A fresh instance for one run; its `run` begins with the first
    /// [`Instance::advance`].
    pub fn instantiate(&self, session: Session) -> Result<Instance, Crowded> {
        let session = Arc::new(Mutex::new(session));
        let waiting = Arc::new(AtomicBool::new(false));
        let shared = self.inner.shared.clone();
        let host = Host::of_run(session.clone(), waiting.clone(), &shared);
        match instantiate(&self.inner.pre, &shared, host) {
            Ok((store, world)) => Ok(Instance::new(shared, store, world, session, waiting)),
            Err(NotStarted::Crowded(why)) => Err(Crowded(why)),
            Err(NotStarted::Failed(fault)) => Ok(Instance::dead(shared, fault, session, waiting)),
        }
    }
}

/// Why there is no instance.
pub(crate) enum NotStarted {
    /// No room at the moment.
    Crowded(String),
    /// Its own start failed, and would again.
    Failed(Fault),
}

/// Makes a store and an instance in it. What code runs at instantiation (memory
/// initialisation) cannot wait for anything, so it is driven to its end here.
pub(crate) fn instantiate(
    pre: &WorkflowPre<Host>,
    shared: &Shared,
    host: Host,
) -> Result<(Store<Host>, World), NotStarted> {
    let mut store = Store::new(shared.engine(), host);
    store.limiter(|host| host.limiter());
    store.set_hostcall_fuel(shared.limits().call_bytes);
    store.epoch_deadline_callback(|_| Ok(wasmtime::UpdateDeadline::Yield(1)));
    store.set_epoch_deadline(1);
    let _running = shared.run();
    let world = drive(pre.instantiate_async(&mut store), shared.event_cpu());
    match world {
        Some(Ok(world)) => Ok((store, world)),
        Some(Err(error)) if failed_by_itself(&error) => {
            let said = store.data().last_error();
            Err(NotStarted::Failed(fault_of(&error, said, shared)))
        }
        Some(Err(error)) => Err(NotStarted::Crowded(format!("{error:#}"))),
        None => Err(NotStarted::Failed(overrun(shared.event_cpu()))),
    }
}

/// The code trapped or broke a rule, as opposed to a full pool.
fn failed_by_itself(error: &wasmtime::Error) -> bool {
    error.is::<wasmtime::Trap>() || error.is::<GuestFault>()
}
