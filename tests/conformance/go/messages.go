package main

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Collector collects what signals `add` bring until there are as many as asked for; query
// `items` shows them.
func Collector(ctx workflow.Context, count int) ([]any, error) {
	items := []any{}
	err := workflow.SetQueryHandler(ctx, "items", func() ([]any, error) { return items, nil })
	if err != nil {
		return nil, err
	}
	added := workflow.GetSignalChannel(ctx, "add")
	for len(items) < count {
		var item any
		added.Receive(ctx, &item)
		items = append(items, item)
	}
	return items, nil
}

// Gate waits for signal `open`, so many milliseconds at most.
func Gate(ctx workflow.Context, waitMs int) (string, error) {
	open := false
	workflow.Go(ctx, func(ctx workflow.Context) {
		workflow.GetSignalChannel(ctx, "open").Receive(ctx, nil)
		open = true
	})
	limit := time.Duration(waitMs) * time.Millisecond
	opened, err := workflow.AwaitWithTimeout(ctx, limit, func() bool { return open })
	if !opened {
		return "too late", err
	}
	return "opened", err
}

// Account is a balance that updates change; signal `close` ends the run with it.
func Account(ctx workflow.Context) (int, error) {
	balance := 0
	handlers := []struct {
		name    string
		handler any
		options workflow.UpdateHandlerOptions
	}{
		{"add", func(ctx workflow.Context, amount int) (int, error) {
			balance += amount
			return balance, nil
		}, workflow.UpdateHandlerOptions{Validator: func(amount int) error {
			if balance+amount < 0 {
				return temporal.NewApplicationError("the balance cannot be negative", "Overdrawn")
			}
			return nil
		}}},
		{"add_from_activity", func(ctx workflow.Context, amount int) (int, error) {
			var added int
			given := input{"do": "echo", "value": amount}
			err := workflow.ExecuteActivity(once(ctx), "Do", given).Get(ctx, &added)
			balance += added
			return balance, err
		}, workflow.UpdateHandlerOptions{}},
		{"refuse", func(workflow.Context) error {
			return temporal.NewApplicationError("never", "Never")
		}, workflow.UpdateHandlerOptions{}},
	}
	for _, h := range handlers {
		err := workflow.SetUpdateHandlerWithOptions(ctx, h.name, h.handler, h.options)
		if err != nil {
			return 0, err
		}
	}
	workflow.GetSignalChannel(ctx, "close").Receive(ctx, nil)
	return balance, nil
}
