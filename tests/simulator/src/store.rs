//! A store in memory that fails and dies when it is told to, and that notes what it
//! was given and must not be.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mainspring_engine::ids::{Digest, Namespace, RunId, TaskQueue, WorkflowId, WorkflowKey};
use mainspring_engine::search::AttributeType;
use mainspring_engine::time::Timestamp;
use mainspring_engine::transition::{
    ActivityRow, EventBatch, LetterStage, OutboxRow, RunImage, VisibilityRow, Write,
};
use mainspring_store::components::{ComponentStore, ComponentUse, ComponentVersionRow};
use mainspring_store::namespaces::{NamespaceRow, NamespaceStore};
use mainspring_store::search_attributes::{Properties, SearchAttributeRow, SearchAttributeStore};
use mainspring_store::visibility::{
    CustomAttribute, Filter, ListPosition, ListRequest, ListedRun, VisibilityStore,
};
use mainspring_store::{
    ClosedRun, DueRun, HistoryRange, QueuePosition, QueuedTask, Store, StoreError, StoreFuture,
    WriteOutcome,
};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;
use tokio::sync::Notify;

use crate::plan::Fault;
use crate::rows::Rows;

/// What is registered in every world.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    namespaces: Vec<NamespaceRow>,
    versions: Vec<ComponentVersionRow>,
    search_attributes: Vec<SearchAttributeRow>,
    blobs: HashMap<Digest, Arc<Vec<u8>>>,
}

/// The disk of a world. It outlives the servers that die on it.
#[derive(Debug)]
pub struct ModelStore {
    shelf: Mutex<Shelf>,
    rows: Mutex<Rows>,
    disk: Mutex<Disk>,
    /// The server has to die now.
    pub killed: Notify,
}

#[derive(Debug)]
struct Disk {
    commits: u64,
    faults: Vec<Fault>,
    random: StdRng,
    /// The first thing that was written and must not be.
    broken: Option<String>,
}

impl ModelStore {
    /// A store with nothing but what is on the shelf.
    pub fn new(shelf: Shelf, faults: Vec<Fault>, seed: u64) -> Self {
        Self {
            shelf: Mutex::new(shelf),
            rows: Mutex::default(),
            disk: Mutex::new(Disk {
                commits: 0,
                faults,
                random: StdRng::seed_from_u64(seed),
                broken: None,
            }),
            killed: Notify::new(),
        }
    }

    /// What is registered.
    pub fn shelf(&self) -> Shelf {
        self.shelf.lock().clone()
    }

    /// Looks at the rows.
    pub fn look<T>(&self, look: impl FnOnce(&Rows) -> T) -> T {
        look(&self.rows.lock())
    }

    /// The first thing that was written and must not be.
    pub fn broken(&self) -> Option<String> {
        self.disk.lock().broken.clone()
    }

    /// The fault of the next commit, and how long it takes.
    fn next_commit(&self) -> (Option<Fault>, Duration) {
        let mut disk = self.disk.lock();
        let number = disk.commits;
        disk.commits += 1;
        let fault = disk
            .faults
            .iter()
            .find(|fault| fault.commit == number)
            .copied();
        let length = Duration::from_millis(disk.random.random_range(0..4));
        (fault, length)
    }

    fn write(&self, writes: &[Write]) -> Vec<WriteOutcome> {
        let mut rows = self.rows.lock();
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            if !rows.guards_hold(write) {
                outcomes.push(WriteOutcome::Conflict);
                continue;
            }
            if let Err(what) = rows.write(write) {
                self.disk.lock().broken.get_or_insert(what);
            }
            outcomes.push(WriteOutcome::Applied);
        }
        outcomes
    }
}

fn ready<T: Send + 'static>(value: T) -> StoreFuture<'static, T> {
    Box::pin(std::future::ready(Ok(value)))
}

