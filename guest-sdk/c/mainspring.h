/* Workflows in C (and in what speaks C) for Mainspring.
 *
 * A workflow is a function that starts operations (activities, timers, children …), waits
 * for their outcomes, and returns how the run ends. It is run again from its history
 * whenever the server needs it, so it may look at nothing but what this header gives: no
 * files, no clock but ms_now, no chance but ms_random.
 *
 * Two styles, which can be mixed:
 *   blocking   ms_outcome paid = ms_wait(ms_start_activity(&charge));
 *   callbacks  ms_on_resolved(ms_start_activity(&charge), paid, &order); … ms_run_until(&done);
 *
 * The program defines ms_workflows, which registers its workflows:
 *
 *   void ms_workflows(void) { ms_workflow("OrderWorkflow", order, "Takes an order"); }
 *
 * Memory comes from ms_alloc and is given back when the run ends: nothing is freed before.
 * The structures have the layout of the contract in wit/, whose names they have.
 */
#ifndef MAINSPRING_H
#define MAINSPRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- values ------------------------------------------------------------- */

/* UTF-8, not terminated by a zero. */
typedef struct { const char *bytes; size_t length; } ms_text;
typedef struct { const uint8_t *bytes; size_t length; } ms_bytes;

typedef struct { ms_text key; ms_bytes value; } ms_metadata_entry;
typedef struct { const ms_metadata_entry *items; size_t length; } ms_metadata_entries;

/* One value as it travels: `encoding` in its metadata says how `data` is written. */
typedef struct { ms_metadata_entries metadata; ms_bytes data; } ms_payload;
typedef struct { const ms_payload *items; size_t length; } ms_payloads;

typedef struct { ms_text key; ms_payload value; } ms_field;
typedef struct { const ms_field *items; size_t length; } ms_fields;

typedef struct { bool some; ms_text value; } ms_optional_text;
typedef struct { bool some; uint64_t value; } ms_optional_u64;
typedef struct { bool some; int64_t value; } ms_optional_s64;
typedef struct { bool some; double value; } ms_optional_f64;
typedef struct { bool some; int32_t value; } ms_optional_s32;
typedef struct { bool some; ms_payload value; } ms_optional_payload;
typedef struct { bool some; ms_fields value; } ms_optional_fields;
/* A field to set, or to remove where there is no value. */
typedef struct { ms_text key; ms_optional_payload value; } ms_change;

#define MS_SECOND ((uint64_t)1000000000)
#define MS_MINUTE (60 * MS_SECOND)
#define MS_HOUR (60 * MS_MINUTE)
#define MS_DAY (24 * MS_HOUR)

/* A string literal, or another C string. */
#define MS(literal) ((ms_text){"" literal, sizeof(literal) - 1})
ms_text ms_text_of(const char *terminated);
bool ms_same(ms_text a, ms_text b);
/* Texts one behind the other; the last argument is NULL. */
ms_text ms_join(const char *first, ...);

#define MS_SOME_TEXT(text) ((ms_optional_text){true, (text)})
#define MS_NANOS(nanos) ((ms_optional_u64){true, (nanos)})
#define MS_TIMES(count) ((ms_optional_s32){true, (count)})

/* Memory of this run, zeroed. */
void *ms_alloc(size_t bytes);

/* ---- JSON, as `json/plain` payloads -------------------------------------- */

/* A payload from JSON text, e.g. "{\"id\":1}". */
ms_payload ms_json(ms_text json);
/* A payload that is one JSON string. */
ms_payload ms_json_string(ms_text text);
ms_payload ms_json_integer(int64_t number);
ms_payloads ms_one(ms_payload payload);
ms_payloads ms_two(ms_payload first, ms_payload second);
/* The first of several payloads; empty where there is none. */
ms_payload ms_first(ms_payloads payloads);
/* The text of a payload's data. */
ms_text ms_data(ms_payload payload);
/* The value of a member of a JSON object, as JSON; empty where there is none. */
ms_text ms_json_member(ms_text object, const char *name);
/* A JSON string's text; false where it is none. */
bool ms_json_to_text(ms_text json, ms_text *text);
bool ms_json_to_integer(ms_text json, int64_t *number);

