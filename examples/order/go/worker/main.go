package main

import (
	"log"

	"example.com/app/activities"
	"example.com/app/workflows"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
)

const TaskQueue = "orders"

func main() {
	c, err := client.Dial(client.Options{
		HostPort: "localhost:7233",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	w := worker.New(c, TaskQueue, worker.Options{})

	w.RegisterWorkflow(workflows.OrderWorkflow)

	a := &activities.Activities{
		Payments:  NewPaymentClient(),
		Inventory: NewInventoryClient(),
		Email:     NewEmailClient(),
	}

	w.RegisterActivity(a.ReserveInventory)
	w.RegisterActivity(a.ChargePayment)
	w.RegisterActivity(a.SendConfirmationEmail)
	registerTheRest(w, a) // Not in the post: see left_out.go.

	if err := w.Run(worker.InterruptCh()); err != nil {
		log.Fatal(err)
	}
}
