//! The server: everything between the front door and the disk.
//!
//! [`Server`] takes parsed requests. What concerns one workflow ID goes to its
//! [`mailbox`], where an [`actor`] works it off with the engine's rules and the
//! workflow's code, and commits it through the [`commit`] pipeline. [`matching`]
//! brings tasks and polls together, [`alarm`] wakes what is due, [`watch`] holds
//! the long polls. Time and randomness come from [`outside`].

mod activities;
mod actor;
mod alarm;
mod commit;
mod components;
mod core;
mod describe;
mod error;
mod mailbox;
mod matching;
mod namespaces;
mod outbox;
pub mod outside;
mod remains;
mod request;
mod residents;
mod retention;
mod search_attributes;
mod task;
mod token;
mod turns;
mod updates;
mod watch;
mod workflows;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use mainspring_engine::ids::{Namespace, TaskQueue};
use mainspring_engine::limits::Limits;
use mainspring_engine::time::Timestamp;
use mainspring_sandbox::Sandbox;
use mainspring_store::Store;
use mainspring_store::components::ComponentUse;
use mainspring_store::namespaces::NamespaceRow;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::alarm::Alarms;
use self::commit::Committer;
use self::components::Components;
use self::core::Core;
pub use self::core::Options;
pub use self::describe::{PendingTask, WorkflowDescription};
pub use self::error::ServerError;
use self::mailbox::Mailboxes;
use self::mailbox::message::Message;
use self::matching::Matching;
use self::matching::queue::Match;
use self::namespaces::Namespaces;
pub use self::namespaces::{DEFAULT_RETENTION, RegisterNamespace};
use self::outbox::Outbox;
use self::outside::{Clock, Entropy};
pub use self::request::*;
use self::residents::Residents;
pub use self::search_attributes::NamespaceAttributes;
use self::search_attributes::SearchAttributes;
pub use self::task::ActivityTask;
use self::turns::Turns;
pub use self::updates::{UpdateState, WithStartError};
use self::watch::Watchers;

/// What a server takes from outside.
#[derive(Debug)]
pub struct Parts {
    /// Durable state.
    pub store: Arc<dyn Store>,
    /// Where workflow code runs.
    pub sandbox: Sandbox,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The limits in force.
    pub limits: Limits,
    /// The rest.
    pub options: Options,
}

/// A running server. Cheap to clone.
#[derive(Clone)]
pub struct Server {
    core: Arc<Core>,
    tasks: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl Server {
    /// Opens a server over a store. Open runs are looked at as they become due;
    /// what an earlier process left unfinished is due at once.
    pub async fn open(parts: Parts) -> Result<Self, ServerError> {
        let Parts {
            store,
            sandbox,
            clock,
            entropy,
            limits,
            options,
        } = parts;
        let limits = Arc::new(limits);
        let namespaces = Namespaces::open(store.clone()).await?;
        let search_attributes = SearchAttributes::open(store.clone()).await?;
        for namespace in namespaces.all() {
            search_attributes.prepare(&namespace.name).await?;
        }
        let components = Components::open(store.clone(), sandbox).await?;
        let at_work = Arc::new(AtomicUsize::new(0));
        let (committer, commits) =
            Committer::start(store.clone(), limits.commit_queue, at_work.clone());
        let core = Arc::new_cyclic(|this: &std::sync::Weak<Core>| {
            let confirming = this.clone();
            let confirm = Arc::new(move |pair: Match| confirm(&confirming, pair));
            Core {
                committer,
                mailboxes: Mailboxes::new(limits.mailbox_messages, at_work),
                matching: Matching::new(store.clone(), clock.clone(), limits.clone(), confirm),
                alarms: Alarms::default(),
                watchers: Watchers::default(),
                outbox: Outbox::new(this.clone(), limits.letters_in_memory),
                residents: Residents::new(limits.live_instances, limits.instance_idle),
                turns: Turns::new(&options, clock.clone()),
                components,
                namespaces,
                search_attributes,
                store,
                clock,
                entropy,
                limits,
                options,
                remains: Notify::new(),
                stop: CancellationToken::new(),
                this: this.clone(),
            }
        });
        let ringing = core.clone();
        let alarms = tokio::spawn(core.alarms.clone().run(
            core.store.clone(),
            core.clock.clone(),
            core.stop.clone(),
            move |key| ringing.post(key, Message::Wake).is_ok(),
        ));
        let evicting = core.clone();
        let idle = tokio::spawn(core.residents.clone().run(
            core.clock.clone(),
            core.stop.clone(),
            // A full mailbox is at work: its run is not idle.
            move |key| drop(evicting.post(key, Message::Evict)),
        ));
        let letters = tokio::spawn(core.outbox.clone().run(
            core.store.clone(),
            core.clock.clone(),
            core.stop.clone(),
        ));
        let retention = tokio::spawn(retention::run(core.clone()));
        let remains = tokio::spawn(remains::run(core.clone()));
        let tasks = vec![commits, alarms, idle, letters, retention, remains];
        Ok(Self {
            core,
            tasks: Arc::new(Mutex::new(tasks)),
        })
    }

    /// Stops taking work, answers every waiting poll, finishes the steps under
    /// way and closes the store. What was acknowledged is durable already.
    pub async fn shutdown(&self) -> Result<(), ServerError> {
        self.begin_shutdown();
        self.core.mailboxes.quiet().await;
        self.core.committer.close();
        self.core.store.close().await?;
        self.abandon();
        Ok(())
    }

    /// Drops what is in memory and stops its tasks, without a word to anybody: what
    /// the end of the process does. Call nothing afterwards.
    pub fn abandon(&self) {
        for task in self.tasks.lock().drain(..) {
            task.abort();
        }
        self.core.mailboxes.clear();
    }

    /// Answers every waiting poll and refuses what comes from now on.
    pub fn begin_shutdown(&self) {
        self.core.stop.cancel();
        self.core.matching.dismiss_all();
    }

    /// Whether a shutdown has begun.
    pub fn is_shutting_down(&self) -> bool {
        self.core.stop.is_cancelled()
    }

    /// Resolves when a shutdown begins.
    pub fn shutdown_notified(&self) -> impl Future<Output = ()> + Send + 'static {
        self.core.stop.clone().cancelled_owned()
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.core.limits
    }

