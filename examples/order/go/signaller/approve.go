package main

import (
	"context"

	"go.temporal.io/sdk/client"
)

func approve(c client.Client) error {
	err := c.SignalWorkflow(
		context.Background(),
		"order-123",
		"",
		"approval",
		ApprovalSignal{
			Approved: true,
			Reason:   "manual approval completed",
		},
	)
	return err
}
