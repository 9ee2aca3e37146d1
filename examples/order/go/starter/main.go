package main

import (
	"context"
	"log"

	"example.com/app/workflows"
	"go.temporal.io/sdk/client"
)

func main() {
	c, err := client.Dial(client.Options{
		HostPort: "localhost:7233",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	opts := client.StartWorkflowOptions{
		ID:        "order-123",
		TaskQueue: "orders",
	}

	run, err := c.ExecuteWorkflow(
		context.Background(),
		opts,
		workflows.OrderWorkflow,
		workflows.OrderInput{
			OrderID: "order-123",
			UserID:  "user-456",
		},
	)
	if err != nil {
		log.Fatal(err)
	}

	log.Println("workflow started", run.GetID(), run.GetRunID())
}
