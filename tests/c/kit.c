/* Workflows in C that the tests drive: callbacks, messages, texts. */
#include <mainspring.h>

/* ---- Counter: nothing but callbacks ------------------------------------------- */

typedef struct {
  int64_t total;
  int timers;
  bool done;
  bool cancelled;
  ms_text waiting_update;
} counter;

static bool integer_of(ms_payloads input, int64_t *number) {
  return ms_json_to_integer(ms_data(ms_first(input)), number);
}

static void add(const ms_signal *signal, void *data) {
  counter *at = data;
  int64_t number;
  if (integer_of(signal->input, &number)) at->total += number;
}

static void finish(const ms_signal *signal, void *data) {
  (void)signal;
  ((counter *)data)->done = true;
}

static ms_answer total(ms_payloads arguments, void *data) {
  (void)arguments;
  return ms_answer_with(ms_json_integer(((counter *)data)->total));
}

static ms_answer check_set(ms_payloads input, void *data) {
  (void)data;
  int64_t number;
  if (!integer_of(input, &number) || number < 0)
    return ms_refuse_with(ms_fail(MS("Negative"), MS("a total is not negative")));
  return ms_answer_with(ms_json(MS("null")));
}

static ms_update_result set(ms_text id, ms_payloads input, void *data) {
  (void)id;
  counter *at = data;
  int64_t before = at->total;
  integer_of(input, &at->total);
  return (ms_update_result){true, ms_answer_with(ms_json_integer(before))};
}

/* Answered when a timer has fired: an update that waits. */
static void later(ms_handle timer, const ms_outcome *outcome, void *data) {
  (void)timer;
  (void)outcome;
  counter *at = data;
  at->timers++;
  ms_complete_update(at->waiting_update, ms_answer_with(ms_json_integer(at->timers)));
}

static ms_update_result set_later(ms_text id, ms_payloads input, void *data) {
  counter *at = data;
  integer_of(input, &at->total);
  at->waiting_update = id;
  ms_on_resolved(ms_start_timer(MS_SECOND / 10), later, at);
  return (ms_update_result){0};
}

static void cancel(ms_text reason, void *data) {
  (void)reason;
  counter *at = data;
  at->cancelled = at->done = true;
}

static ms_end count(ms_payloads input) {
  counter at = {0};
  integer_of(input, &at.total);
  ms_on_signal("add", add, &at);
  ms_on_signal("finish", finish, &at);
  ms_on_query("total", total, &at);
  ms_on_update("set", check_set, set, &at);
  ms_on_update("setLater", NULL, set_later, &at);
  ms_on_cancel(cancel, &at);
  ms_run_until(&at.done);
  if (at.cancelled) return ms_end_cancelled();
  return ms_complete(ms_json_integer(at.total));
}

/* ---- Parent: children, signals to them, the first of several --------------------- */

static ms_end child(ms_payloads input) {
  (void)input;
  ms_signal heard = ms_wait_signal("go");
  return ms_complete(ms_first(heard.input));
}

static ms_end parent(ms_payloads input) {
  (void)input;
  ms_child options = {.type = MS("CChild")};
  ms_handle started = ms_start_child(&options);
  ms_handle sent = ms_signal_child(started, MS("go"), ms_one(ms_json_string(MS("hi"))));
  ms_outcome signalled = ms_wait(sent);
  if (signalled.tag != MS_SUCCESS) return ms_end_failed(signalled.as.failure);
  ms_handle both[] = {ms_start_timer(MS_HOUR), started};
  if (ms_wait_any(both, 2) != 1) ms_panic(MS("an hour has passed"));
  ms_cancel(both[0], MS(""));
  ms_outcome closed = ms_wait(started);
  if (closed.tag != MS_SUCCESS) return ms_end_failed(closed.as.failure);
  return ms_complete(ms_first(closed.as.result));
}

/* ---- Texts: what the JSON of this header understands -------------------------------- */

static ms_end texts(ms_payloads input) {
  ms_text text, json = ms_data(ms_first(input));
  if (!ms_json_to_text(ms_json_member(json, "text"), &text))
    return ms_end_failed(ms_fail(MS("NoText"), MS("the input has no text")));
  return ms_complete(ms_json_string(text));
}

/* ---- Many: thousands of operations at once, and what is drawn ------------------------- */

static ms_end many(ms_payloads input) {
  int64_t number = 0;
  integer_of(input, &number);
  ms_handle *timers = ms_alloc((size_t)number * sizeof *timers);
  for (int64_t i = 0; i < number; i++) timers[i] = ms_start_timer(ms_random() % 1000000);
  int64_t fired = 0;
  for (int64_t i = 0; i < number; i++) fired += ms_wait(timers[i]).tag == MS_SUCCESS;
  return ms_complete(ms_json_integer(fired));
}

static ms_end breaks(ms_payloads input) {
  (void)input;
  ms_panic(MS("there is a bug in the workflow"));
}

void ms_workflows(void) {
  ms_workflow("CCounter", count, "Counts what it is told");
  ms_handles_signal("add", "Adds a number");
  ms_handles_query("total", "The total so far");
  ms_handles_update("set", "Sets the total, gives the one before");
  ms_workflow("CParent", parent, "");
  ms_workflow("CChild", child, "");
  ms_workflow("CTexts", texts, "");
  ms_workflow("CMany", many, "");
  ms_workflow("CBreaks", breaks, "");
}
