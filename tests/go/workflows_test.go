package tests

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func options(id string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{ID: id, TaskQueue: queue}
}

// start starts a run of the kit, with the options of the queue and an ID of its own.
func start(t *testing.T, workflow string, input ...any) client.WorkflowRun {
	t.Helper()
	run, err := c.ExecuteWorkflow(limited(t), options(newID(t)), workflow, input...)
	must(t, err)
	return run
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// failureOf waits for a run's end and expects an error of this kind.
func failureOf[E error](t *testing.T, run client.WorkflowRun) E {
	t.Helper()
	err := run.Get(limited(t), nil)
	var failure E
	if !errors.As(err, &failure) {
		t.Fatalf("expected %T, got %v", failure, err)
	}
	return failure
}

func TestMSG_01_SignalsArriveInOrder(t *testing.T) {
	run := start(t, "Collector", 50)
	expected := make([]int, 50)
	for n := range expected {
		expected[n] = n
		must(t, c.SignalWorkflow(limited(t), run.GetID(), "", "add", n))
	}
	var items []int
	must(t, run.Get(limited(t), &items))
	if !slices.Equal(items, expected) {
		t.Fatal(items)
	}
}

func query(t *testing.T, run client.WorkflowRun) []string {
	t.Helper()
	answer, err := c.QueryWorkflow(limited(t), run.GetID(), run.GetRunID(), "items")
	must(t, err)
	var items []string
	must(t, answer.Get(&items))
	return items
}

func TestMSG_08_QueriesSeeWhatWasAcknowledgedAndAnswerAfterTheClose(t *testing.T) {
	run := start(t, "Collector", 2)
	for _, item := range []string{"a", "b"} {
		must(t, c.SignalWorkflow(limited(t), run.GetID(), "", "add", item))
		if items := query(t, run); !slices.Contains(items, item) {
			t.Fatal(items)
		}
	}
	must(t, run.Get(limited(t), nil))
	if items := query(t, run); !slices.Equal(items, []string{"a", "b"}) {
		t.Fatal(items)
	}
	_, err := c.QueryWorkflow(limited(t), run.GetID(), "", "nothing")
	var refused *serviceerror.QueryFailed
	if !errors.As(err, &refused) || !strings.Contains(refused.Message, "items") {
		t.Fatalf("expected a refusal that names the queries, got %v", err)
	}
}

func TestLIF_03_AnOpenRunKeepsItsID(t *testing.T) {
	run := start(t, "Collector", 1)
	same, err := c.ExecuteWorkflow(limited(t), options(run.GetID()), "Collector", 1)
	must(t, err)
	if same.GetRunID() != run.GetRunID() {
		t.Fatal("the SDK gives the run that is there")
	}
	strict := options(run.GetID())
	strict.WorkflowExecutionErrorWhenAlreadyStarted = true
	_, err = c.ExecuteWorkflow(limited(t), strict, "Collector", 1)
	var taken *serviceerror.WorkflowExecutionAlreadyStarted
	if !errors.As(err, &taken) || taken.RunId != run.GetRunID() {
		t.Fatalf("expected the run ID of the open run, got %v", err)
	}
	strict.WorkflowIDConflictPolicy = enums.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING
	other, err := c.ExecuteWorkflow(limited(t), strict, "Collector", 1)
	must(t, err)
	if other.GetRunID() == run.GetRunID() {
		t.Fatal("a new run takes the ID")
	}
	old := c.GetWorkflow(limited(t), run.GetID(), run.GetRunID())
	failureOf[*temporal.TerminatedError](t, old)
}

func TestLIF_02_AClosedRunMayKeepItsID(t *testing.T) {
	run := start(t, "Collector", 0)
	must(t, run.Get(limited(t), nil))
	for _, policy := range []enums.WorkflowIdReusePolicy{
		enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
	} {
		strict := options(run.GetID())
		strict.WorkflowExecutionErrorWhenAlreadyStarted = true
		strict.WorkflowIDReusePolicy = policy
		_, err := c.ExecuteWorkflow(limited(t), strict, "Collector", 0)
		var taken *serviceerror.WorkflowExecutionAlreadyStarted
		if !errors.As(err, &taken) {
			t.Fatalf("%v: expected a refusal, got %v", policy, err)
		}
	}
	again, err := c.ExecuteWorkflow(limited(t), options(run.GetID()), "Collector", 0)
	must(t, err)
	if again.GetRunID() == run.GetRunID() {
		t.Fatal("a new run begins")
	}
}

func TestLIF_11_ACancelledWorkflowCleansUp(t *testing.T) {
	run := start(t, "Sleeper", 600_000)
	must(t, c.CancelWorkflow(limited(t), run.GetID(), run.GetRunID()))
	failureOf[*temporal.CanceledError](t, run)
	cleaned := false
	for _, event := range historyOf(t, run, false) {
		cleaned = cleaned || event.GetEventType() == enums.EVENT_TYPE_ACTIVITY_TASK_COMPLETED
	}
	if !cleaned {
		t.Fatal("the cleanup ran")
	}
}

func TestLIF_12_ATerminatedWorkflowRunsNoMoreCode(t *testing.T) {
	run := start(t, "Collector", 1)
	must(t, c.TerminateWorkflow(limited(t), run.GetID(), "", "enough", "a detail"))
	failureOf[*temporal.TerminatedError](t, run)
	err := c.SignalWorkflow(limited(t), run.GetID(), "", "add", 1)
	var closed *serviceerror.NotFound
	if !errors.As(err, &closed) {
		t.Fatalf("expected that the run is closed, got %v", err)
	}
}

func TestLIF_06_AnExecutionTimesOut(t *testing.T) {
	short := options(newID(t))
	short.WorkflowExecutionTimeout = 200 * time.Millisecond
	run, err := c.ExecuteWorkflow(limited(t), short, "Collector", 1)
	must(t, err)
	failureOf[*temporal.TimeoutError](t, run)
}

func TestTIM_01_ATimerFires(t *testing.T) {
	var result string
	must(t, start(t, "Sleeper", 100).Get(limited(t), &result))
	if result != "slept" {
		t.Fatal(result)
	}
}

func TestWF_21_AFailureKeepsItsTypeAndDetails(t *testing.T) {
	failure := failureOf[*temporal.ApplicationError](t, start(t, "Failer", "not today"))
	var detail string
	must(t, failure.Details(&detail))
	if failure.Message() != "not today" || failure.Type() != "Declined" || detail != "a detail" {
		t.Fatal(failure, failure.Type(), detail)
	}
}

func TestDescribeShowsTheRun(t *testing.T) {
	run := start(t, "Collector", 1)
	described, err := c.DescribeWorkflowExecution(limited(t), run.GetID(), "")
	must(t, err)
	info := described.GetWorkflowExecutionInfo()
	if info.GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING ||
		info.GetType().GetName() != "Collector" || info.GetTaskQueue() != queue ||
		info.GetExecution().GetRunId() != run.GetRunID() || info.GetStartTime() == nil {
		t.Fatal(info)
	}
	must(t, c.SignalWorkflow(limited(t), run.GetID(), "", "add", 1))
	must(t, run.Get(limited(t), nil))
	described, err = c.DescribeWorkflowExecution(limited(t), run.GetID(), run.GetRunID())
	must(t, err)
	info = described.GetWorkflowExecutionInfo()
	if info.GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_COMPLETED ||
		info.GetCloseTime() == nil || info.GetHistoryLength() == 0 {
		t.Fatal(info)
	}
}

func TestVIS_01And02_ListsAndCounts(t *testing.T) {
	waiting := map[string]bool{}
	for range 5 {
		waiting[start(t, "Collector", 1).GetID()] = true
	}
	request := &workflowservice.ListWorkflowExecutionsRequest{
		PageSize: 2,
		Query:    "WorkflowType = 'Collector' AND ExecutionStatus = 'Running'",
	}
	for len(waiting) > 0 {
		page, err := c.ListWorkflow(limited(t), request)
		must(t, err)
		for _, run := range page.GetExecutions() {
			delete(waiting, run.GetExecution().GetWorkflowId())
		}
		request.NextPageToken = page.GetNextPageToken()
		if len(request.NextPageToken) == 0 {
			break
		}
	}
	if len(waiting) > 0 {
		t.Fatalf("not listed: %v", waiting)
	}
	id := start(t, "Collector", 1).GetID()
	counted, err := c.CountWorkflow(limited(t), &workflowservice.CountWorkflowExecutionsRequest{
		Query: fmt.Sprintf("WorkflowId = '%s'", id),
	})
	must(t, err)
	if counted.GetCount() != 1 {
		t.Fatal(counted)
	}
	_, err = c.CountWorkflow(limited(t), &workflowservice.CountWorkflowExecutionsRequest{
		Query: "Colour = 'red'",
	})
	var refused *serviceerror.InvalidArgument
	if !errors.As(err, &refused) || !strings.Contains(refused.Message, "character 1") {
		t.Fatalf("expected a refusal that says where, got %v", err)
	}
}

func TestBadInputIsRefusedInWords(t *testing.T) {
	_, err := c.ExecuteWorkflow(limited(t), options(newID(t)), "Nothing")
	var unknown *serviceerror.NotFound
	if !errors.As(err, &unknown) || !strings.Contains(unknown.Message, "mainspring component upload") {
		t.Fatalf("expected the way out, got %v", err)
	}
	for size, limit := range map[int]string{2_200_000: "payload-bytes", 6_000_000: "request-bytes"} {
		_, err := c.ExecuteWorkflow(limited(t), options(newID(t)), "Failer", strings.Repeat("x", size))
		var tooLarge *serviceerror.InvalidArgument
		if !errors.As(err, &tooLarge) || !strings.Contains(tooLarge.Message, limit) {
			t.Fatalf("expected the limit %s, got %v", limit, err)
		}
	}
	if err := c.SignalWorkflow(limited(t), newID(t), "", "add", nil); !errors.As(err, &unknown) {
		t.Fatalf("expected that there is no such run, got %v", err)
	}
}
