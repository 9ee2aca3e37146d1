package workflows

import (
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// EncodedValues are the arguments of a dynamic workflow.
type EncodedValues = converter.EncodedValues

// Counter is changed by updates, which a validator looks at first.
func Counter(ctx workflow.Context) (int, error) {
	counter := 0
	err := workflow.SetUpdateHandlerWithOptions(ctx, "add", func(ctx workflow.Context, n int) (int, error) {
		before := counter
		counter += n
		return before, nil
	}, workflow.UpdateHandlerOptions{
		Validator: func(ctx workflow.Context, n int) error {
			if n < 0 {
				return fmt.Errorf("addend must be non-negative (%v)", n)
			}
			return nil
		},
	})
	if err != nil {
		return 0, err
	}
	slow := func(ctx workflow.Context, n int) error {
		if err := workflow.Sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
		if n == 13 {
			return temporal.NewApplicationError("thirteen", "Unlucky")
		}
		counter += n
		return nil
	}
	if err := workflow.SetUpdateHandler(ctx, "add-slowly", slow); err != nil {
		return 0, err
	}
	if err := workflow.SetQueryHandler(ctx, "counter", func() (int, error) { return counter, nil }); err != nil {
		return 0, err
	}
	workflow.GetSignalChannel(ctx, "done").Receive(ctx, nil)
	return counter, workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}

// EarlyReturn answers its first update before it goes on.
func EarlyReturn(ctx workflow.Context, amount int) (string, error) {
	ctx = quick(ctx)
	ready, said := false, ""
	if err := workflow.SetUpdateHandler(ctx, "early", func(ctx workflow.Context) (string, error) {
		err := workflow.Await(ctx, func() bool { return ready })
		return said, err
	}); err != nil {
		return "", err
	}
	if err := workflow.ExecuteActivity(ctx, (*Activities).Step, fmt.Sprint(amount)).Get(ctx, &said); err != nil {
		return "", err
	}
	ready = true
	return "complete", workflow.Sleep(ctx, 200*time.Millisecond)
}

// Cluster assigns nodes to jobs: handlers that change shared state take turns.
func Cluster(ctx workflow.Context) (int, error) {
	nodes := map[string]string{"1": "", "2": "", "3": ""}
	lock := workflow.NewMutex(ctx)
	err := workflow.SetUpdateHandler(ctx, "assign", func(ctx workflow.Context, job string) ([]string, error) {
		if err := lock.Lock(ctx); err != nil {
			return nil, err
		}
		defer lock.Unlock()
		var mine []string
		for _, node := range []string{"1", "2", "3"} {
			if nodes[node] == "" && len(mine) < 1 {
				if err := workflow.Sleep(ctx, 20*time.Millisecond); err != nil {
					return nil, err
				}
				nodes[node] = job
				mine = append(mine, node)
			}
		}
		if mine == nil {
			return nil, temporal.NewApplicationError("no node left", "NoNode")
		}
		return mine, nil
	})
	if err != nil {
		return 0, err
	}
	workflow.GetSignalChannel(ctx, "shutdown").Receive(ctx, nil)
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return 0, err
	}
	taken := 0
	for _, job := range nodes {
		if job != "" {
			taken++
		}
	}
	return taken, nil
}

// Mutex hands a lock to who asks for it, one after the other.
func Mutex(ctx workflow.Context, locks int) (order []string, err error) {
	requests := workflow.GetSignalChannel(ctx, "request-lock")
	for range locks {
		var who string
		requests.Receive(ctx, &who)
		if err := workflow.SignalExternalWorkflow(ctx, who, "", "lock-acquired", who+"-release").Get(ctx, nil); err != nil {
			continue
		}
		order = append(order, who)
		workflow.GetSignalChannel(ctx, who+"-release").Receive(ctx, nil)
	}
	return order, nil
}

// Locker asks a Mutex for its lock and holds it for a while.
func Locker(ctx workflow.Context, mutex string) error {
	me := workflow.GetInfo(ctx).WorkflowExecution.ID
	if err := workflow.SignalExternalWorkflow(ctx, mutex, "", "request-lock", me).Get(ctx, nil); err != nil {
		return err
	}
	var release string
	workflow.GetSignalChannel(ctx, "lock-acquired").Receive(ctx, &release)
	if err := workflow.Sleep(ctx, 20*time.Millisecond); err != nil {
		return err
	}
	return workflow.SignalExternalWorkflow(ctx, mutex, "", release, nil).Get(ctx, nil)
}

// SignalsOther signals another workflow and tells what came of it.
func SignalsOther(ctx workflow.Context, id, signal string) (string, error) {
	err := workflow.SignalExternalWorkflow(ctx, id, "", signal, nil).Get(ctx, nil)
	var unknown *temporal.UnknownExternalWorkflowExecutionError
	if errors.As(err, &unknown) {
		return "unknown", nil
	}
	return "signalled", err
}

