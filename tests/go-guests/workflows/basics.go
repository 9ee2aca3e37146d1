package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

func quick(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 20 * time.Second,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 20 * time.Millisecond, MaximumAttempts: 5},
	})
}

// Greetings calls one activity after the other.
func Greetings(ctx workflow.Context) (string, error) {
	ctx = quick(ctx)
	var a *Activities
	var greeting, name, result string
	if err := workflow.ExecuteActivity(ctx, a.GetGreeting).Get(ctx, &greeting); err != nil {
		return "", err
	}
	if err := workflow.ExecuteActivity(ctx, a.GetName).Get(ctx, &name); err != nil {
		return "", err
	}
	err := workflow.ExecuteActivity(ctx, a.SayGreeting, greeting, name).Get(ctx, &result)
	return result, err
}

// Saga undoes what it did, the last first, when a step fails.
func Saga(ctx workflow.Context, steps []string) (done []string, err error) {
	ctx = quick(ctx)
	var undo []string
	defer func() {
		if err == nil {
			return
		}
		ctx, _ := workflow.NewDisconnectedContext(ctx)
		for i := len(undo) - 1; i >= 0; i-- {
			if e := workflow.ExecuteActivity(ctx, (*Activities).Step, "undo "+undo[i]).Get(ctx, nil); e != nil {
				err = errors.Join(err, e)
			}
		}
	}()
	for _, step := range steps {
		var said string
		if err = workflow.ExecuteActivity(ctx, "Step", step).Get(ctx, &said); err != nil {
			return done, err
		}
		undo = append(undo, step)
		done = append(done, said)
	}
	return done, nil
}

// UpdatableTimer sleeps until a time that signals change.
func UpdatableTimer(ctx workflow.Context, wake time.Time) (time.Time, error) {
	if err := workflow.SetQueryHandler(ctx, "wake-time", func() (time.Time, error) { return wake, nil }); err != nil {
		return wake, err
	}
	updates := workflow.GetSignalChannel(ctx, "update")
	for fired := false; !fired; {
		timerCtx, cancel := workflow.WithCancel(ctx)
		timer := workflow.NewTimer(timerCtx, wake.Sub(workflow.Now(ctx)))
		workflow.NewSelector(ctx).
			AddFuture(timer, func(f workflow.Future) { fired = f.Get(timerCtx, nil) == nil }).
			AddReceive(updates, func(c workflow.ReceiveChannel, _ bool) {
				cancel()
				c.Receive(ctx, &wake)
			}).
			Select(ctx)
	}
	return workflow.Now(ctx), nil
}

// ParentOfChildren starts a child for each name, and signals the last.
func ParentOfChildren(ctx workflow.Context, names []string) (greetings []string, err error) {
	var futures []workflow.ChildWorkflowFuture
	for i, name := range names {
		ctx := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
			WorkflowID: fmt.Sprintf("%s-child-%d", workflow.GetInfo(ctx).WorkflowExecution.ID, i),
		})
		futures = append(futures, workflow.ExecuteChildWorkflow(ctx, ChildGreeting, name))
	}
	for _, future := range futures {
		var execution workflow.Execution
		if err := future.GetChildWorkflowExecution().Get(ctx, &execution); err != nil {
			return nil, err
		}
		if err := future.SignalChildWorkflow(ctx, "greet", "Hi").Get(ctx, nil); err != nil {
			return nil, err
		}
		var greeting string
		if err := future.Get(ctx, &greeting); err != nil {
			return nil, err
		}
		greetings = append(greetings, greeting)
	}
	return greetings, nil
}

// ChildGreeting waits for the word to greet with.
func ChildGreeting(ctx workflow.Context, name string) (string, error) {
	var word string
	workflow.GetSignalChannel(ctx, "greet").Receive(ctx, &word)
	if parent := workflow.GetInfo(ctx).ParentWorkflowExecution; parent == nil {
		return "", errors.New("no parent")
	}
	return word + " " + name, nil
}

// Counting continues as new until it has counted enough.
func Counting(ctx workflow.Context, from, to int) (int, error) {
	if err := workflow.Sleep(ctx, 10*time.Millisecond); err != nil {
		return 0, err
	}
	if from < to {
		return 0, workflow.NewContinueAsNewError(ctx, Counting, from+1, to)
	}
	return from, nil
}

// QueryState answers with what it is at.
func QueryState(ctx workflow.Context) error {
	state := "started"
	err := workflow.SetQueryHandler(ctx, "state", func(prefix string) (string, error) {
		if prefix == "" {
			return "", errors.New("no prefix")
		}
		return prefix + state, nil
	})
	if err != nil {
		return err
	}
	state = "waiting"
	workflow.GetSignalChannel(ctx, "go-on").Receive(ctx, nil)
	state = "done"
	return nil
}

