// The worker: built for the server it is the workflow, run by itself it does the
// activities. Not a line differs.
package main

import (
	"log"
	"os"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"{{name}}/activities"
	"{{name}}/workflows"
)

func main() {
	c, err := client.Dial(client.Options{HostPort: address()})
	if err != nil {
		log.Fatalln("cannot connect:", err)
	}
	defer c.Close()
	w := worker.New(c, "{{name}}", worker.Options{})
	w.RegisterWorkflow(workflows.GreetingWorkflow)
	w.RegisterActivity(activities.ComposeGreeting)
	if err := w.Run(worker.InterruptCh()); err != nil {
		log.Fatalln("the worker stopped:", err)
	}
}

func address() string {
	if address := os.Getenv("TEMPORAL_ADDRESS"); address != "" {
		return address
	}
	return client.DefaultHostPort
}