/* ---- failures ------------------------------------------------------------ */

typedef struct {
  ms_text namespace_, workflow_id, run_id;
} ms_execution;
typedef struct { bool some; ms_execution value; } ms_optional_execution;

enum ms_timeout { MS_START_TO_CLOSE, MS_SCHEDULE_TO_START, MS_SCHEDULE_TO_CLOSE, MS_HEARTBEAT };

enum ms_failure_kind {
  MS_APPLICATION_FAILURE, MS_TIMEOUT_FAILURE, MS_CANCELLED_FAILURE, MS_TERMINATED_FAILURE,
  MS_SERVER_FAILURE, MS_RESET_FAILURE, MS_ACTIVITY_FAILURE, MS_CHILD_FAILURE,
  MS_NEXUS_OPERATION_FAILURE, MS_NEXUS_HANDLER_FAILURE
};

/* One node of a failure; the node behind it in the list is its cause. */
typedef struct {
  ms_text message, source, stack_trace;
  ms_optional_payload encoded_attributes;
  struct {
    uint8_t tag; /* enum ms_failure_kind */
    union {
      struct {
        ms_text error_type;
        bool non_retryable;
        ms_payloads details;
        ms_optional_u64 next_retry_delay;
        uint8_t benign;
      } application;
      struct { uint8_t timeout; ms_payloads last_heartbeat_details; } timeout;
      struct { ms_payloads details; ms_text identity; } cancelled;
      ms_text terminated_by;
      bool server_non_retryable;
      ms_payloads reset_details;
      struct {
        int64_t scheduled_event_id, started_event_id;
        ms_text identity, activity_type, activity_id;
        uint8_t retry_state;
      } activity;
      struct {
        ms_execution execution;
        ms_text workflow_type;
        int64_t initiated_event_id, started_event_id;
        uint8_t retry_state;
      } child;
      struct {
        int64_t scheduled_event_id;
        ms_text endpoint, service, operation, operation_token;
      } nexus_operation;
      struct { ms_text error_type; uint8_t retry_behavior; } nexus_handler;
    } as;
  } kind;
} ms_failure_node;

typedef struct { const ms_failure_node *nodes; size_t length; } ms_failure;
typedef struct { bool some; ms_failure value; } ms_optional_failure;

/* A failure of the program's own. */
ms_failure ms_fail(ms_text error_type, ms_text message);
/* The type of the first application failure in the tree; empty where there is none. */
ms_text ms_error_type(ms_failure failure);

/* ---- operations ---------------------------------------------------------- */

/* Numbers one operation of the run. */
typedef uint64_t ms_handle;

typedef struct {
  ms_optional_u64 initial_interval;
  ms_optional_f64 backoff_coefficient;
  ms_optional_u64 maximum_interval;
  ms_optional_s32 maximum_attempts;
  struct { const ms_text *items; size_t length; } non_retryable_error_types;
} ms_retry_policy;
typedef struct { bool some; ms_retry_policy value; } ms_optional_retry_policy;

typedef struct { int32_t key; ms_text fairness_key; float fairness_weight; } ms_priority;
typedef struct { bool some; ms_priority value; } ms_optional_priority;

typedef struct { ms_optional_payload summary, details; } ms_user_metadata;

enum ms_activity_cancellation { MS_TRY_CANCEL, MS_WAIT_CANCELLED, MS_ABANDON };

/* What is left zero takes the default. One of the two timeouts is required. */
typedef struct {
  ms_text type;
  ms_optional_text id, task_queue;
  ms_payloads input;
  ms_fields headers;
  ms_optional_u64 schedule_to_close_timeout, schedule_to_start_timeout, start_to_close_timeout,
      heartbeat_timeout;
  ms_optional_retry_policy retry_policy;
  uint8_t cancellation; /* enum ms_activity_cancellation */
  ms_optional_priority priority;
  ms_user_metadata metadata;
} ms_activity;

