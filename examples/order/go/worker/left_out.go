package main

// What the post leaves out of the worker: the rest of the registrations, and clients
// of a payment provider, a stock and a mail service. These hold what they did in
// memory, and ask the outside world nothing.

import (
	"context"
	"sync"

	"example.com/app/activities"
	"example.com/app/workflows"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

func registerTheRest(w worker.Worker, a *activities.Activities) {
	w.RegisterActivity(a.GenerateInvoice)
	w.RegisterActivity(a.NotifyWarehouse)
	w.RegisterActivity(a.SendWelcomeEmail)
	w.RegisterActivity(a.SendTrialEndingEmail)
	w.RegisterWorkflowWithOptions(
		workflows.WithActivityOptions(workflows.ApprovalWorkflow),
		workflow.RegisterOptions{Name: "ApprovalWorkflow"},
	)
	w.RegisterWorkflowWithOptions(
		workflows.WithActivityOptions(workflows.TrialReminderWorkflow),
		workflow.RegisterOptions{Name: "TrialReminderWorkflow"},
	)
}

// payments is a provider that knows charges by their order: a second request for an
// order answers with the first one's charge.
type payments struct {
	sync.Mutex
	charges map[string]string
}

func NewPaymentClient() activities.PaymentClient {
	return &payments{charges: map[string]string{}}
}

func (p *payments) Charge(_ context.Context, orderID string) (string, error) {
	p.Lock()
	defer p.Unlock()
	if _, charged := p.charges[orderID]; !charged {
		p.charges[orderID] = "payment-of-" + orderID
	}
	return p.charges[orderID], nil
}

// inventory keeps who has reserved.
type inventory struct{ reserved sync.Map }

func NewInventoryClient() activities.InventoryClient { return &inventory{} }

func (i *inventory) Reserve(_ context.Context, orderID string) error {
	i.reserved.Store(orderID, true)
	return nil
}

// email keeps what was sent to whom.
type email struct{ sent sync.Map }

func NewEmailClient() activities.EmailClient { return &email{} }

func (e *email) Send(_ context.Context, userID, text string) error {
	e.sent.Store(userID+": "+text, true)
	return nil
}
