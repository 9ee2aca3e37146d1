package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Statement is a node of a little language: an activity, or others in a row or at once.
type Statement struct {
	Activity string
	Sequence []*Statement
	Parallel []*Statement
}

// DSL runs a program that it is given.
func DSL(ctx workflow.Context, program *Statement) ([]string, error) {
	var done []string
	err := program.run(quick(ctx), &done)
	return done, err
}

func (s *Statement) run(ctx workflow.Context, done *[]string) error {
	if s.Activity != "" {
		var said string
		err := workflow.ExecuteActivity(ctx, (*Activities).Step, s.Activity).Get(ctx, &said)
		*done = append(*done, said)
		return err
	}
	for _, one := range s.Sequence {
		if err := one.run(ctx, done); err != nil {
			return err
		}
	}
	childCtx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	selector := workflow.NewSelector(ctx)
	var failed error
	for _, one := range s.Parallel {
		future, settable := workflow.NewFuture(ctx)
		workflow.Go(childCtx, func(ctx workflow.Context) { settable.Set(nil, one.run(ctx, done)) })
		selector.AddFuture(future, func(f workflow.Future) {
			if err := f.Get(ctx, nil); err != nil {
				failed = err
				cancel()
			}
		})
	}
	for range s.Parallel {
		selector.Select(ctx)
		if failed != nil {
			return failed
		}
	}
	return nil
}

// SplitMergeFuture waits for futures in the order of their start.
func SplitMergeFuture(ctx workflow.Context, n int) (sum int, err error) {
	ctx = quick(ctx)
	var futures []workflow.Future
	for i := range n {
		futures = append(futures, workflow.ExecuteActivity(ctx, (*Activities).Square, i))
	}
	for _, future := range futures {
		var square int
		if err := future.Get(ctx, &square); err != nil {
			return 0, err
		}
		sum += square
	}
	return sum, nil
}

// SplitMergeSelector takes results as they come.
func SplitMergeSelector(ctx workflow.Context, n int) (sum int, err error) {
	ctx = quick(ctx)
	selector := workflow.NewSelector(ctx)
	for i := range n {
		selector.AddFuture(workflow.ExecuteActivity(ctx, (*Activities).Square, i), func(f workflow.Future) {
			var square int
			err = errors.Join(err, f.Get(ctx, &square))
			sum += square
		})
	}
	for range n {
		selector.Select(ctx)
	}
	return sum, err
}

// PickFirst takes the quickest of two activities and cancels the other.
func PickFirst(ctx workflow.Context) (first int, err error) {
	childCtx, cancel := workflow.WithCancel(quick(ctx))
	selector := workflow.NewSelector(ctx)
	for _, milliseconds := range []int{1500, 20} {
		selector.AddFuture(workflow.ExecuteActivity(childCtx, (*Activities).Sleepy, milliseconds), func(f workflow.Future) {
			err = f.Get(ctx, &first)
		})
	}
	selector.Select(ctx)
	cancel()
	return first, err
}

// ChoiceExclusive does one of several things.
func ChoiceExclusive(ctx workflow.Context, order string) (string, error) {
	ctx = quick(ctx)
	var said string
	switch order {
	case "apple", "pear":
		err := workflow.ExecuteActivity(ctx, (*Activities).Step, order).Get(ctx, &said)
		return said, err
	}
	return "", temporal.NewApplicationError("no such fruit", "NoFruit", order)
}

// ProcessingTime sends a reminder when an activity takes long.
func ProcessingTime(ctx workflow.Context, milliseconds int) (reminded bool, err error) {
	ctx = quick(ctx)
	timerCtx, stop := workflow.WithCancel(ctx)
	selector := workflow.NewSelector(ctx)
	done := false
	selector.AddFuture(workflow.ExecuteActivity(ctx, (*Activities).Sleepy, milliseconds), func(f workflow.Future) {
		done = true
		stop()
		err = f.Get(ctx, nil)
	})
	selector.AddFuture(workflow.NewTimer(timerCtx, 300*time.Millisecond), func(f workflow.Future) {
		if !done {
			reminded = true
		}
	})
	for !done {
		selector.Select(ctx)
	}
	return reminded, err
}

// Branch runs branches at once.
func Branch(ctx workflow.Context, branches int) ([]string, error) {
	ctx = quick(ctx)
	results := make([]string, branches)
	group := workflow.NewWaitGroup(ctx)
	for i := range branches {
		group.Add(1)
		workflow.GoNamed(ctx, fmt.Sprintf("branch-%d", i), func(ctx workflow.Context) {
			defer group.Done()
			_ = workflow.ExecuteActivity(ctx, (*Activities).Step, fmt.Sprint(i)).Get(ctx, &results[i])
		})
	}
	group.Wait(ctx)
	return results, nil
}

