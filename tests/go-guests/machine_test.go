package guests

import (
	"errors"
	"strings"
	"testing"

	"example.com/guests/workflows"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

// blocked waits until a run's task fails, and gives the reason.
func blocked(t *testing.T, run client.WorkflowRun) (reason string) {
	t.Helper()
	t.Cleanup(func() { must(t, c.TerminateWorkflow(limited(t), run.GetID(), "", "over")) })
	eventually(t, "the workflow task fails", func() bool {
		for _, event := range history(t, run) {
			if failed := event.GetWorkflowTaskFailedEventAttributes(); failed != nil {
				reason = failed.GetFailure().GetMessage()
				return true
			}
			if event.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED {
				t.Fatal("the run has failed: ", event)
			}
		}
		return false
	})
	return reason
}

func contains(t *testing.T, said string, all ...string) {
	t.Helper()
	for _, part := range all {
		if !strings.Contains(said, part) {
			t.Fatalf("%q does not say %q", said, part)
		}
	}
}

func TestAPanicBlocksTheRunAndNamesItsLine(t *testing.T) {
	reason := blocked(t, start(t, workflows.Panics))
	contains(t, reason, "assignment to entry in nil map", "workflows/machine.go:")
}

func TestAPanicFailsTheRunWhereTheWorkerSaysSo(t *testing.T) {
	options := client.StartWorkflowOptions{ID: newID(t), TaskQueue: "fails-on-panic"}
	run, err := c.ExecuteWorkflow(limited(t), options, workflows.FailsOnPanic)
	must(t, err)
	var failure *temporal.ApplicationError
	if err := run.Get(limited(t), nil); !errors.As(err, &failure) || !strings.Contains(err.Error(), "on purpose") {
		t.Fatal(err)
	}
}

func TestWhatNoWorkflowCanDoIsRefusedByName(t *testing.T) {
	for what, said := range map[string][]string{
		"file":    {"os.Open(/etc/passwd)", "in an activity", "workflows/machine.go:"},
		"network": {"net.Dial(tcp, 127.0.0.1:80)", "in an activity", "workflows/machine.go:"},
		"http":    {"net.Dial(tcp, 127.0.0.1:80)", "in an activity"},
		"exit":    {"os.Exit", "return an error", "workflows/machine.go:"},
		"sleep":   {"workflow.Sleep", "workflows/machine.go:"},
		"channel": {"workflow.Channel", "workflows/machine.go:"},
		"loop":    {"event-cpu"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			contains(t, blocked(t, start(t, workflows.Refused, what)), said...)
		})
	}
}

// The server forgets the run after each step: every step is done again for the next one,
// and a choice that fell otherwise would stop the run.
func TestChoicesFallTheSameInEveryReplay(t *testing.T) {
	var runs []client.WorkflowRun
	for range 5 {
		runs = append(runs, start(t, workflows.Torture, 5))
	}
	seen := map[string]bool{}
	for _, run := range runs {
		said := result[[]string](t, run)
		seen[said[3]] = true // An identifier of the first round.
		for _, event := range history(t, run) {
			if failed := event.GetWorkflowTaskFailedEventAttributes(); failed != nil {
				t.Fatal(failed)
			}
		}
	}
	equal(t, len(seen), len(runs)) // And otherwise from run to run.
}

func TestMemoryIsGivenBack(t *testing.T) {
	equal(t, result[int](t, start(t, workflows.Memory, 20)), 80)
}

func TestWhatIsPrintedIsLogged(t *testing.T) {
	must(t, start(t, workflows.Logs).Get(limited(t), nil))
	for _, line := range []string{"a line of the workflow's log", "a line that the workflow printed"} {
		eventually(t, line, func() bool { return strings.Count(home.said(), line) > 0 })
		equal(t, strings.Count(home.said(), line), 1) // Once, and not in replays.
	}
}
