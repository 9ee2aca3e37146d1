package tests

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

// activityFailure waits for a run's end and expects that its activity failed.
func activityFailure(t *testing.T, call object) *temporal.ActivityError {
	t.Helper()
	return failureOf[*temporal.ActivityError](t, start(t, "OneActivity", call))
}

func TestACT_01_AResultComesBackAsItWas(t *testing.T) {
	for _, value := range []string{`1`, `"täxt"`, `[1,{"a":null}]`, `1.5`, `true`} {
		call := object{"input": object{"do": "echo", "value": json.RawMessage(value)}}
		var result json.RawMessage
		must(t, start(t, "OneActivity", call).Get(limited(t), &result))
		if string(result) != value {
			t.Fatalf("%s came back as %s", value, result)
		}
	}
}

func TestACT_08_AFailedAttemptIsRetried(t *testing.T) {
	var attempt int
	call := object{"input": object{"do": "fail until", "attempt": 3}}
	must(t, start(t, "OneActivity", call).Get(limited(t), &attempt))
	if attempt != 3 {
		t.Fatal(attempt)
	}
}

func TestACT_08_AttemptsAreCounted(t *testing.T) {
	failed := activityFailure(t, object{"input": object{"do": "fail"}, "maximum_attempts": 2})
	if failed.RetryState() != enums.RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED {
		t.Fatal(failed.RetryState())
	}
	var cause *temporal.ApplicationError
	if !errors.As(failed, &cause) {
		t.Fatal(failed)
	}
	var detail string
	must(t, cause.Details(&detail))
	if cause.Type() != "Declined" || detail != "a detail" {
		t.Fatal(cause.Type(), detail)
	}
}

func TestACT_09_WhatIsNotRetryableIsNotRetried(t *testing.T) {
	for name, call := range map[string]object{
		"told by the activity": {"input": object{"do": "fail", "non_retryable": true}},
		"listed in the policy": {"input": object{"do": "fail"}, "non_retryable": []string{"Declined"}},
	} {
		failed := activityFailure(t, call)
		if failed.RetryState() != enums.RETRY_STATE_NON_RETRYABLE_FAILURE {
			t.Fatal(name, failed.RetryState())
		}
	}
}

func TestWF_21_AnOrdinaryErrorAndAPanicAreFailures(t *testing.T) {
	var cause *temporal.ApplicationError
	plain := activityFailure(t, object{"input": object{"do": "fail plainly"}, "maximum_attempts": 1})
	if !errors.As(plain, &cause) || cause.Message() != "no type of its own" {
		t.Fatal(plain)
	}
	var panicked *temporal.PanicError
	failed := activityFailure(t, object{"input": object{"do": "panic"}, "maximum_attempts": 1})
	if !errors.As(failed, &panicked) {
		t.Fatal(failed)
	}
}

func TestACT_10_AFailureAsksForItsOwnDelay(t *testing.T) {
	var attempt int
	call := object{
		"input":               object{"do": "ask for a delay", "delay_ms": 50},
		"initial_interval_ms": 600_000,
	}
	must(t, start(t, "OneActivity", call).Get(limited(t), &attempt))
	if attempt != 2 {
		t.Fatal(attempt)
	}
}

func TestACT_03To06_EachTimeoutSaysItsType(t *testing.T) {
	sleep := object{"do": "sleep", "ms": 3_000}
	for kind, call := range map[enums.TimeoutType]object{
		enums.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE: {"input": sleep, "schedule_to_close_ms": 300},
		enums.TIMEOUT_TYPE_START_TO_CLOSE:    {"input": sleep, "start_to_close_ms": 200, "maximum_attempts": 2},
		enums.TIMEOUT_TYPE_SCHEDULE_TO_START: {"input": sleep, "schedule_to_start_ms": 200, "task_queue": "nobody"},
		enums.TIMEOUT_TYPE_HEARTBEAT:         {"input": sleep, "heartbeat_ms": 200, "maximum_attempts": 1},
	} {
		var timeout *temporal.TimeoutError
		if failed := activityFailure(t, call); !errors.As(failed, &timeout) || timeout.TimeoutType() != kind {
			t.Fatalf("expected %v, got %v", kind, failed)
		}
	}
}

func TestACT_07_TheNextAttemptReadsTheLastHeartbeat(t *testing.T) {
	var progress int
	call := object{"input": object{"do": "heartbeat then fail", "progress": 7}, "heartbeat_ms": 5_000}
	must(t, start(t, "OneActivity", call).Get(limited(t), &progress))
	if progress != 7 {
		t.Fatal(progress)
	}
}

