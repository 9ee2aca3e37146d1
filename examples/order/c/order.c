/* An order: five activities, one after the other. The query "status" says which one is
 * under way. */
#include <mainspring.h>

static const char *step = "not started";

static ms_answer status(ms_payloads arguments, void *data) {
  (void)arguments;
  (void)data;
  return ms_answer_with(ms_json_string(ms_text_of(step)));
}

/* Runs one activity to its end; false where it failed for good. */
static bool execute(const char *doing, const char *activity_type, ms_text argument,
                    ms_failure *failure) {
  step = doing;
  ms_activity activity = {
      .type = ms_text_of(activity_type),
      .input = ms_one(ms_json(argument)),
      .start_to_close_timeout = MS_NANOS(MS_MINUTE),
      .retry_policy = {true, {.initial_interval = MS_NANOS(2 * MS_SECOND),
                              .backoff_coefficient = {true, 2.0},
                              .maximum_interval = MS_NANOS(MS_MINUTE),
                              .maximum_attempts = MS_TIMES(5)}},
  };
  ms_outcome outcome = ms_wait(ms_start_activity(&activity));
  *failure = outcome.as.failure;
  return outcome.tag == MS_SUCCESS;
}

static ms_end order(ms_payloads input) {
  ms_on_query("status", status, NULL);
  /* The IDs stay JSON strings: they go to the activities as they came. */
  ms_text order_id = ms_json_member(ms_data(ms_first(input)), "OrderID");
  ms_text user_id = ms_json_member(ms_data(ms_first(input)), "UserID");
  if (order_id.length == 0 || user_id.length == 0)
    return ms_end_failed(ms_fail(MS("BadInput"), MS("an order has an OrderID and a UserID")));

  ms_failure failure;
  if (!execute("reserving inventory", "ReserveInventory", order_id, &failure) ||
      !execute("charging payment", "ChargePayment", order_id, &failure) ||
      !execute("generating invoice", "GenerateInvoice", order_id, &failure) ||
      !execute("sending confirmation email", "SendConfirmationEmail", user_id, &failure) ||
      !execute("notifying warehouse", "NotifyWarehouse", order_id, &failure))
    return ms_end_failed(failure);
  step = "completed";
  return ms_complete_with((ms_payloads){0});
}

void ms_workflows(void) {
  ms_workflow("OrderWorkflow", order, "Takes an order from the shelf to the door");
  ms_handles_query("status", "Which step is under way");
}
