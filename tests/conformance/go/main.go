// The behaviours of `tests/conformance/README.md`, in Go: a worker program as its language
// teaches it. Type names, inputs and the order of operations are what all languages share.
package main

import (
	"log"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
)

func main() {
	c, err := client.Dial(client.Options{})
	if err != nil {
		log.Fatalln("there is no server:", err)
	}
	defer c.Close()
	w := worker.New(c, "kit", worker.Options{})
	for _, workflow := range []any{
		Account, ActivityCancelled, ActivityFailureCaught, ActivityFailureReturned,
		ActivityResult, ActivityRetried, Cancellable, Child, ChildCancelled, ChildFails,
		Cleanup, Collector, Countdown, Echo, Fails, FanOut, Gate, Labels, Messenger, Parallel,
		Race, Random, Sleeps, TimerCancelled,
	} {
		w.RegisterWorkflow(workflow)
	}
	if err := w.Run(worker.InterruptCh()); err != nil {
		log.Fatalln("the worker ended:", err)
	}
}