// Goroutines passes values through channels of the workflow.
func Goroutines(ctx workflow.Context, n int) (int, error) {
	numbers := workflow.NewBufferedChannel(ctx, 2)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for i := 1; i <= n; i++ {
			numbers.Send(ctx, i)
		}
		numbers.Close()
	})
	sum, i := 0, 0
	for numbers.Receive(ctx, &i) {
		sum += i
	}
	return sum, nil
}

// Channels shows what channels, futures and semaphores do by themselves.
func Channels(ctx workflow.Context) (said []string, err error) {
	semaphore, lock := workflow.NewSemaphore(ctx, 2), workflow.NewMutex(ctx)
	group := workflow.NewWaitGroup(ctx)
	for i := range 4 {
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			_ = semaphore.Acquire(ctx, 1)
			defer semaphore.Release(1)
			_ = workflow.Sleep(ctx, 10*time.Millisecond)
			_ = lock.Lock(ctx)
			said = append(said, fmt.Sprint(i))
			lock.Unlock()
		})
	}
	group.Wait(ctx)
	future, settable := workflow.NewFuture(ctx)
	settable.SetError(errors.New("on purpose"))
	said = append(said, future.Get(ctx, nil).Error())
	channel := workflow.NewNamedChannel(ctx, "named")
	said = append(said, fmt.Sprint(channel.SendAsync(1), channel.ReceiveAsync(nil), channel.Len()))
	selector := workflow.NewSelector(ctx).AddReceive(channel, func(workflow.ReceiveChannel, bool) {})
	selector.AddDefault(func() { said = append(said, "default") })
	selector.Select(ctx)
	return said, nil
}

// Cron counts its runs.
func Cron(ctx workflow.Context) (int, error) {
	runs := 0
	if workflow.HasLastCompletionResult(ctx) {
		if err := workflow.GetLastCompletionResult(ctx, &runs); err != nil {
			return 0, err
		}
	}
	if err := workflow.GetLastError(ctx); err == nil && runs == 1 {
		return 0, errors.New("the second run fails")
	}
	return runs + 1, nil
}

// Header says which tenant it runs for, and which its activities and children do.
func Header(ctx workflow.Context, deep bool) (string, error) {
	tenant, _ := ctx.Value(contextKey{}).(string)
	if !deep {
		return tenant, nil
	}
	ctx = quick(ctx)
	var ofActivity, ofChild string
	if err := workflow.ExecuteActivity(ctx, (*Activities).Tenant).Get(ctx, &ofActivity); err != nil {
		return "", err
	}
	err := workflow.ExecuteChildWorkflow(ctx, Header, false).Get(ctx, &ofChild)
	return tenant + ofActivity + ofChild, err
}

// Info tells what a workflow knows about itself.
func Info(ctx workflow.Context) (map[string]string, error) {
	info := workflow.GetInfo(ctx)
	if err := workflow.Sleep(ctx, 10*time.Millisecond); err != nil {
		return nil, err
	}
	told := map[string]string{
		"id":        info.WorkflowExecution.ID,
		"run":       info.WorkflowExecution.RunID,
		"type":      info.WorkflowType.Name,
		"queue":     info.TaskQueueName,
		"namespace": info.Namespace,
		"attempt":   fmt.Sprint(info.Attempt),
		"first":     info.FirstRunID,
		"timeout":   info.WorkflowRunTimeout.String(),
		"length":    fmt.Sprint(info.GetCurrentHistoryLength()),
		"build":     info.GetCurrentBuildID(),
		"suggested": fmt.Sprint(info.GetContinueAsNewSuggested()),
		"priority":  fmt.Sprint(info.Priority.PriorityKey),
	}
	if age := workflow.Now(ctx).Sub(info.WorkflowStartTime); age < 10*time.Millisecond {
		return nil, fmt.Errorf("it slept for %v", age)
	}
	if workflow.Now(ctx) != time.Now().UTC() {
		return nil, errors.New("time.Now is not the workflow's time")
	}
	return told, nil
}

// Renamed has a name of its own.
func Renamed(ctx workflow.Context, name string) (string, error) {
	return "tag me: " + name, nil
}

// Dynamic is every type that has no function.
func Dynamic(ctx workflow.Context, args EncodedValues) (string, error) {
	var name string
	if err := args.Get(&name); err != nil {
		return "", err
	}
	return workflow.GetInfo(ctx).WorkflowType.Name + " of " + name, nil
}

// Logs writes to the log, and prints.
func Logs(ctx workflow.Context) error {
	logger := workflow.GetLogger(ctx)
	logger.Info("a line of the workflow's log", "number", 7)
	fmt.Println("a line that the workflow printed")
	return workflow.Sleep(ctx, 10*time.Millisecond)
}
