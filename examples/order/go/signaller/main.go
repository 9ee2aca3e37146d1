package main

// What the post leaves out around its signal: a connection.

import (
	"log"

	"example.com/app/workflows"
	"go.temporal.io/sdk/client"
)

// ApprovalSignal is the workflow's own type.
type ApprovalSignal = workflows.ApprovalSignal

func main() {
	c, err := client.Dial(client.Options{
		HostPort: "localhost:7233",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	if err := approve(c); err != nil {
		log.Fatal(err)
	}
	log.Println("approved")
}
