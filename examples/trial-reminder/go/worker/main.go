package main

import (
	"log"
	"os"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"example.com/trial/activities"
	"example.com/trial/workflows"
)

func main() {
	c, err := client.Dial(client.Options{})
	if err != nil {
		log.Fatalln("cannot reach the server:", err)
	}
	defer c.Close()

	w := worker.New(c, "trials", worker.Options{})
	w.RegisterWorkflow(workflows.TrialReminderWorkflow)
	w.RegisterActivity(&activities.Mails{To: os.Stdout})
	if err := w.Run(worker.InterruptCh()); err != nil {
		log.Fatalln("the worker stopped:", err)
	}
}
