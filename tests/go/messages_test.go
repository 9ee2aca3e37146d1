package tests

import (
	"errors"
	"testing"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

// send sends an update and waits until it has come as far as asked for.
func send(
	t *testing.T, run client.WorkflowRun, stage client.WorkflowUpdateStage,
	id, name string, arguments ...any,
) (client.WorkflowUpdateHandle, error) {
	t.Helper()
	return c.UpdateWorkflow(limited(t), client.UpdateWorkflowOptions{
		WorkflowID: run.GetID(), UpdateID: id, UpdateName: name,
		Args: arguments, WaitForStage: stage,
	})
}

func update(t *testing.T, run client.WorkflowRun, id, name string, arguments ...any) (int, error) {
	t.Helper()
	handle, err := send(t, run, client.WorkflowUpdateStageCompleted, id, name, arguments...)
	if err != nil {
		return 0, err
	}
	var answer int
	return answer, handle.Get(limited(t), &answer)
}

func expect(t *testing.T, answer int, err error, expected int) {
	t.Helper()
	must(t, err)
	if answer != expected {
		t.Fatalf("%d is not %d", answer, expected)
	}
}

func TestMSG_11_UpdatesAnswerAndAreFoundById(t *testing.T) {
	run := start(t, "Account", 1)
	answer, err := update(t, run, "add", "add", 2)
	expect(t, answer, err, 3)
	waits, err := send(t, run, client.WorkflowUpdateStageAccepted, "waits", "wait_for_signals", 1)
	must(t, err)
	must(t, c.SignalWorkflow(limited(t), run.GetID(), "", "poke", nil))
	var poked int
	must(t, waits.Get(limited(t), &poked))
	found := c.GetWorkflowUpdateHandle(client.GetWorkflowUpdateHandleOptions{
		WorkflowID: run.GetID(), UpdateID: "add",
	})
	must(t, found.Get(limited(t), &answer))
	expect(t, answer, nil, 3)
	must(t, c.SignalWorkflow(limited(t), run.GetID(), "", "close", nil))
	must(t, run.Get(limited(t), &answer))
	expect(t, answer, nil, 3)
}

func TestMSG_12_ARejectedUpdateFailsAndLeavesNoTrace(t *testing.T) {
	run := start(t, "Account", 0)
	_, err := update(t, run, "no", "add", -1)
	var failure *temporal.ApplicationError
	if !errors.As(err, &failure) || failure.Type() != "Overdrawn" {
		t.Fatal(err)
	}
	events := c.GetWorkflowHistory(limited(t), run.GetID(), "", false,
		enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	count := 0
	for ; events.HasNext(); count++ {
		_, err := events.Next()
		must(t, err)
	}
	if count != 4 {
		t.Fatalf("%d events", count)
	}
}

func TestMSG_13_TheSameIdIsOneUpdate(t *testing.T) {
	run := start(t, "Account", 0)
	for range 3 {
		answer, err := update(t, run, "once", "add", 1)
		expect(t, answer, err, 1)
	}
}

func TestMSG_16_AnUpdateToAClosedRunIsNotFound(t *testing.T) {
	run := start(t, "Account", 0)
	must(t, c.SignalWorkflow(limited(t), run.GetID(), "", "close", nil))
	must(t, run.Get(limited(t), nil))
	_, err := update(t, run, "late", "add", 1)
	var missing *serviceerror.NotFound
	if !errors.As(err, &missing) {
		t.Fatal(err)
	}
}

func TestMSG_05_SignalWithStart(t *testing.T) {
	id := newID(t)
	for _, item := range []string{"a", "b"} {
		run, err := c.SignalWithStartWorkflow(limited(t), id, "add", item, options(id), "Collector", 2)
		must(t, err)
		if item == "b" {
			must(t, run.Get(limited(t), nil))
		}
	}
}

func TestMSG_18_UpdateWithStart(t *testing.T) {
	id := newID(t)
	var runs []string
	for n := range 2 {
		with := options(id)
		with.WorkflowIDConflictPolicy = enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
		operation := c.NewWithStartWorkflowOperation(with, "Account", 10)
		handle, err := c.UpdateWithStartWorkflow(limited(t), client.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: operation,
			UpdateOptions: client.UpdateWorkflowOptions{
				WorkflowID: id, UpdateName: "add", Args: []any{1},
				WaitForStage: client.WorkflowUpdateStageCompleted,
			},
		})
		must(t, err)
		var answer int
		must(t, handle.Get(limited(t), &answer))
		expect(t, answer, nil, 1+n*11)
		run, err := operation.Get(limited(t))
		must(t, err)
		runs = append(runs, run.GetRunID())
	}
	if runs[0] != runs[1] {
		t.Fatal(runs)
	}
	with := options(id)
	with.WorkflowIDConflictPolicy = enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL
	operation := c.NewWithStartWorkflowOperation(with, "Account", 10)
	_, err := c.UpdateWithStartWorkflow(limited(t), client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: operation,
		UpdateOptions: client.UpdateWorkflowOptions{
			WorkflowID: id, UpdateName: "add", Args: []any{1},
			WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	var taken *serviceerror.WorkflowExecutionAlreadyStarted
	if !errors.As(err, &taken) {
		t.Fatal(err)
	}
}

func TestMSG_10_TheStackIsAText(t *testing.T) {
	run := start(t, "Account", 0)
	answer, err := c.QueryWorkflow(limited(t), run.GetID(), "", "__stack_trace")
	must(t, err)
	var stack string
	must(t, answer.Get(&stack))
	if stack == "" {
		t.Fatal("it is empty")
	}
}
