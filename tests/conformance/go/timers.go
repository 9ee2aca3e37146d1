package main

import (
	"math/rand"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Sleeps so many milliseconds, and says so.
func Sleeps(ctx workflow.Context, sleepMs int) (string, error) {
	err := workflow.Sleep(ctx, time.Duration(sleepMs)*time.Millisecond)
	return "slept", err
}

// TimerCancelled cancels a timer once another one has fired.
func TimerCancelled(ctx workflow.Context) (string, error) {
	scope, cancel := workflow.WithCancel(ctx)
	hour := workflow.NewTimer(scope, time.Hour)
	if err := workflow.Sleep(ctx, 10*time.Millisecond); err != nil {
		return "", err
	}
	cancel()
	if err := hour.Get(ctx, nil); err != nil {
		return "cancelled", nil
	}
	return "fired", nil
}

// Race is an activity against a timer, which is cancelled when it has lost.
func Race(ctx workflow.Context) (result any, err error) {
	scope, cancel := workflow.WithCancel(ctx)
	hour := workflow.NewTimer(scope, time.Hour)
	given := input{"do": "echo", "value": "the activity"}
	activity := workflow.ExecuteActivity(once(ctx), "Do", given)
	workflow.NewSelector(ctx).
		AddFuture(activity, func(f workflow.Future) {
			cancel()
			err = f.Get(ctx, &result)
		}).
		AddFuture(hour, func(workflow.Future) { result = "the timer" }).
		Select(ctx)
	return result, err
}

// Cancellable sleeps for an hour; a cancel ends the run.
func Cancellable(ctx workflow.Context) error {
	return workflow.Sleep(ctx, time.Hour)
}

// Cleanup sleeps for an hour; a cancel makes it clean up before it ends.
func Cleanup(ctx workflow.Context) error {
	err := workflow.Sleep(ctx, time.Hour)
	if err != nil {
		detached, _ := workflow.NewDisconnectedContext(ctx)
		if _, err := do(detached, input{"do": "clean up"}); err != nil {
			return err
		}
	}
	return err
}

// ActivityCancelled is an activity that is cancelled with its run. Go has no ABANDON: what
// nobody waits for is called with a context of its own.
func ActivityCancelled(ctx workflow.Context, kind string) (result any, err error) {
	called := ctx
	if kind == "abandon" {
		called, _ = workflow.NewDisconnectedContext(ctx)
	}
	called = workflow.WithActivityOptions(called, workflow.ActivityOptions{
		StartToCloseTimeout: time.Hour,
		HeartbeatTimeout:    time.Minute,
		WaitForCancellation: kind == "wait",
	})
	call := workflow.ExecuteActivity(called, "Do", input{"do": "wait for cancel"})
	if kind == "abandon" {
		workflow.NewSelector(ctx).
			AddFuture(call, func(f workflow.Future) { err = f.Get(ctx, &result) }).
			AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) { err = ctx.Err() }).
			Select(ctx)
		return result, err
	}
	err = call.Get(ctx, &result)
	if temporal.IsCanceledError(err) {
		// The activity's own error would pass its details on, as in no other language.
		err = temporal.NewCanceledError()
	}
	return result, err
}

// Random draws random numbers and looks at its clock, before and after a timer.
func Random(ctx workflow.Context) (bool, error) {
	draw := func() (number float64, err error) {
		drawn := workflow.SideEffect(ctx, func(workflow.Context) any { return rand.Float64() })
		err = drawn.Get(&number)
		return number, err
	}
	before, err := draw()
	if err != nil {
		return false, err
	}
	began := workflow.Now(ctx)
	if err := workflow.Sleep(ctx, 10*time.Millisecond); err != nil {
		return false, err
	}
	after, err := draw()
	return before != after && began.Before(workflow.Now(ctx)), err
}
