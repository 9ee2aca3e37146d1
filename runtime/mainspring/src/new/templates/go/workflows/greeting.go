// Package workflows holds what has to happen, in order. It runs inside the server.
package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"
)

// GreetingWorkflow composes a greeting, waits a moment, and gives it back.
func GreetingWorkflow(ctx workflow.Context, name string) (string, error) {
	step := "composing"
	status := func() (string, error) { return step, nil }
	if err := workflow.SetQueryHandler(ctx, "status", status); err != nil {
		return "", err
	}
	options := workflow.ActivityOptions{StartToCloseTimeout: 30 * time.Second}
	ctx = workflow.WithActivityOptions(ctx, options)
	var greeting string
	if err := workflow.ExecuteActivity(ctx, "ComposeGreeting", name).Get(ctx, &greeting); err != nil {
		return "", err
	}
	step = "waiting"
	if err := workflow.Sleep(ctx, time.Second); err != nil {
		return "", err
	}
	step = "done"
	return greeting, nil
}
