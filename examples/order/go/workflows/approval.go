package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

type ApprovalSignal struct {
	Approved bool
	Reason   string
}

func ApprovalWorkflow(ctx workflow.Context, orderID string) error {
	var signal ApprovalSignal

	signalChan := workflow.GetSignalChannel(ctx, "approval")
	signalChan.Receive(ctx, &signal)

	if !signal.Approved {
		return temporal.NewApplicationError(
			"approval rejected",
			"ApprovalRejected",
			signal.Reason,
		)
	}

	return workflow.ExecuteActivity(ctx, ChargePayment, orderID).Get(ctx, nil)
}
