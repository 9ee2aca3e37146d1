package tests

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
)

// tokens are the task tokens of activities that are completed from outside, by
// workflow ID.
var tokens sync.Map

// object is a JSON object.
type object = map[string]any

func registerDo(w worker.Worker) {
	w.RegisterActivityWithOptions(do, activity.RegisterOptions{Name: "Do"})
}

// do is the kit's one activity: it does what its input says.
func do(ctx context.Context, call object) (any, error) {
	info := activity.GetInfo(ctx)
	switch call["do"] {
	case "echo":
		return call["value"], nil
	case "fail until":
		if float64(info.Attempt) < call["attempt"].(float64) {
			return nil, temporal.NewApplicationError("not yet", "Flaky")
		}
		return info.Attempt, nil
	case "fail":
		if call["non_retryable"] == true {
			return nil, temporal.NewNonRetryableApplicationError("declined", "Declined", nil, "a detail")
		}
		return nil, temporal.NewApplicationError("declined", "Declined", "a detail")
	case "fail plainly":
		return nil, fmt.Errorf("no type of its own")
	case "panic":
		panic("a bug in an activity")
	case "ask for a delay":
		if info.Attempt == 1 {
			delay := time.Duration(call["delay_ms"].(float64)) * time.Millisecond
			options := temporal.ApplicationErrorOptions{NextRetryDelay: delay}
			return nil, temporal.NewApplicationErrorWithOptions("later", "Later", options)
		}
		return info.Attempt, nil
	case "sleep":
		time.Sleep(time.Duration(call["ms"].(float64)) * time.Millisecond)
		return "slept", nil
	case "heartbeat then fail":
		if info.Attempt == 1 {
			activity.RecordHeartbeat(ctx, call["progress"])
			return nil, temporal.NewApplicationError("half way", "Flaky")
		}
		var progress any
		err := activity.GetHeartbeatDetails(ctx, &progress)
		return progress, err
	case "heartbeat for ever":
		for ctx.Err() == nil {
			activity.RecordHeartbeat(ctx, "alive")
			time.Sleep(50 * time.Millisecond)
		}
		return nil, ctx.Err()
	case "complete elsewhere":
		tokens.Store(info.WorkflowExecution.ID, info.TaskToken)
		return nil, activity.ErrResultPending
	case "clean up":
		return "cleaned", nil
	}
	return nil, temporal.NewNonRetryableApplicationError(fmt.Sprint("cannot ", call["do"]), "", nil)
}