impl Store for ModelStore {
    fn commit<'a>(&'a self, writes: &'a [Write]) -> StoreFuture<'a, Vec<WriteOutcome>> {
        Box::pin(async move {
            let (fault, length) = self.next_commit();
            tokio::time::sleep(length).await;
            let Some(fault) = fault else {
                return Ok(self.write(writes));
            };
            if fault.written {
                self.write(writes);
            }
            if fault.kills {
                self.killed.notify_one();
                never().await;
            }
            Err(StoreError::Unavailable {
                reason: "the simulated disk has failed".to_owned(),
            })
        })
    }

    fn current_run<'a>(&'a self, key: &'a WorkflowKey) -> StoreFuture<'a, Option<RunId>> {
        ready(self.rows.lock().current.get(key).copied())
    }

    fn load_run<'a>(
        &'a self,
        key: &'a WorkflowKey,
        run_id: RunId,
    ) -> StoreFuture<'a, Option<RunImage>> {
        let rows = self.rows.lock();
        let row = rows.runs.get(&run_id).filter(|row| row.key == *key);
        ready(row.map(|row| rows.image(row)))
    }

    fn load_activity(
        &self,
        run_id: RunId,
        scheduled_event_id: i64,
    ) -> StoreFuture<'_, Option<ActivityRow>> {
        let rows = self.rows.lock();
        let stored = rows.activities.get(&(run_id, scheduled_event_id));
        ready(stored.map(|(_, row)| row.clone()))
    }

    fn has_request_id<'a>(&'a self, run_id: RunId, request_id: &'a str) -> StoreFuture<'a, bool> {
        let place = (run_id, request_id.to_owned());
        ready(self.rows.lock().request_ids.contains(&place))
    }

    fn completed_update<'a>(
        &'a self,
        run_id: RunId,
        update_id: &'a str,
    ) -> StoreFuture<'a, Option<i64>> {
        let place = (run_id, update_id.to_owned());
        ready(self.rows.lock().completed_updates.get(&place).copied())
    }

    fn read_history(&self, run_id: RunId, range: HistoryRange) -> StoreFuture<'_, Vec<EventBatch>> {
        let rows = self.rows.lock();
        let batches = rows.history.get(&run_id).into_iter().flatten();
        let mut read: Vec<EventBatch> = batches
            .filter(|batch| {
                batch.last_event_id >= range.from_event_id
                    && batch.first_event_id <= range.to_event_id
            })
            .cloned()
            .collect();
        if range.reverse {
            read.reverse();
        }
        ready(read)
    }

    fn load_letter(&self, run_id: RunId, event_id: i64) -> StoreFuture<'_, Option<OutboxRow>> {
        ready(self.rows.lock().outbox.get(&(run_id, event_id)).cloned())
    }

    fn letters(
        &self,
        after: Option<(RunId, i64)>,
        limit: usize,
    ) -> StoreFuture<'_, Vec<OutboxRow>> {
        let rows = self.rows.lock();
        let letters = rows.outbox.iter().filter(|(place, row)| {
            row.stage != LetterStage::Held && after.is_none_or(|after| **place > after)
        });
        ready(letters.take(limit).map(|(_, row)| row.clone()).collect())
    }

    fn oldest_closed_runs<'a>(
        &'a self,
        _: &'a Namespace,
        limit: usize,
    ) -> StoreFuture<'a, Vec<ClosedRun>> {
        let rows = self.rows.lock();
        let closed = rows.visibility.values().filter_map(|row| {
            Some(ClosedRun {
                closed_at: row.close_time?,
                key: row.key.clone(),
                run_id: row.run_id,
            })
        });
        let mut closed: Vec<ClosedRun> = closed.collect();
        closed.sort_by_key(|run| (run.closed_at, run.run_id));
        closed.truncate(limit);
        ready(closed)
    }

    fn due_runs(
        &self,
        until: Timestamp,
        after: Option<(Timestamp, RunId)>,
        limit: usize,
    ) -> StoreFuture<'_, Vec<DueRun>> {
        let rows = self.rows.lock();
        let mut due: Vec<DueRun> = rows
            .runs
            .values()
            .filter_map(|row| {
                let wake_at = row.wake_at.filter(|at| *at <= until)?;
                Some(DueRun {
                    wake_at,
                    key: row.key.clone(),
                    run_id: row.run_id,
                })
            })
            .filter(|due| after.is_none_or(|after| (due.wake_at, due.run_id) > after))
            .collect();
        due.sort_by_key(|due| (due.wake_at, due.run_id));
        due.truncate(limit);
        ready(due)
    }

    fn remains(&self, _limit: usize) -> StoreFuture<'_, Vec<RunId>> {
        ready(Vec::new())
    }

    fn queued_tasks<'a>(
        &'a self,
        namespace: &'a Namespace,
        queue: &'a TaskQueue,
        after: Option<QueuePosition>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<QueuedTask>> {
        let rows = self.rows.lock();
        let mut tasks: Vec<(QueuePosition, QueuedTask)> = rows
            .activities
            .values()
            .filter(|(key, row)| key.namespace == *namespace && row.task_queue == *queue)
            .filter_map(|(key, row)| {
                let position = QueuePosition {
                    queued_at: row.queued_at?,
                    run_id: row.run_id,
                    scheduled_event_id: row.scheduled_event_id,
                };
                let task = QueuedTask {
                    key: key.clone(),
                    activity: row.clone(),
                };
                Some((position, task))
            })
            .filter(|(position, _)| after.is_none_or(|after| *position > after))
            .collect();
        tasks.sort_by_key(|(position, _)| *position);
        ready(
            tasks
                .into_iter()
                .take(limit)
                .map(|(_, task)| task)
                .collect(),
        )
    }

    fn count_queued_tasks<'a>(
        &'a self,
        namespace: &'a Namespace,
        queue: &'a TaskQueue,
        at_most: usize,
    ) -> StoreFuture<'a, usize> {
        let rows = self.rows.lock();
        let waits = |(key, row): &&(WorkflowKey, ActivityRow)| {
            key.namespace == *namespace && row.task_queue == *queue && row.queued_at.is_some()
        };
        ready(rows.activities.values().filter(waits).take(at_most).count())
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        ready(())
    }
}

