package tests

import (
	"fmt"
	"testing"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/temporal"
)

type child map[string]any

func family(then string, children ...child) child {
	if children == nil {
		children = []child{}
	}
	return child{"children": children, "then": then}
}

// becomes waits until the latest run of a workflow has this status.
func becomes(t *testing.T, id string, status enums.WorkflowExecutionStatus) {
	t.Helper()
	var last any
	for began := time.Now(); time.Since(began) < patience; time.Sleep(50 * time.Millisecond) {
		described, err := c.DescribeWorkflowExecution(limited(t), id, "")
		if err != nil {
			last = err
			continue
		}
		last = described.WorkflowExecutionInfo.Status
		if last == status {
			return
		}
	}
	t.Fatalf("%s is %v, not %v", id, last, status)
}

func TestWF_10_AParentHearsOfItsChildren(t *testing.T) {
	run := start(t, "Parent", family("wait",
		child{"workflow": "Collector", "input": 0},
		child{"workflow": "Failer", "input": "no luck"},
	))
	var told []map[string]any
	must(t, run.Get(limited(t), &told))
	if fmt.Sprint(told[0]["ok"]) != "[]" || told[1]["cause"] != "no luck" {
		t.Fatalf("told %v", told)
	}
}

func TestWF_21_AChildsFailureIsATree(t *testing.T) {
	id := newID(t)
	run := start(t, "FailWithChild", child{"workflow": "Failer", "input": "no luck", "id": id})
	failure := failureOf[*temporal.ChildWorkflowExecutionError](t, run)
	cause := failureOf[*temporal.ApplicationError](t, run)
	if cause.Type() != "Declined" {
		t.Fatalf("%v caused by %v", failure, cause)
	}
}

func TestWF_12_ChildrenFollowTheirParent(t *testing.T) {
	ids := map[string]string{}
	var children []child
	for _, policy := range []string{"terminate", "abandon", "request-cancel"} {
		ids[policy] = newID(t) + "-" + policy
		children = append(children, child{
			"workflow": "Parent", "id": ids[policy], "policy": policy, "input": family("hang"),
		})
	}
	run := start(t, "Parent", family("hang", children...))
	for _, id := range ids {
		becomes(t, id, enums.WORKFLOW_EXECUTION_STATUS_RUNNING)
	}
	described, err := c.DescribeWorkflowExecution(limited(t), run.GetID(), "")
	must(t, err)
	if len(described.PendingChildren) != 3 {
		t.Fatalf("pending %v", described.PendingChildren)
	}
	must(t, c.TerminateWorkflow(limited(t), run.GetID(), "", "enough"))
	becomes(t, ids["terminate"], enums.WORKFLOW_EXECUTION_STATUS_TERMINATED)
	becomes(t, ids["request-cancel"], enums.WORKFLOW_EXECUTION_STATUS_CANCELED)
	becomes(t, ids["abandon"], enums.WORKFLOW_EXECUTION_STATUS_RUNNING)
	must(t, c.TerminateWorkflow(limited(t), ids["abandon"], "", "enough"))
}

func TestVIS_03_ChildrenAreFoundByTheirParent(t *testing.T) {
	run := start(t, "Parent", family("hang",
		child{"workflow": "Collector", "input": 1}, child{"workflow": "Collector", "input": 1},
	))
	query := fmt.Sprintf("ParentWorkflowId = '%s'", run.GetID())
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		listed, err := c.ListWorkflow(limited(t), &workflowservice.ListWorkflowExecutionsRequest{Query: query})
		must(t, err)
		if len(listed.Executions) == 2 {
			for _, found := range listed.Executions {
				if found.ParentExecution.RunId != run.GetRunID() || found.RootExecution.RunId != run.GetRunID() {
					t.Fatalf("found %v", found)
				}
			}
			break
		}
		if time.Since(began) > patience {
			t.Fatalf("listed %v", listed.Executions)
		}
	}
	must(t, c.TerminateWorkflow(limited(t), run.GetID(), "", "enough"))
}

func TestWF_16_AWorkflowSignalsAnother(t *testing.T) {
	collector := start(t, "Collector", 1)
	sender := start(t, "Messenger", child{"to": collector.GetID(), "signal": "add", "input": "hello"})
	var items []string
	must(t, collector.Get(limited(t), &items))
	if len(items) != 1 || items[0] != "hello" {
		t.Fatalf("collected %v", items)
	}
	must(t, sender.Get(limited(t), nil))
	history := c.GetWorkflowHistory(limited(t), sender.GetID(), "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	seen := 0
	for history.HasNext() {
		event, err := history.Next()
		must(t, err)
		if event.EventType == enums.EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED {
			seen++
		}
	}
	if seen != 1 {
		t.Fatalf("%d answers", seen)
	}
}
