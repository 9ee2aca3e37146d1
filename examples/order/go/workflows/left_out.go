package workflows

// What the post leaves out of the workflows: the identifiers of the activities, and
// how long an activity may take in the two workflows that do not say it.

import (
	"time"

	"go.temporal.io/sdk/workflow"
)

// The activities, by their names: a workflow needs nothing else of them.
const (
	ReserveInventory      = "ReserveInventory"
	ChargePayment         = "ChargePayment"
	GenerateInvoice       = "GenerateInvoice"
	SendConfirmationEmail = "SendConfirmationEmail"
	NotifyWarehouse       = "NotifyWarehouse"
	SendWelcomeEmail      = "SendWelcomeEmail"
	SendTrialEndingEmail  = "SendTrialEndingEmail"
)

// WithActivityOptions gives a workflow's activities a minute per attempt: the SDK
// starts none without a timeout.
func WithActivityOptions[Input any](
	run func(workflow.Context, Input) error,
) func(workflow.Context, Input) error {
	return func(ctx workflow.Context, input Input) error {
		options := workflow.ActivityOptions{StartToCloseTimeout: time.Minute}
		return run(workflow.WithActivityOptions(ctx, options), input)
	}
}