/// The process is killed while it waits here.
fn never() -> impl Future<Output = ()> {
    std::future::pending()
}

impl ComponentStore for ModelStore {
    fn put_component<'a>(
        &'a self,
        row: &'a ComponentVersionRow,
        bytes: &'a [u8],
    ) -> StoreFuture<'a, bool> {
        let mut shelf = self.shelf.lock();
        shelf.versions.push(row.clone());
        shelf.blobs.insert(row.digest, Arc::new(bytes.to_vec()));
        ready(true)
    }

    fn list_components(&self) -> StoreFuture<'_, Vec<ComponentVersionRow>> {
        ready(self.shelf.lock().versions.clone())
    }

    fn component_bytes(&self, digest: Digest) -> StoreFuture<'_, Option<Vec<u8>>> {
        ready(
            self.shelf
                .lock()
                .blobs
                .get(&digest)
                .map(|bytes| bytes.to_vec()),
        )
    }

    fn component_use<'a>(
        &'a self,
        namespace: &'a Namespace,
        digest: Digest,
    ) -> StoreFuture<'a, ComponentUse> {
        let mut usage = ComponentUse::default();
        for row in self.rows.lock().runs.values() {
            if row.key.namespace == *namespace && row.digest == digest {
                match row.status {
                    WorkflowExecutionStatus::Running => usage.open_runs += 1,
                    _ => usage.closed_runs += 1,
                }
            }
        }
        ready(usage)
    }

    fn delete_component<'a>(
        &'a self,
        namespace: &'a Namespace,
        name: &'a str,
        version: &'a str,
    ) -> StoreFuture<'a, bool> {
        let mut shelf = self.shelf.lock();
        let before = shelf.versions.len();
        shelf.versions.retain(|row| {
            row.namespace != *namespace || row.name != name || row.version != version
        });
        ready(shelf.versions.len() < before)
    }
}

