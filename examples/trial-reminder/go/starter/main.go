package main

import (
	"context"
	"flag"
	"log"

	"go.temporal.io/sdk/client"

	"example.com/trial/workflows"
)

func main() {
	user := flag.String("user", "user-456", "whose trial begins")
	seconds := flag.Int64("seconds", int64(workflows.Trial.Seconds()), "how long it is")
	flag.Parse()
	c, err := client.Dial(client.Options{})
	if err != nil {
		log.Fatalln("cannot reach the server:", err)
	}
	defer c.Close()
	options := client.StartWorkflowOptions{ID: "trial-" + *user, TaskQueue: "trials"}
	input := workflows.TrialInput{UserID: *user, TrialSeconds: *seconds}
	run, err := c.ExecuteWorkflow(context.Background(), options, workflows.TrialReminderWorkflow, input)
	if err != nil {
		log.Fatalln("cannot start the trial:", err)
	}
	log.Println("trial started:", run.GetID())
}