// AwaitSignals wants three signals in any order and uses them in its own.
func AwaitSignals(ctx workflow.Context) (string, error) {
	var got [3]bool
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			selector := workflow.NewSelector(ctx)
			for i := range got {
				selector.AddReceive(workflow.GetSignalChannel(ctx, fmt.Sprintf("Signal%d", i+1)), func(c workflow.ReceiveChannel, _ bool) {
					c.Receive(ctx, nil)
					got[i] = true
				})
			}
			selector.Select(ctx)
		}
	})
	if err := workflow.Await(ctx, func() bool { return got[0] }); err != nil {
		return "", err
	}
	ok, err := workflow.AwaitWithTimeout(ctx, time.Minute, func() bool { return got[1] && got[2] })
	if err != nil || !ok {
		return "timed out", err
	}
	late, err := workflow.AwaitWithTimeout(ctx, 20*time.Millisecond, func() bool { return false })
	return fmt.Sprint("all three, and not ", late), err
}

// Cleanup waits for its cancel and cleans up after it.
func Cleanup(ctx workflow.Context) (err error) {
	ctx = quick(ctx)
	defer func() {
		if !errors.Is(ctx.Err(), workflow.ErrCanceled) {
			return
		}
		ctx, _ := workflow.NewDisconnectedContext(ctx)
		_ = workflow.ExecuteActivity(ctx, (*Activities).Step, "cleanup").Get(ctx, nil)
	}()
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute, HeartbeatTimeout: 10 * time.Second, WaitForCancellation: true,
	})
	var said string
	return workflow.ExecuteActivity(ctx, (*Activities).Slow).Get(ctx, &said)
}

// ActivityCancellation gives up an activity and does not wait for it.
func ActivityCancellation(ctx workflow.Context) (string, error) {
	cancelled, cancel := workflow.WithCancel(ctx)
	cancelled = workflow.WithActivityOptions(cancelled, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute, HeartbeatTimeout: 10 * time.Second,
	})
	future := workflow.ExecuteActivity(cancelled, (*Activities).Slow)
	if err := workflow.Sleep(ctx, 100*time.Millisecond); err != nil {
		return "", err
	}
	cancel()
	err := future.Get(ctx, nil)
	return fmt.Sprint(temporal.IsCanceledError(err), err), nil
}

// SleepForDays sleeps for days, or until it is told that it is complete.
func SleepForDays(ctx workflow.Context) (string, error) {
	complete := false
	for n := 0; !complete; n++ {
		workflow.NewSelector(ctx).
			AddFuture(workflow.NewTimer(ctx, 30*24*time.Hour), func(workflow.Future) {}).
			AddReceive(workflow.GetSignalChannel(ctx, "complete"), func(c workflow.ReceiveChannel, _ bool) {
				c.Receive(ctx, nil)
				complete = true
			}).
			Select(ctx)
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
	}
	return "done", nil
}

// RetryActivity relies on retries.
func RetryActivity(ctx workflow.Context, succeedsAt int32) (attempt int32, err error) {
	ctx = quick(ctx)
	err = workflow.ExecuteActivity(ctx, (*Activities).Flaky, succeedsAt).Get(ctx, &attempt)
	return attempt, err
}

// Polling retries with a constant interval until somebody has an answer.
func Polling(ctx workflow.Context) (attempt int32, err error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 2 * time.Second,
		RetryPolicy:         &temporal.RetryPolicy{BackoffCoefficient: 1, InitialInterval: 30 * time.Millisecond},
	})
	err = workflow.ExecuteActivity(ctx, (*Activities).Flaky, int32(3)).Get(ctx, &attempt)
	return attempt, err
}

// LocalGreeting uses local activities, which are ordinary ones here.
func LocalGreeting(ctx workflow.Context) (string, error) {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{ScheduleToCloseTimeout: 20 * time.Second})
	var a *Activities
	var name, all string
	if err := workflow.ExecuteLocalActivity(ctx, a.GetName).Get(ctx, &name); err != nil {
		return "", err
	}
	err := workflow.ExecuteLocalActivity(ctx, Compose, []string{"Hello", name}).Get(ctx, &all)
	return all, err
}

// Failing gives back the failure of an activity, taken apart.
func Failing(ctx workflow.Context) (string, error) {
	ctx = quick(ctx)
	err := workflow.ExecuteActivity(ctx, (*Activities).Step, "car").Get(ctx, nil)
	var activityError *temporal.ActivityError
	var applicationError *temporal.ApplicationError
	if !errors.As(err, &activityError) || !errors.As(err, &applicationError) {
		return "", errors.New("not an activity's error")
	}
	var name string
	var n int
	if e := applicationError.Details(&name, &n); e != nil {
		return "", e
	}
	return fmt.Sprintf("%s %s %s %d %v %s", activityError.ActivityType().GetName(), applicationError.Type(), name, n,
		applicationError.NonRetryable(), applicationError.Message()), nil
}
