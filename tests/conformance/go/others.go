package main

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Echo gives its input back.
func Echo(_ workflow.Context, value any) (any, error) {
	return value, nil
}

// Fails fails with type `Declined`, a detail and, if asked for, without retry.
func Fails(_ workflow.Context, final bool) error {
	return temporal.NewApplicationErrorWithOptions("no funds", "Declined",
		temporal.ApplicationErrorOptions{NonRetryable: final, Details: []any{input{"short": 5}}})
}

// Countdown continues as new until the count is zero.
func Countdown(ctx workflow.Context, left int) (string, error) {
	if left > 0 {
		return "", workflow.NewContinueAsNewError(ctx, Countdown, left-1)
	}
	return "lift-off", nil
}

var colour = temporal.NewSearchAttributeKeyKeyword("Colour")

// Labels sets a search attribute and a field of the memo, sleeps, and takes them away.
func Labels(ctx workflow.Context) error {
	if err := workflow.UpsertTypedSearchAttributes(ctx, colour.ValueSet("red")); err != nil {
		return err
	}
	if err := workflow.UpsertMemo(ctx, map[string]any{"note": "hello"}); err != nil {
		return err
	}
	if err := workflow.Sleep(ctx, 10*time.Millisecond); err != nil {
		return err
	}
	return workflow.UpsertTypedSearchAttributes(ctx, colour.ValueUnset())
}

func child(ctx workflow.Context) workflow.Context {
	return workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:          workflow.GetInfo(ctx).WorkflowExecution.ID + "-child",
		WaitForCancellation: true,
	})
}

// Child has the result of a child.
func Child(ctx workflow.Context, value any) (result any, err error) {
	err = workflow.ExecuteChildWorkflow(child(ctx), Echo, value).Get(ctx, &result)
	return result, err
}

// ChildFails does not catch its child's failure.
func ChildFails(ctx workflow.Context) error {
	return workflow.ExecuteChildWorkflow(child(ctx), Fails, true).Get(ctx, nil)
}

// ChildCancelled waits for its child, which is cancelled with it.
func ChildCancelled(ctx workflow.Context) error {
	return workflow.ExecuteChildWorkflow(child(ctx), Cancellable).Get(ctx, nil)
}

// Messenger signals another workflow and asks it to cancel itself.
func Messenger(ctx workflow.Context, to string) ([]bool, error) {
	signalled := workflow.SignalExternalWorkflow(ctx, to, "", "add", "hello").Get(ctx, nil)
	cancelled := workflow.RequestCancelExternalWorkflow(ctx, to, "").Get(ctx, nil)
	return []bool{signalled == nil, cancelled == nil}, nil
}
