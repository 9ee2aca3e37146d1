package workflows_test

import (
	"testing"

	"go.temporal.io/sdk/testsuite"

	"{{name}}/activities"
	"{{name}}/workflows"
)

func TestTheWorkflowGreets(t *testing.T) {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterActivity(activities.ComposeGreeting)
	env.ExecuteWorkflow(workflows.GreetingWorkflow, "you")
	var greeting string
	if err := env.GetWorkflowResult(&greeting); err != nil {
		t.Fatal(err)
	}
	if greeting != "Hello, you!" {
		t.Fatalf("got %q", greeting)
	}
}
