package main

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

type input map[string]any

// One minute for each attempt, no retry.
func once(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
	})
}

func do(ctx workflow.Context, given input) (result any, err error) {
	err = workflow.ExecuteActivity(once(ctx), "Do", given).Get(ctx, &result)
	return result, err
}

func declined() input {
	return input{
		"do": "fail", "type": "Declined", "message": "no funds", "detail": input{"short": 5},
	}
}

// ActivityResult is one activity, and its result.
func ActivityResult(ctx workflow.Context, name string) (any, error) {
	return do(ctx, input{"do": "echo", "value": "Hello, " + name + "!"})
}

// ActivityRetried is an activity that succeeds at its third attempt.
func ActivityRetried(ctx workflow.Context) (result any, err error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: 10 * time.Millisecond, MaximumAttempts: 5,
		},
	})
	given := input{"do": "fail until", "attempt": 3}
	err = workflow.ExecuteActivity(ctx, "Do", given).Get(ctx, &result)
	return result, err
}

// ActivityFailureReturned does not catch its activity's failure.
func ActivityFailureReturned(ctx workflow.Context) (any, error) {
	return do(ctx, declined())
}

// ActivityFailureCaught reads the type of its activity's failure.
func ActivityFailureCaught(ctx workflow.Context) (any, error) {
	_, err := do(ctx, declined())
	if err == nil {
		return "it succeeded", nil
	}
	kind := "none"
	var failure *temporal.ApplicationError
	if errors.As(err, &failure) {
		kind = failure.Type()
	}
	return do(ctx, input{"do": "echo", "value": kind})
}

// Parallel has three activities at once, and their results in the order of the calls.
func Parallel(ctx workflow.Context) ([]any, error) {
	var calls []workflow.Future
	for _, value := range []string{"a", "b", "c"} {
		given := input{"do": "echo", "value": value}
		calls = append(calls, workflow.ExecuteActivity(once(ctx), "Do", given))
	}
	results := make([]any, len(calls))
	for i, call := range calls {
		if err := call.Get(ctx, &results[i]); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// FanOut has so many activities at once, and the sum of their results.
func FanOut(ctx workflow.Context, count int) (int, error) {
	var calls []workflow.Future
	for value := range count {
		given := input{"do": "echo", "value": value}
		calls = append(calls, workflow.ExecuteActivity(once(ctx), "Do", given))
	}
	sum := 0
	for _, call := range calls {
		var value int
		if err := call.Get(ctx, &value); err != nil {
			return 0, err
		}
		sum += value
	}
	return sum, nil
}