enum ms_parent_close { MS_CLOSE_DEFAULT, MS_CLOSE_TERMINATE, MS_CLOSE_ABANDON, MS_CLOSE_CANCEL };
enum ms_child_cancellation {
  MS_CHILD_ABANDON, MS_CHILD_TRY_CANCEL, MS_CHILD_WAIT_COMPLETED, MS_CHILD_WAIT_REQUESTED
};

typedef struct {
  ms_optional_text namespace_, workflow_id;
  ms_text type;
  ms_optional_text task_queue;
  ms_payloads input;
  ms_fields headers;
  ms_optional_u64 execution_timeout, run_timeout, task_timeout;
  uint8_t parent_close;    /* enum ms_parent_close */
  uint8_t id_reuse_policy; /* 0: the default */
  uint8_t cancellation;    /* enum ms_child_cancellation */
  ms_optional_retry_policy retry_policy;
  ms_text cron_schedule;
  ms_fields memo, search_attributes;
  uint8_t versioning_intent; /* 0 unspecified, 1 inherit, 2 current */
  ms_optional_text version;
  ms_optional_priority priority;
  ms_user_metadata metadata;
} ms_child;

/* Each starts something and returns at once. */
ms_handle ms_start_activity(const ms_activity *activity);
ms_handle ms_start_timer(uint64_t nanos);
ms_handle ms_start_child(const ms_child *child);
ms_handle ms_signal_workflow(ms_execution target, ms_text name, ms_payloads input);
ms_handle ms_signal_child(ms_handle child, ms_text name, ms_payloads input);
ms_handle ms_cancel_workflow(ms_execution target, ms_text reason);
/* Asks an operation to stop. */
void ms_cancel(ms_handle operation, ms_text reason);

enum ms_outcome_tag { MS_SUCCESS, MS_FAILED, MS_CANCELLED, MS_TIMED_OUT };

/* How an operation ended. */
typedef struct {
  uint8_t tag; /* enum ms_outcome_tag */
  union { ms_payloads result; ms_failure failure; } as;
} ms_outcome;

/* ---- messages ------------------------------------------------------------ */

typedef struct {
  ms_text name;
  ms_payloads input;
  ms_fields headers;
  ms_text identity;
  int64_t event_id;
} ms_signal;

/* An answer to a query, or the outcome of an update. */
typedef struct {
  uint8_t failed;
  union { ms_payload value; ms_failure failure; } as;
} ms_answer;

ms_answer ms_answer_with(ms_payload value);
ms_answer ms_refuse_with(ms_failure failure);

typedef void (*ms_resolved_fn)(ms_handle operation, const ms_outcome *outcome, void *data);
typedef void (*ms_started_fn)(ms_handle child, ms_text run_id, void *data);
typedef void (*ms_signal_fn)(const ms_signal *signal, void *data);
/* May look at the workflow's state and start nothing. */
typedef ms_answer (*ms_query_fn)(ms_payloads arguments, void *data);
/* As a query, before an update is accepted. `failed` refuses it. */
typedef ms_answer (*ms_validator_fn)(ms_payloads input, void *data);
/* Runs once an update is accepted; may start operations but not wait: an update that
 * waits returns nothing here (`done` false) and calls ms_complete_update later. */
typedef struct { bool done; ms_answer answer; } ms_update_result;
typedef ms_update_result (*ms_update_fn)(ms_text update_id, ms_payloads input, void *data);
typedef void (*ms_cancel_fn)(ms_text reason, void *data);

/* Handlers of this run. Set them before the first wait; messages without a handler wait
 * until one is set or ms_take_signal takes them. */
void ms_on_signal(const char *name, ms_signal_fn handler, void *data);
void ms_on_query(const char *name, ms_query_fn handler, void *data);
void ms_on_update(const char *name, ms_validator_fn validator, ms_update_fn handler, void *data);
void ms_on_cancel(ms_cancel_fn handler, void *data);
void ms_on_resolved(ms_handle operation, ms_resolved_fn handler, void *data);
void ms_on_started(ms_handle child, ms_started_fn handler, void *data);
void ms_complete_update(ms_text update_id, ms_answer outcome);

/* ---- waiting ------------------------------------------------------------- */