// pendingActivity waits until the run's activity is as it should be.
func pendingActivity(
	t *testing.T, run client.WorkflowRun, as func(*workflowpb.PendingActivityInfo) bool,
) *workflowpb.PendingActivityInfo {
	t.Helper()
	for {
		described, err := c.DescribeWorkflowExecution(limited(t), run.GetID(), run.GetRunID())
		must(t, err)
		for _, activity := range described.GetPendingActivities() {
			if as(activity) {
				return activity
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestACT_12_DescribeShowsAttempts(t *testing.T) {
	run := start(t, "OneActivity", object{"input": object{"do": "fail"}, "initial_interval_ms": 600_000})
	pending := pendingActivity(t, run, func(activity *workflowpb.PendingActivityInfo) bool {
		return activity.GetAttempt() == 2
	})
	if pending.GetLastFailure().GetMessage() != "declined" || pending.GetScheduledTime() == nil {
		t.Fatal(pending)
	}
	must(t, c.TerminateWorkflow(limited(t), run.GetID(), "", "seen"))
}

func TestACT_14_AHeartbeatingActivityHearsOfTheCancel(t *testing.T) {
	run := start(t, "OneActivity", object{
		"input":             object{"do": "heartbeat for ever"},
		"heartbeat_ms":      500,
		"start_to_close_ms": 60_000,
	})
	pendingActivity(t, run, func(activity *workflowpb.PendingActivityInfo) bool {
		return activity.GetState() == enums.PENDING_ACTIVITY_STATE_STARTED
	})
	must(t, c.CancelWorkflow(limited(t), run.GetID(), ""))
	failureOf[*temporal.CanceledError](t, run)
}

// startAsynchronous starts a run whose activity waits to be completed from outside.
func startAsynchronous(t *testing.T) (client.WorkflowRun, []byte) {
	t.Helper()
	call := object{"input": object{"do": "complete elsewhere"}, "activity_id": "outside"}
	run := start(t, "OneActivity", call)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if token, known := tokens.Load(run.GetID()); known {
			return run, token.([]byte)
		}
	}
	t.Fatal("the activity does not start")
	return nil, nil
}

func resultOf(t *testing.T, run client.WorkflowRun) string {
	t.Helper()
	var result string
	must(t, run.Get(limited(t), &result))
	return result
}

func TestACT_15_AnActivityIsCompletedFromOutsideByItsToken(t *testing.T) {
	run, token := startAsynchronous(t)
	must(t, c.RecordActivityHeartbeat(limited(t), token, "working"))
	must(t, c.CompleteActivity(limited(t), token, "by token", nil))
	if result := resultOf(t, run); result != "by token" {
		t.Fatal(result)
	}
	var gone *serviceerror.NotFound
	if err := c.CompleteActivity(limited(t), token, "again", nil); !errors.As(err, &gone) {
		t.Fatalf("expected that it is closed, got %v", err)
	}
}

func TestACT_15_AnActivityIsCompletedFromOutsideByItsID(t *testing.T) {
	run, _ := startAsynchronous(t)
	must(t, c.RecordActivityHeartbeatByID(limited(t), "default", run.GetID(), "", "outside", "working"))
	must(t, c.CompleteActivityByID(limited(t), "default", run.GetID(), "", "outside", "by ID", nil))
	if result := resultOf(t, run); result != "by ID" {
		t.Fatal(result)
	}
}

func TestACT_15_AnActivityIsFailedFromOutside(t *testing.T) {
	run, token := startAsynchronous(t)
	no := temporal.NewNonRetryableApplicationError("no", "Declined", nil)
	must(t, c.CompleteActivity(limited(t), token, nil, no))
	if cause := failureOf[*temporal.ApplicationError](t, run); cause.Type() != "Declined" {
		t.Fatal(cause)
	}
}

func TestACT_15_AnActivityIsCancelledFromOutside(t *testing.T) {
	run, token := startAsynchronous(t)
	must(t, c.CancelWorkflow(limited(t), run.GetID(), ""))
	err := c.RecordActivityHeartbeat(limited(t), token, "working")
	if !errors.Is(err, context.Canceled) && !temporal.IsCanceledError(err) {
		t.Fatalf("expected that the heartbeat tells of the cancel, got %v", err)
	}
	must(t, c.CompleteActivity(limited(t), token, nil, temporal.NewCanceledError("stopped")))
	failureOf[*temporal.CanceledError](t, run)
}

func TestManyActivitiesAtOnce(t *testing.T) {
	var sum int
	must(t, start(t, "FanOut", 200).Get(limited(t), &sum))
	if sum != 199*200/2 {
		t.Fatal(sum)
	}
}
