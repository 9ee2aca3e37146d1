package activities

// What the post leaves out of the activities: what it asks of the clients, and the
// activities that its workflows name and it does not print.

import (
	"context"
	"fmt"
)

// PaymentClient charges an order, once per order ID.
type PaymentClient interface {
	Charge(ctx context.Context, orderID string) (paymentID string, err error)
}

// InventoryClient takes an order's items out of stock.
type InventoryClient interface {
	Reserve(ctx context.Context, orderID string) error
}

// EmailClient sends a mail.
type EmailClient interface {
	Send(ctx context.Context, userID, text string) error
}

// GenerateInvoice writes the invoice.
func (a *Activities) GenerateInvoice(_ context.Context, orderID string) error {
	fmt.Println("invoice generated:", orderID)
	return nil
}

// NotifyWarehouse has the order shipped.
func (a *Activities) NotifyWarehouse(_ context.Context, orderID string) error {
	fmt.Println("warehouse notified:", orderID)
	return nil
}

// SendWelcomeEmail greets a new user.
func (a *Activities) SendWelcomeEmail(ctx context.Context, userID string) error {
	return a.Email.Send(ctx, userID, "Welcome")
}

// SendTrialEndingEmail tells a user that the trial is about to end.
func (a *Activities) SendTrialEndingEmail(ctx context.Context, userID string) error {
	return a.Email.Send(ctx, userID, "Your trial ends soon")
}