    /// The time, as the server sees it.
    pub fn now(&self) -> Timestamp {
        self.core.clock.now()
    }

    /// A random UUID, for requests that came without an ID.
    pub fn new_request_id(&self) -> String {
        self.core.entropy.uuid().to_string()
    }

    // ---- namespaces -------------------------------------------------------

    /// All namespaces, by name.
    pub fn namespaces(&self) -> Vec<NamespaceRow> {
        self.core.namespaces.all()
    }

    /// One namespace.
    pub fn namespace(&self, name: &Namespace) -> Result<NamespaceRow, ServerError> {
        self.core.namespaces.get(name)
    }

    /// Registers a namespace.
    pub async fn register_namespace(&self, request: RegisterNamespace) -> Result<(), ServerError> {
        let (clock, entropy) = (&*self.core.clock, &*self.core.entropy);
        let name = request.name.clone();
        let namespaces = &self.core.namespaces;
        namespaces.register(request, clock, entropy).await?;
        self.core.search_attributes.prepare(&name).await
    }

    // ---- task queues ------------------------------------------------------

    /// What a description shows of a task queue. Workflow queues have no backlog:
    /// the server runs workflow code itself.
    pub async fn describe_task_queue(
        &self,
        namespace: &Namespace,
        queue: &TaskQueue,
        is_activity_queue: bool,
    ) -> Result<TaskQueueDescription, ServerError> {
        self.core.namespaces.check(namespace)?;
        if is_activity_queue {
            return self.core.matching.describe(namespace, queue).await;
        }
        Ok(TaskQueueDescription {
            pollers: self
                .core
                .matching
                .pollers(namespace, &activities::workflow_queue(queue)),
            backlog_count: 0,
            backlog_age: std::time::Duration::ZERO,
        })
    }

    // ---- components -------------------------------------------------------

    /// Checks a component file as an upload would.
    pub async fn check_component(
        &self,
        upload: UploadComponent,
    ) -> Result<UploadedComponent, ServerError> {
        self.core.namespaces.check(&upload.namespace)?;
        self.core.components.check(upload, &*self.core.clock).await
    }

    /// Stores a component file and makes it the current version of its name.
    pub async fn upload_component(
        &self,
        upload: UploadComponent,
    ) -> Result<UploadedComponent, ServerError> {
        self.core.namespaces.check(&upload.namespace)?;
        self.core.components.upload(upload, &*self.core.clock).await
    }

    /// The component versions of a namespace, newest first.
    pub fn list_components(
        &self,
        namespace: &Namespace,
        name: Option<&str>,
    ) -> Result<Vec<ComponentVersion>, ServerError> {
        self.core.namespaces.check(namespace)?;
        Ok(self.core.components.list(namespace, name))
    }

    /// One version (an empty label: the current one) and the runs on it.
    pub async fn describe_component(
        &self,
        namespace: &Namespace,
        name: &str,
        version: &str,
    ) -> Result<(ComponentVersion, ComponentUse), ServerError> {
        self.core.namespaces.check(namespace)?;
        let version = self.core.components.get(namespace, name, version)?;
        let usage = self.core.components.usage(&version).await?;
        Ok((version, usage))
    }

    /// The bytes of a version, as they were uploaded.
    pub async fn component_bytes(
        &self,
        namespace: &Namespace,
        name: &str,
        version: &str,
    ) -> Result<(ComponentVersion, Vec<u8>), ServerError> {
        self.core.namespaces.check(namespace)?;
        let version = self.core.components.get(namespace, name, version)?;
        let bytes = self.core.components.bytes(&version).await?;
        Ok((version, bytes))
    }

    /// Deletes a version that nothing uses.
    pub async fn delete_component(
        &self,
        namespace: &Namespace,
        name: &str,
        version: &str,
    ) -> Result<(), ServerError> {
        self.core.namespaces.check(namespace)?;
        let components = &self.core.components;
        components.delete(namespace, name, version).await
    }
}

/// A task and a poll have met: the task's mailbox has the last word.
fn confirm(core: &std::sync::Weak<Core>, pair: Match) -> Result<(), Box<Match>> {
    let Some(core) = core.upgrade() else {
        return Err(Box::new(pair));
    };
    let key = pair.task.key.clone();
    match core.post(&key, Message::Dispatch(pair)) {
        Ok(()) => Ok(()),
        Err(mailbox::Full(message)) => match *message {
            Message::Dispatch(pair) => Err(Box::new(pair)),
            // A mailbox gives back the message that it was given.
            _ => Ok(()),
        },
    }
}
