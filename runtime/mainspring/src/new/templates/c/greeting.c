/* The workflow: what has to happen, in order. It runs inside the server. */
#include <mainspring.h>

static const char *step = "not started";

static ms_answer status(ms_payloads arguments, void *data) {
  (void)arguments;
  (void)data;
  return ms_answer_with(ms_json_string(ms_text_of(step)));
}

/* Composes a greeting, waits a moment, and gives it back. */
static ms_end greeting(ms_payloads input) {
  ms_on_query("status", status, NULL);
  step = "composing";
  ms_activity compose = {
      .type = MS("ComposeGreeting"),
      .input = input,
      .start_to_close_timeout = MS_NANOS(30 * MS_SECOND),
  };
  ms_outcome composed = ms_wait(ms_start_activity(&compose));
  if (composed.tag != MS_SUCCESS) return ms_end_failed(composed.as.failure);
  step = "waiting";
  ms_sleep(MS_SECOND);
  step = "done";
  return ms_complete_with(composed.as.result);
}

void ms_workflows(void) {
  ms_workflow("GreetingWorkflow", greeting, "Greets by name");
  ms_handles_query("status", "Which step is under way");
}
