// Starts one workflow and waits for its result.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"go.temporal.io/sdk/client"

	"{{name}}/workflows"
)

func main() {
	name := "world"
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	c, err := client.Dial(client.Options{HostPort: os.Getenv("TEMPORAL_ADDRESS")})
	if err != nil {
		log.Fatalln("cannot connect:", err)
	}
	defer c.Close()
	options := client.StartWorkflowOptions{TaskQueue: "{{name}}"}
	run, err := c.ExecuteWorkflow(context.Background(), options, workflows.GreetingWorkflow, name)
	if err != nil {
		log.Fatalln("cannot start the workflow:", err)
	}
	var greeting string
	if err := run.Get(context.Background(), &greeting); err != nil {
		log.Fatalln("the workflow failed:", err)
	}
	fmt.Println(greeting)
}
