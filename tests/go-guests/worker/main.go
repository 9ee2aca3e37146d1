// The worker program of these tests: a usual one. It is built for WebAssembly as it is,
// and its workflows run in the server; as a native program it would run them too.
package main

import (
	"log"

	"example.com/guests/workflows"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
)

func main() {
	options, err := workflows.ClientOptions()
	if err != nil {
		log.Fatalln("no options", err)
	}
	c, err := client.Dial(options)
	if err != nil {
		log.Fatalln("unable to create client", err)
	}
	defer c.Close()

	w := worker.New(c, workflows.TaskQueue, worker.Options{EnableSessionWorker: true})
	workflows.RegisterWorkflows(w)
	workflows.RegisterActivities(w)

	fails := worker.New(c, "fails-on-panic", worker.Options{WorkflowPanicPolicy: worker.FailWorkflow})
	fails.RegisterWorkflow(workflows.FailsOnPanic)
	if err := fails.Start(); err != nil {
		log.Fatalln("unable to start worker", err)
	}

	if err := w.Run(worker.InterruptCh()); err != nil {
		log.Fatalln("unable to start worker", err)
	}
}