// CancelsOther cancels another workflow and tells what came of it.
func CancelsOther(ctx workflow.Context, id string) (string, error) {
	err := workflow.RequestCancelExternalWorkflow(ctx, id, "").Get(ctx, nil)
	var unknown *temporal.UnknownExternalWorkflowExecutionError
	if errors.As(err, &unknown) {
		return "unknown", nil
	}
	return "cancelled", err
}

// ChildFails tells how children fail.
func ChildFails(ctx workflow.Context) (said []string, err error) {
	me := workflow.GetInfo(ctx).WorkflowExecution.ID
	tell := func(err error) {
		var child *temporal.ChildWorkflowExecutionError
		var application *temporal.ApplicationError
		var started *temporal.ChildWorkflowExecutionAlreadyStartedError
		said = append(said, fmt.Sprint(errors.As(err, &child), errors.As(err, &application), errors.As(err, &started), temporal.IsCanceledError(err)))
	}
	tell(workflow.ExecuteChildWorkflow(ctx, ChoiceExclusive, "stone").Get(ctx, nil))
	same := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: me})
	tell(workflow.ExecuteChildWorkflow(same, SleepForDays).Get(ctx, nil))
	child, cancel := workflow.WithCancel(ctx)
	future := workflow.ExecuteChildWorkflow(child, Cleanup)
	if err := future.GetChildWorkflowExecution().Get(ctx, nil); err != nil {
		return said, err
	}
	if err := workflow.Sleep(ctx, 100*time.Millisecond); err != nil {
		return said, err
	}
	cancel()
	tell(future.Get(ctx, nil))
	return said, nil
}

// AbandonedChild leaves a child behind.
func AbandonedChild(ctx workflow.Context, id string) error {
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: id, ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_ABANDON,
	})
	return workflow.ExecuteChildWorkflow(ctx, SleepForDays).GetChildWorkflowExecution().Get(ctx, nil)
}

// Continues goes on with other options.
func Continues(ctx workflow.Context, rounds int) (string, error) {
	info := workflow.GetInfo(ctx)
	if rounds == 0 {
		return info.WorkflowRunTimeout.String(), nil
	}
	ctx = workflow.WithWorkflowRunTimeout(ctx, time.Duration(rounds)*time.Minute)
	return "", workflow.NewContinueAsNewError(ctx, "Continues", rounds-1)
}

// Attributes changes what lists show of it.
func Attributes(ctx workflow.Context) (string, error) {
	colour := temporal.NewSearchAttributeKeyKeyword("CustomKeywordField")
	number := temporal.NewSearchAttributeKeyInt64("CustomIntField")
	if err := workflow.UpsertTypedSearchAttributes(ctx, colour.ValueSet("green"), number.ValueSet(7)); err != nil {
		return "", err
	}
	if err := workflow.UpsertMemo(ctx, map[string]any{"note": "written", "gone": nil}); err != nil {
		return "", err
	}
	workflow.SetCurrentDetails(ctx, "in the middle")
	workflow.GetSignalChannel(ctx, "go-on").Receive(ctx, nil)
	if err := workflow.UpsertTypedSearchAttributes(ctx, number.ValueUnset()); err != nil {
		return "", err
	}
	all := workflow.GetTypedSearchAttributes(ctx)
	value, has := all.GetKeyword(colour)
	_, still := all.GetInt64(number)
	return fmt.Sprintf("%s %t %t", value, has, still), workflow.Sleep(ctx, 10*time.Millisecond)
}

// FileProcessing keeps its activities on one worker by a session.
func FileProcessing(ctx workflow.Context) (string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second, HeartbeatTimeout: 5 * time.Second, ScheduleToStartTimeout: 20 * time.Second,
	})
	session, err := workflow.CreateSession(ctx, &workflow.SessionOptions{CreationTimeout: 20 * time.Second, ExecutionTimeout: time.Minute})
	if err != nil {
		return "", err
	}
	defer workflow.CompleteSession(session)
	var said string
	for _, step := range []string{"download", "process", "upload"} {
		if err := workflow.ExecuteActivity(session, (*Activities).Step, step).Get(ctx, &said); err != nil {
			return "", err
		}
	}
	return said, nil
}

// CompletedElsewhere has an activity that a client completes.
func CompletedElsewhere(ctx workflow.Context, id string) (said string, err error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{ActivityID: id, StartToCloseTimeout: time.Minute})
	err = workflow.ExecuteActivity(ctx, (*Activities).Pending).Get(ctx, &said)
	return said, err
}
