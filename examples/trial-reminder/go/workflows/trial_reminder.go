// Package workflows holds the trial reminder.
package workflows

import (
	"bytes"
	"encoding/json"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"example.com/trial/activities"
)

// Trial is how long a trial lasts unless the input says otherwise.
const Trial = 7 * 24 * time.Hour

// TrialInput is the user's ID alone, or an object that also says how long the trial is.
type TrialInput struct {
	UserID       string
	TrialSeconds int64
}

// UnmarshalJSON reads both.
func (i *TrialInput) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte{'"'}) {
		i.TrialSeconds = int64(Trial / time.Second)
		return json.Unmarshal(text, &i.UserID)
	}
	type object TrialInput
	return json.Unmarshal(text, (*object)(i))
}

// TrialReminderWorkflow sends a mail, sleeps, and sends another.
func TrialReminderWorkflow(ctx workflow.Context, input TrialInput) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 2 * time.Second},
	})
	var a *activities.Mails
	if err := workflow.ExecuteActivity(ctx, a.SendWelcomeEmail, input.UserID).Get(ctx, nil); err != nil {
		return err
	}
	trial := time.Duration(input.TrialSeconds) * time.Second
	if err := workflow.NewTimerWithOptions(ctx, trial, workflow.TimerOptions{Summary: "the trial"}).Get(ctx, nil); err != nil {
		return err
	}
	return workflow.ExecuteActivity(ctx, a.SendTrialEndingEmail, input.UserID).Get(ctx, nil)
}