impl NamespaceStore for ModelStore {
    fn create_namespace<'a>(&'a self, row: &'a NamespaceRow) -> StoreFuture<'a, bool> {
        self.shelf.lock().namespaces.push(row.clone());
        ready(true)
    }

    fn list_namespaces(&self) -> StoreFuture<'_, Vec<NamespaceRow>> {
        ready(self.shelf.lock().namespaces.clone())
    }
}

impl SearchAttributeStore for ModelStore {
    fn list_search_attributes(&self) -> StoreFuture<'_, Vec<SearchAttributeRow>> {
        ready(self.shelf.lock().search_attributes.clone())
    }

    fn add_search_attributes<'a>(
        &'a self,
        namespace: &'a Namespace,
        attributes: &'a [(String, AttributeType)],
    ) -> StoreFuture<'a, Vec<SearchAttributeRow>> {
        let mut shelf = self.shelf.lock();
        let known = &mut shelf.search_attributes;
        let there = known.len();
        for ((name, attribute_type), id) in attributes.iter().zip(there as i64 + 1..) {
            known.push(SearchAttributeRow {
                namespace: namespace.clone(),
                name: name.clone(),
                attribute: CustomAttribute {
                    id,
                    attribute_type: *attribute_type,
                },
            });
        }
        ready(known[there..].to_vec())
    }

    fn remove_search_attributes<'a>(
        &'a self,
        namespace: &'a Namespace,
        names: &'a [String],
    ) -> StoreFuture<'a, ()> {
        let mut shelf = self.shelf.lock();
        let removed =
            |row: &SearchAttributeRow| row.namespace == *namespace && names.contains(&row.name);
        shelf.search_attributes.retain(|row| !removed(row));
        ready(())
    }

    fn load_properties(&self, run_id: RunId) -> StoreFuture<'_, Option<Properties>> {
        let rows = self.rows.lock();
        let row = rows.visibility.get(&run_id);
        ready(row.map(|row| Properties {
            memo: row.memo.clone().unwrap_or_default(),
            search_attributes: row.search_attributes.clone().unwrap_or_default(),
        }))
    }
}

/// Worlds ask for no lists: the store's own suite covers them.
impl VisibilityStore for ModelStore {
    fn list_runs<'a>(
        &'a self,
        _: &'a Namespace,
        _: &'a ListRequest,
    ) -> StoreFuture<'a, Vec<ListedRun>> {
        let listed = |row: &VisibilityRow| ListedRun {
            row: row.clone(),
            position: ListPosition {
                value: None,
                started_at: row.start_time,
                run_id: row.run_id,
            },
        };
        ready(self.rows.lock().visibility.values().map(listed).collect())
    }

    fn count_runs<'a>(
        &'a self,
        _: &'a Namespace,
        _: &'a Filter,
        _: usize,
    ) -> StoreFuture<'a, Vec<(WorkflowExecutionStatus, u64)>> {
        let mut counts = BTreeMap::new();
        for row in self.rows.lock().visibility.values() {
            *counts.entry(row.status as i32).or_insert(0) += 1;
        }
        ready(
            counts
                .into_iter()
                .filter_map(|(status, runs)| {
                    Some((WorkflowExecutionStatus::try_from(status).ok()?, runs))
                })
                .collect(),
        )
    }
}

/// The key of a workflow ID in the worlds' namespace.
pub fn key(workflow: u8) -> WorkflowKey {
    WorkflowKey {
        namespace: crate::lab::NAMESPACE.into(),
        workflow_id: WorkflowId::from(simulated_program::workflow_id(workflow)),
    }
}
