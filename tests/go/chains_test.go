package tests

import (
	"errors"
	"strings"
	"testing"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

// known is what the last run of a chain tells.
type known struct {
	RunID         string  `json:"run_id"`
	FirstRunID    string  `json:"first_run_id"`
	ContinuedFrom string  `json:"continued_from"`
	Initiator     string  `json:"initiator"`
	Attempt       int     `json:"attempt"`
	Failure       string  `json:"failure"`
	Memo          string  `json:"memo"`
	Done          int     `json:"done"`
	RunTimeout    float64 `json:"run_timeout_s"`
}

func statuses(t *testing.T, id string) map[enums.WorkflowExecutionStatus]int {
	t.Helper()
	listed, err := c.ListWorkflow(limited(t), &workflowservice.ListWorkflowExecutionsRequest{
		Query: "WorkflowId = '" + id + "'",
	})
	must(t, err)
	counts := map[enums.WorkflowExecutionStatus]int{}
	for _, run := range listed.Executions {
		counts[run.Status]++
	}
	return counts
}

func TestWF_13_AChainEndsWithTheResultOfItsLastRun(t *testing.T) {
	chain := options(newID(t))
	chain.Memo = map[string]any{"note": "kept"}
	run, err := c.ExecuteWorkflow(limited(t), chain, "Chain", map[string]any{"left": 5})
	must(t, err)
	first := run.GetRunID()
	var told known
	must(t, run.Get(limited(t), &told))
	if told.Done != 5 || told.FirstRunID != first || told.Memo != "kept" {
		t.Fatalf("%+v", told)
	}
	counts := statuses(t, run.GetID())
	if counts[enums.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW] != 5 ||
		counts[enums.WORKFLOW_EXECUTION_STATUS_COMPLETED] != 1 {
		t.Fatal(counts)
	}
	of := client.WorkflowRunGetOptions{DisableFollowingRuns: true}
	err = c.GetWorkflow(limited(t), run.GetID(), first).GetWithOptions(limited(t), nil, of)
	if err == nil || !strings.Contains(err.Error(), "continue as new") {
		t.Fatalf("the first run went on as another, got %v", err)
	}
}

func TestLIF_09_AFailedWorkflowIsTriedAgain(t *testing.T) {
	retried := options(newID(t))
	retried.RetryPolicy = &temporal.RetryPolicy{InitialInterval: 10 * time.Millisecond}
	run, err := c.ExecuteWorkflow(limited(t), retried, "Flaky", map[string]any{"until": 3})
	must(t, err)
	var told known
	must(t, run.Get(limited(t), &told))
	if told.Attempt != 3 || told.Failure != "attempt 2 fails" || told.Initiator != "Retry" {
		t.Fatalf("%+v", told)
	}
	counts := statuses(t, run.GetID())
	if counts[enums.WORKFLOW_EXECUTION_STATUS_FAILED] != 2 {
		t.Fatal(counts)
	}
	retried.ID = newID(t)
	retried.RetryPolicy.MaximumAttempts = 2
	run, err = c.ExecuteWorkflow(limited(t), retried, "Flaky", map[string]any{"until": 9})
	must(t, err)
	failure := failureOf[*temporal.ApplicationError](t, run)
	if failure.Message() != "attempt 2 fails" {
		t.Fatal(failure)
	}
}

func TestTIM_03_ACronSeriesRunsUntilItIsTerminated(t *testing.T) {
	cron := options(newID(t))
	cron.CronSchedule = "@every 1s"
	run, err := c.ExecuteWorkflow(limited(t), cron, "Ticker", nil)
	must(t, err)
	for statuses(t, run.GetID())[enums.WORKFLOW_EXECUTION_STATUS_COMPLETED] < 2 {
		time.Sleep(100 * time.Millisecond)
	}
	must(t, c.TerminateWorkflow(limited(t), run.GetID(), "", "enough"))
	failureOf[*temporal.TerminatedError](t, run)
	cron.ID, cron.CronSchedule = newID(t), "61 * * * *"
	_, err = c.ExecuteWorkflow(limited(t), cron, "Ticker", nil)
	var refused *serviceerror.InvalidArgument
	if !errors.As(err, &refused) || !strings.Contains(refused.Message, "minute") {
		t.Fatalf("expected the field that is wrong, got %v", err)
	}
}

func TestTIM_02_ADelayedRunBeginsLaterOrWithASignal(t *testing.T) {
	delayed := options(newID(t))
	delayed.StartDelay = time.Hour
	run, err := c.ExecuteWorkflow(limited(t), delayed, "Collector", 1)
	must(t, err)
	described, err := c.DescribeWorkflowExecution(limited(t), run.GetID(), "")
	must(t, err)
	info := described.WorkflowExecutionInfo
	if wait := info.ExecutionTime.AsTime().Sub(info.StartTime.AsTime()); wait != time.Hour {
		t.Fatal(wait)
	}
	must(t, c.SignalWorkflow(limited(t), run.GetID(), "", "add", "early"))
	var items []string
	must(t, run.Get(limited(t), &items))
	if len(items) != 1 {
		t.Fatal(items)
	}
}
