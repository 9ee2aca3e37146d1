package workflows

import (
	"go.temporal.io/sdk/workflow"
	"time"
)

func TrialReminderWorkflow(ctx workflow.Context, userID string) error {
	if err := workflow.ExecuteActivity(ctx, SendWelcomeEmail, userID).Get(ctx, nil); err != nil {
		return err
	}
	if err := workflow.Sleep(ctx, 7*24*time.Hour); err != nil {
		return err
	}
	return workflow.ExecuteActivity(ctx, SendTrialEndingEmail, userID).Get(ctx, nil)
}