/* Waits for one operation. Messages go to their handlers meanwhile. */
ms_outcome ms_wait(ms_handle operation);
/* Waits for the first of several; gives its place in the list. */
size_t ms_wait_any(const ms_handle *operations, size_t count);
/* Whether an operation has its outcome, and which. */
bool ms_resolved(ms_handle operation, ms_outcome *outcome);
/* Waits until something has happened and calls its handler. */
void ms_step(void);
/* Steps until the flag is true. */
void ms_run_until(const bool *done);
/* Waits for a signal without a handler. */
ms_signal ms_wait_signal(const char *name);
/* The next one that is there already. */
bool ms_take_signal(const char *name, ms_signal *signal);
/* Somebody asked this run to cancel itself. */
bool ms_cancel_requested(void);
/* Waits for a timer. */
void ms_sleep(uint64_t nanos);

/* ---- the run ------------------------------------------------------------- */

typedef struct {
  ms_text namespace_, workflow_id, run_id, workflow_type, task_queue, first_run_id,
      original_run_id;
  ms_optional_text continued_from_run_id;
  uint8_t continued_initiator; /* 0 none, 1 workflow, 2 retry, 3 cron */
  ms_optional_failure continued_failure;
  ms_payloads last_completion_result;
  ms_optional_execution parent, root;
  uint32_t attempt;
  int64_t start_time;
  ms_optional_s64 execution_deadline;
  ms_optional_u64 workflow_execution_timeout, workflow_run_timeout;
  uint64_t workflow_task_timeout;
  ms_optional_retry_policy retry_policy;
  ms_text cron_schedule;
  ms_optional_u64 cron_schedule_to_schedule_interval;
  ms_fields headers, memo, search_attributes;
  ms_optional_priority priority;
  ms_text identity;
  uint64_t random_seed;
} ms_info;

const ms_info *ms_run_info(void);
/* Workflow time, in nanoseconds since 1970: the same in replay. */
int64_t ms_now(void);
/* The same in replay; no secret. */
uint64_t ms_random(void);
bool ms_is_replaying(void);

enum ms_level { MS_TRACE, MS_DEBUG, MS_INFO, MS_WARN, MS_ERROR };
/* To the workflow's log; silent in replay. */
void ms_log(enum ms_level level, ms_text message);
/* Ends the task: the run is blocked, says this, and is tried again. */
_Noreturn void ms_panic(ms_text message);

void ms_upsert_search_attributes(const ms_change *changes, size_t count);
void ms_upsert_memo(const ms_change *changes, size_t count);
void ms_set_current_details(ms_text details);

/* What the successor changes; what is left zero is carried over. */
typedef struct {
  ms_optional_text workflow_type, task_queue;
  ms_payloads input;
  ms_fields headers;
  ms_optional_u64 workflow_run_timeout, workflow_task_timeout;
  ms_optional_retry_policy retry_policy;
  ms_optional_fields memo, search_attributes;
  uint8_t versioning_intent;
  ms_optional_u64 backoff_start_interval;
} ms_successor;

enum ms_end_tag { MS_END_COMPLETED, MS_END_FAILED, MS_END_CANCELLED, MS_END_CONTINUED };

/* How a run ends. */
typedef struct {
  uint8_t tag; /* enum ms_end_tag */
  union { ms_payloads result; ms_failure failure; ms_payloads details; } as;
} ms_end;

ms_end ms_complete(ms_payload result);
ms_end ms_complete_with(ms_payloads result);
ms_end ms_end_failed(ms_failure failure);
ms_end ms_end_cancelled(void);
ms_end ms_continue_as_new(const ms_successor *successor);

/* ---- what the program is -------------------------------------------------- */

typedef ms_end (*ms_workflow_fn)(ms_payloads input);

void ms_workflow(const char *type, ms_workflow_fn run, const char *description);
/* What the workflow registered last handles, for lists and forms. */
void ms_handles_signal(const char *name, const char *description);
void ms_handles_query(const char *name, const char *description);
void ms_handles_update(const char *name, const char *description);

/* The program defines this one. */
void ms_workflows(void);

#ifdef __cplusplus
}
#endif
#endif
