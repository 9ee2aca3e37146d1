package tests

import (
	"context"
	"slices"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// historyOf reads a run's history through the SDK's iterator; with follow, to its end.
func historyOf(t *testing.T, run client.WorkflowRun, follow bool) []*historypb.HistoryEvent {
	t.Helper()
	all := enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT
	iterator := c.GetWorkflowHistory(limited(t), run.GetID(), run.GetRunID(), follow, all)
	var events []*historypb.HistoryEvent
	for iterator.HasNext() {
		event, err := iterator.Next()
		must(t, err)
		events = append(events, event)
	}
	return events
}

func TestLIF_16_HistoriesAreGaplessOverManyPages(t *testing.T) {
	run := start(t, "FanOut", 100)
	must(t, run.Get(limited(t), nil))
	events := historyOf(t, run, false)
	if len(events) <= 256 {
		t.Fatalf("%d events are no more than a page", len(events))
	}
	for index, event := range events {
		if event.GetEventId() != int64(index+1) {
			t.Fatalf("event %d stands at place %d", event.GetEventId(), index+1)
		}
	}
}

func TestAHistoryIsFollowedToItsEnd(t *testing.T) {
	run := start(t, "Collector", 3)
	before := historyOf(t, run, false)
	if last := before[len(before)-1]; last.GetEventType() == enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED {
		t.Fatal("the run is open")
	}
	go func() {
		for n := range 3 {
			time.Sleep(300 * time.Millisecond)
			if err := c.SignalWorkflow(context.Background(), run.GetID(), "", "add", n); err != nil {
				t.Error(err)
			}
		}
	}()
	var kinds []enums.EventType
	for _, event := range historyOf(t, run, true) {
		kinds = append(kinds, event.GetEventType())
	}
	signals := 0
	for _, kind := range kinds {
		if kind == enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED {
			signals++
		}
	}
	if signals != 3 || kinds[len(kinds)-1] != enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED {
		t.Fatal(kinds)
	}
}

func TestTheCloseEventIsWaitedFor(t *testing.T) {
	run := start(t, "Sleeper", 500)
	closed := enums.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT
	iterator := c.GetWorkflowHistory(limited(t), run.GetID(), "", true, closed)
	var kinds []enums.EventType
	for iterator.HasNext() {
		event, err := iterator.Next()
		must(t, err)
		kinds = append(kinds, event.GetEventType())
	}
	if !slices.Equal(kinds, []enums.EventType{enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED}) {
		t.Fatal(kinds)
	}
}

// within runs a call and expects that it took between these times.
func within(t *testing.T, least, most time.Duration, call func() error) {
	t.Helper()
	began := time.Now()
	must(t, call())
	if took := time.Since(began); took < least || took > most {
		t.Fatalf("it took %v, not between %v and %v", took, least, most)
	}
}

func historyPoll(
	t *testing.T, run client.WorkflowRun, filter enums.HistoryEventFilterType, token []byte, wait bool,
) func() error {
	return func() error {
		page, err := c.WorkflowService().GetWorkflowExecutionHistory(limited(t),
			&workflowservice.GetWorkflowExecutionHistoryRequest{
				Namespace:              "default",
				Execution:              &commonpb.WorkflowExecution{WorkflowId: run.GetID(), RunId: run.GetRunID()},
				WaitNewEvent:           wait,
				HistoryEventFilterType: filter,
				NextPageToken:          token,
			})
		if err != nil {
			return err
		}
		if len(page.GetHistory().GetEvents()) != 0 {
			t.Errorf("nothing has happened: %v", page.GetHistory())
		}
		if wait && len(page.GetNextPageToken()) == 0 {
			t.Error("the run is open, so there is a token to go on with")
		}
		return nil
	}
}

func TestAWaitForTheCloseEventEndsEmptyAfterTwentySeconds(t *testing.T) {
	t.Parallel()
	run := start(t, "Collector", 1)
	closed := enums.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT
	within(t, 15*time.Second, 30*time.Second, historyPoll(t, run, closed, nil, true))
}

func TestAWaitForNewEventsEndsEmptyAfterTwentySeconds(t *testing.T) {
	t.Parallel()
	run := start(t, "Collector", 1)
	page, err := c.WorkflowService().GetWorkflowExecutionHistory(limited(t),
		&workflowservice.GetWorkflowExecutionHistoryRequest{
			Namespace:    "default",
			Execution:    &commonpb.WorkflowExecution{WorkflowId: run.GetID()},
			WaitNewEvent: true,
		})
	must(t, err)
	if len(page.GetHistory().GetEvents()) == 0 || len(page.GetNextPageToken()) == 0 {
		t.Fatalf("what is there comes at once, and a token: %v", page)
	}
	all := enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT
	poll := historyPoll(t, run, all, page.GetNextPageToken(), true)
	within(t, 15*time.Second, 30*time.Second, poll)
}

func activityPoll(t *testing.T, deadline time.Duration) func() error {
	return func() error {
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		task, err := c.WorkflowService().PollActivityTaskQueue(ctx,
			&workflowservice.PollActivityTaskQueueRequest{
				Namespace: "default",
				TaskQueue: &taskqueuepb.TaskQueue{Name: "nobody-schedules-here"},
				Identity:  "a test",
			})
		if len(task.GetTaskToken()) != 0 {
			t.Errorf("nothing was scheduled: %v", task)
		}
		return err
	}
}

func TestAPollForActivitiesEndsEmptyBeforeItsCallerGivesUp(t *testing.T) {
	t.Parallel()
	within(t, 2*time.Second, 5*time.Second, activityPoll(t, 5*time.Second))
}

func TestAPollForActivitiesEndsEmptyWithinAMinute(t *testing.T) {
	t.Parallel()
	within(t, 50*time.Second, 65*time.Second, activityPoll(t, 70*time.Second))
}

func TestAPollForWorkflowTasksStaysEmpty(t *testing.T) {
	t.Parallel()
	within(t, 2*time.Second, 5*time.Second, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start(t, "Collector", 1)
		task, err := c.WorkflowService().PollWorkflowTaskQueue(ctx,
			&workflowservice.PollWorkflowTaskQueueRequest{
				Namespace: "default",
				TaskQueue: &taskqueuepb.TaskQueue{Name: queue},
				Identity:  "a test",
			})
		if len(task.GetTaskToken()) != 0 {
			t.Errorf("workflow code runs in the server: %v", task)
		}
		return err
	})
}
