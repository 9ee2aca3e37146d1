package activities

import (
	"context"
	"fmt"
)

type Activities struct {
	Payments  PaymentClient
	Inventory InventoryClient
	Email     EmailClient
}

func (a *Activities) ReserveInventory(ctx context.Context, orderID string) error {
	return a.Inventory.Reserve(ctx, orderID)
}

func (a *Activities) ChargePayment(ctx context.Context, orderID string) error {
	paymentID, err := a.Payments.Charge(ctx, orderID)
	if err != nil {
		return err
	}

	fmt.Println("payment charged:", paymentID)
	return nil
}

func (a *Activities) SendConfirmationEmail(ctx context.Context, userID string) error {
	return a.Email.Send(ctx, userID, "Your order is confirmed")
}
