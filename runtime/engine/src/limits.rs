//! Every limit of the runtime: its name, its default, and how a refusal reads.
//! The command line has one flag per field, named after it.

use std::time::Duration;

/// The limits in force. Crossing one gives an error that names it; nothing that
/// was acknowledged is lost.
#[derive(Clone, Debug)]
pub struct Limits {
    /// One payload (or one list of arguments), in bytes.
    pub payload_bytes: usize,
    /// One gRPC request, in bytes.
    pub request_bytes: usize,
    /// One component file, in bytes.
    pub component_bytes: usize,
    /// Component files received, checked and compiled at once: each takes its size
    /// in memory. The next one waits as long as `compile_time`.
    pub uploads_at_once: usize,
    /// How long an upload may pause.
    pub upload_pause: Duration,
    /// Compiling one component.
    pub compile_time: Duration,
    /// Linear memory of one run, in bytes.
    pub run_memory_bytes: usize,
    /// The stack of one run, in bytes: how deep its code may call.
    pub run_stack_bytes: usize,
    /// Thread CPU time of one delivered event.
    pub event_cpu: Duration,
    /// How long an activation may hold up the acknowledgement of its inputs.
    pub activation_slice: Duration,
    /// Open activities, timers and children of one run.
    pub pending_operations: usize,
    /// Operations started in one workflow task.
    pub task_operations: usize,
    /// What one workflow task may ask for altogether (inputs, results, failures),
    /// in bytes.
    pub task_bytes: usize,
    /// Log text of the code between two waits, in bytes; the rest is dropped.
    pub task_log_bytes: usize,
    /// What one call of the code may hand over, in bytes.
    pub call_bytes: usize,
    /// Workflow types in one component.
    pub component_types: usize,
    /// What one component says of itself, in bytes.
    pub description_bytes: usize,
    /// Events in one history.
    pub history_events: i64,
    /// Bytes in one history.
    pub history_bytes: i64,
    /// Updates of one run that were sent and have no outcome yet (MSG-17).
    pub updates_in_flight: usize,
    /// What the updates that wait for one run's code carry together, in bytes.
    pub updates_in_flight_bytes: usize,
    /// Updates that one run takes altogether.
    pub run_updates: usize,
    /// Events in a history from which on a successor is suggested (WF-14).
    pub suggest_history_events: i64,
    /// Bytes in a history from which on a successor is suggested (WF-14).
    pub suggest_history_bytes: i64,
    /// Workflow IDs, types, queues, signal names, request IDs …, in bytes.
    pub id_bytes: usize,
    /// Instances kept live at once.
    pub live_instances: usize,
    /// How long an instance is kept live while nothing happens to its run; longer
    /// where its history is long.
    pub instance_idle: Duration,
    /// Messages waiting in one mailbox.
    pub mailbox_messages: usize,
    /// Letters between runs kept in memory; the rest waits on disk.
    pub letters_in_memory: usize,
    /// Transitions waiting for the commit pipeline.
    pub commit_queue: usize,
    /// Activity tasks of one queue kept in memory; the rest waits on disk.
    pub queue_tasks_in_memory: usize,
    /// Polls waiting at one task queue.
    pub queue_pollers: usize,
    /// How long a poll for tasks waits for one, unless its caller waits less.
    pub task_poll: Duration,
    /// How long a long poll for history waits for news.
    pub history_poll: Duration,
    /// The text of one list filter, in bytes.
    pub filter_bytes: usize,
    /// How deep parentheses and NOT may nest in a list filter.
    pub filter_depth: usize,
    /// Values in one IN of a list filter.
    pub filter_values: usize,
    /// Rows that one list or count may look at.
    pub list_rows_examined: usize,
    /// A failure kept with a pending activity is cut to this many bytes (ACT-25).
    pub stored_failure_bytes: usize,
    /// Custom search attributes of one namespace.
    pub search_attributes: usize,
    /// Search attributes of one run.
    pub run_search_attributes: usize,
    /// One value of a search attribute, in bytes.
    pub search_attribute_bytes: usize,
    /// All search attributes of one run, in bytes.
    pub run_search_attribute_bytes: usize,
    /// The memo of one run, in bytes.
    pub memo_bytes: usize,
    /// How long a namespace keeps closed runs, at least (LIF-22).
    pub shortest_retention: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload_bytes: 2 * 1024 * 1024,
            request_bytes: 4 * 1024 * 1024,
            component_bytes: 64 * 1024 * 1024,
            uploads_at_once: 4,
            upload_pause: Duration::from_secs(30),
            compile_time: Duration::from_secs(60),
            run_memory_bytes: 64 * 1024 * 1024,
            run_stack_bytes: 512 * 1024,
            event_cpu: Duration::from_secs(1),
            activation_slice: Duration::from_millis(5),
            pending_operations: 10_000,
            task_operations: 20_000,
            task_bytes: 16 * 1024 * 1024,
            task_log_bytes: 256 * 1024,
            call_bytes: 16 * 1024 * 1024,
            component_types: 1_000,
            description_bytes: 1024 * 1024,
            history_events: 1_000_000,
            history_bytes: 1024 * 1024 * 1024,
            updates_in_flight: 1_000,
            updates_in_flight_bytes: 64 * 1024 * 1024,
            run_updates: 100_000,
            suggest_history_events: 4_096,
            suggest_history_bytes: 4 * 1024 * 1024,
            id_bytes: 1_000,
            live_instances: 10_000,
            instance_idle: Duration::from_secs(10),
            mailbox_messages: 10_000,
            letters_in_memory: 20_000,
            commit_queue: 4_096,
            queue_tasks_in_memory: 1_000,
            queue_pollers: 10_000,
            task_poll: Duration::from_millis(57_800),
            history_poll: Duration::from_secs(20),
            filter_bytes: 32 * 1024,
            filter_depth: 50,
            filter_values: 1_000,
            list_rows_examined: 1_000_000,
            stored_failure_bytes: 4 * 1024,
            search_attributes: 1_000,
            run_search_attributes: 100,
            search_attribute_bytes: 2 * 1024,
            run_search_attribute_bytes: 40 * 1024,
            memo_bytes: 2 * 1024 * 1024,
            shortest_retention: Duration::from_secs(3_600),
        }
    }
}
