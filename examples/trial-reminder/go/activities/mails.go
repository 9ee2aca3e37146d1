// Package activities sends mails.
package activities

import (
	"context"
	"fmt"
	"io"
)

// Mails sends mails by writing them down.
type Mails struct{ To io.Writer }

// SendWelcomeEmail greets a new user.
func (m *Mails) SendWelcomeEmail(_ context.Context, userID string) error {
	_, err := fmt.Fprintf(m.To, "to %s: Welcome!\n", userID)
	return err
}

// SendTrialEndingEmail tells a user that the trial is about to end.
func (m *Mails) SendTrialEndingEmail(_ context.Context, userID string) error {
	_, err := fmt.Fprintf(m.To, "to %s: Your trial ends soon.\n", userID)
	return err
}
