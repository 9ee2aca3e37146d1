package guests

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/guests/workflows"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

func TestGreetings(t *testing.T) {
	equal(t, result[string](t, start(t, workflows.Greetings)), "Hello Temporal!")
}

func TestASagaUndoesItsSteps(t *testing.T) {
	run := start(t, workflows.Saga, []string{"hotel", "flight", "car"})
	var failure *temporal.ApplicationError
	if err := run.Get(limited(t), nil); !errors.As(err, &failure) || failure.Type() != "NoCar" {
		t.Fatal(err)
	}
	scheduled := 0
	for _, event := range history(t, run) {
		if event.GetActivityTaskScheduledEventAttributes() != nil {
			scheduled++
		}
	}
	equal(t, scheduled, 5) // Three steps, and two undone.
	equal(t, fmt.Sprint(result[[]string](t, start(t, workflows.Saga, []string{"hotel"}))), "[booked hotel]")
}

func TestATimerIsUpdated(t *testing.T) {
	wake := time.Now().Add(time.Hour).UTC()
	run := start(t, workflows.UpdatableTimer, wake)
	equal(t, query[time.Time](t, run, "wake-time"), wake)
	sooner := time.Now().Add(200 * time.Millisecond).UTC()
	signal(t, run, "update", sooner)
	if woke := result[time.Time](t, run); woke.Before(sooner) || woke.After(sooner.Add(patience)) {
		t.Fatal(woke, sooner)
	}
}

func TestChildrenAreStartedAndSignalled(t *testing.T) {
	run := start(t, workflows.ParentOfChildren, []string{"Ada", "Bob", "Cy"})
	equal(t, fmt.Sprint(result[[]string](t, run)), "[Hi Ada Hi Bob Hi Cy]")
}

func TestARunContinuesAsNew(t *testing.T) {
	equal(t, result[int](t, start(t, workflows.Counting, 0, 5)), 5)
	equal(t, result[string](t, start(t, workflows.Continues, 2)), "1m0s")
}

func TestQueriesAreAnswered(t *testing.T) {
	run := start(t, workflows.QueryState)
	equal(t, query[string](t, run, "state", "it is "), "it is waiting")
	if _, err := c.QueryWorkflow(limited(t), run.GetID(), "", "state", ""); err == nil || !strings.Contains(err.Error(), "no prefix") {
		t.Fatal(err)
	}
	if _, err := c.QueryWorkflow(limited(t), run.GetID(), "", "nothing"); err == nil || !strings.Contains(err.Error(), "KnownQueryTypes") {
		t.Fatal(err)
	}
	if stack := query[string](t, run, "__stack_trace"); !strings.Contains(stack, "workflows/basics.go:") {
		t.Fatal(stack)
	}
	signal(t, run, "go-on", nil)
	must(t, run.Get(limited(t), nil))
	equal(t, query[string](t, run, "state", "it is "), "it is done")
}

func TestSignalsAreAwaitedInAnyOrder(t *testing.T) {
	run := start(t, workflows.AwaitSignals)
	for _, name := range []string{"Signal3", "Signal1", "Signal2"} {
		signal(t, run, name, nil)
	}
	equal(t, result[string](t, run), "all three, and not false")
}

func TestUpdatesAreValidated(t *testing.T) {
	run := start(t, workflows.Counter)
	before, err := update[int](t, run, "add", 5)
	must(t, err)
	equal(t, before, 0)
	if _, err := update[int](t, run, "add", -1); err == nil || !strings.Contains(err.Error(), "addend must be non-negative (-1)") {
		t.Fatal(err)
	}
	if _, err := update[int](t, run, "nothing", 1); err == nil || !strings.Contains(err.Error(), "unknown update nothing") {
		t.Fatal(err)
	}
	_, err = update[any](t, run, "add-slowly", 7)
	must(t, err)
	var failure *temporal.ApplicationError
	if _, err := update[any](t, run, "add-slowly", 13); !errors.As(err, &failure) || failure.Type() != "Unlucky" {
		t.Fatal(err)
	}
	equal(t, query[int](t, run, "counter"), 12)
	signal(t, run, "done", nil)
	equal(t, result[int](t, run), 12)
}

func TestAnUpdateComesWithTheStart(t *testing.T) {
	options := client.StartWorkflowOptions{
		ID: newID(t), TaskQueue: workflows.TaskQueue, WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
	}
	with := c.NewWithStartWorkflowOperation(options, workflows.EarlyReturn, 3)
	handle, err := c.UpdateWithStartWorkflow(limited(t), client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: with,
		UpdateOptions:          client.UpdateWorkflowOptions{UpdateName: "early", WaitForStage: client.WorkflowUpdateStageCompleted},
	})
	must(t, err)
	var said string
	must(t, handle.Get(limited(t), &said))
	equal(t, said, "booked 3")
	run, err := with.Get(limited(t))
	must(t, err)
	equal(t, result[string](t, run), "complete")
}

func TestHandlersTakeTurns(t *testing.T) {
	run := start(t, workflows.Cluster)
	assigned := make(chan string, 3)
	for i := range 3 {
		go func() {
			nodes, err := update[[]string](t, run, "assign", fmt.Sprint("job-", i))
			assigned <- fmt.Sprint(nodes, err)
		}()
	}
	got := []string{<-assigned, <-assigned, <-assigned}
	slices.Sort(got)
	equal(t, fmt.Sprint(got), "[[1] <nil> [2] <nil> [3] <nil>]")
	if _, err := update[[]string](t, run, "assign", "late"); err == nil || !strings.Contains(err.Error(), "no node left") {
		t.Fatal(err)
	}
	signal(t, run, "shutdown", nil)
	equal(t, result[int](t, run), 3)
}

func TestACancelledRunCleansUp(t *testing.T) {
	run := start(t, workflows.Cleanup)
	eventually(t, "the activity runs", func() bool {
		described, err := c.DescribeWorkflowExecution(limited(t), run.GetID(), "")
		must(t, err)
		pending := described.GetPendingActivities()
		return len(pending) == 1 && pending[0].GetState() == enumspb.PENDING_ACTIVITY_STATE_STARTED
	})
	must(t, c.CancelWorkflow(limited(t), run.GetID(), ""))
	if err := run.Get(limited(t), nil); !temporal.IsCanceledError(err) {
		t.Fatal(err)
	}
	events := history(t, run)
	cleaned := slices.ContainsFunc(events, func(event *historypb.HistoryEvent) bool {
		return event.GetEventType() == enumspb.EVENT_TYPE_ACTIVITY_TASK_CANCELED
	})
	equal(t, cleaned, true)
	equal(t, result[string](t, start(t, workflows.ActivityCancellation)), "true canceled")
}

func TestAProgramOfALittleLanguage(t *testing.T) {
	program := &workflows.Statement{Sequence: []*workflows.Statement{
		{Activity: "a"},
		{Parallel: []*workflows.Statement{{Activity: "b"}, {Sequence: []*workflows.Statement{{Activity: "c"}, {Activity: "d"}}}}},
	}}
	done := result[[]string](t, start(t, workflows.DSL, program))
	equal(t, len(done), 4)
	equal(t, done[0], "booked a")
}

func TestRetriesAndPolling(t *testing.T) {
	equal(t, result[int32](t, start(t, workflows.RetryActivity, int32(3))), 3)
	equal(t, result[int32](t, start(t, workflows.Polling)), 3)
	equal(t, result[string](t, start(t, workflows.Failing)), "Step NoCar car 3 true no car left")
}

func TestASleepOfDaysIsEnded(t *testing.T) {
	run := start(t, workflows.SleepForDays)
	signal(t, run, "complete", nil)
	equal(t, result[string](t, run), "done")
}

func TestSplitAndMerge(t *testing.T) {
	equal(t, result[int](t, start(t, workflows.SplitMergeFuture, 10)), 285)
	equal(t, result[int](t, start(t, workflows.SplitMergeSelector, 10)), 285)
	equal(t, result[int](t, start(t, workflows.PickFirst)), 20)
	equal(t, len(result[[]string](t, start(t, workflows.Branch, 5))), 5)
}

func TestChoices(t *testing.T) {
	equal(t, result[string](t, start(t, workflows.ChoiceExclusive, "pear")), "booked pear")
	var failure *temporal.ApplicationError
	if err := start(t, workflows.ChoiceExclusive, "stone").Get(limited(t), nil); !errors.As(err, &failure) || failure.Type() != "NoFruit" {
		t.Fatal(err)
	}
	equal(t, result[bool](t, start(t, workflows.ProcessingTime, 10)), false)
	equal(t, result[bool](t, start(t, workflows.ProcessingTime, 1000)), true)
}

func TestCoroutinesChannelsAndLocks(t *testing.T) {
	equal(t, result[int](t, start(t, workflows.Goroutines, 10)), 55)
	equal(t, strings.Join(result[[]string](t, start(t, workflows.Channels)), " "), "0 1 2 3 on purpose false false 0 default")
}

func TestACronSeesItsLastResult(t *testing.T) {
	options := client.StartWorkflowOptions{ID: newID(t), TaskQueue: workflows.TaskQueue, CronSchedule: "@every 1s"}
	run, err := c.ExecuteWorkflow(limited(t), options, workflows.Cron)
	must(t, err)
	t.Cleanup(func() { _ = c.TerminateWorkflow(context.Background(), run.GetID(), "", "over") })
	eventually(t, "the third run knows of two before it", func() bool {
		listed, err := c.DescribeWorkflowExecution(limited(t), run.GetID(), "")
		must(t, err)
		first := c.GetWorkflowHistory(limited(t), run.GetID(), listed.GetWorkflowExecutionInfo().GetExecution().GetRunId(),
			false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		event, err := first.Next()
		must(t, err)
		attributes := event.GetWorkflowExecutionStartedEventAttributes()
		return attributes.GetLastCompletionResult() != nil && attributes.GetContinuedFailure() != nil
	})
}

func TestHeadersTravel(t *testing.T) {
	options := client.StartWorkflowOptions{ID: newID(t), TaskQueue: workflows.TaskQueue}
	run, err := c.ExecuteWorkflow(workflows.WithTenant(limited(t), "blue"), options, workflows.Header, true)
	must(t, err)
	equal(t, result[string](t, run), "blueblueblue")
}

func TestPayloadsAreEncodedByTheClientsCodec(t *testing.T) {
	run := start(t, workflows.ChoiceExclusive, "pear")
	must(t, run.Get(limited(t), nil))
	for _, event := range history(t, run) {
		var payloads []*commonpb.Payload
		payloads = append(payloads, event.GetActivityTaskScheduledEventAttributes().GetInput().GetPayloads()...)
		payloads = append(payloads, event.GetWorkflowExecutionCompletedEventAttributes().GetResult().GetPayloads()...)
		for _, payload := range payloads {
			equal(t, string(payload.GetMetadata()["encoding"]), "binary/turned-round")
		}
	}
}

func TestInterceptorsTakePart(t *testing.T) {
	equal(t, result[string](t, start(t, "another-name", "*ada")), "[ADA]")
	equal(t, result[string](t, start(t, "AnyOtherType", "ada")), "AnyOtherType of ada")
}

func TestLocalActivitiesAreOrdinaryOnes(t *testing.T) {
	equal(t, result[string](t, start(t, workflows.LocalGreeting)), "[Hello Temporal]")
}

func TestVersionsAndSideEffects(t *testing.T) {
	equal(t, result[string](t, start(t, workflows.Versions)), "2")
	one, other := result[string](t, start(t, workflows.SideEffects)), result[string](t, start(t, workflows.SideEffects))
	if one == other {
		t.Fatal("two runs made the same identifier: ", one)
	}
}

func TestAMutexHandsItsLockOn(t *testing.T) {
	mutex := start(t, workflows.Mutex, 3)
	for range 3 {
		locker := start(t, workflows.Locker, mutex.GetID())
		t.Cleanup(func() { must(t, locker.Get(limited(t), nil)) })
	}
	equal(t, len(result[[]string](t, mutex)), 3)
}

func TestOtherWorkflowsAreSignalledAndCancelled(t *testing.T) {
	other := start(t, workflows.SleepForDays)
	equal(t, result[string](t, start(t, workflows.SignalsOther, other.GetID(), "complete")), "signalled")
	must(t, other.Get(limited(t), nil))
	equal(t, result[string](t, start(t, workflows.SignalsOther, other.GetID(), "complete")), "unknown")
	other = start(t, workflows.SleepForDays)
	equal(t, result[string](t, start(t, workflows.CancelsOther, other.GetID())), "cancelled")
	if err := other.Get(limited(t), nil); !temporal.IsCanceledError(err) {
		t.Fatal(err)
	}
	equal(t, result[string](t, start(t, workflows.CancelsOther, other.GetID())), "unknown")
}

func TestChildrenFail(t *testing.T) {
	said := result[[]string](t, start(t, workflows.ChildFails))
	equal(t, strings.Join(said, "; "), "true true false false; true false true false; true false false true")
	id := newID(t)
	must(t, start(t, workflows.AbandonedChild, id).Get(limited(t), nil))
	child := c.GetWorkflow(limited(t), id, "")
	signal(t, child, "complete", nil)
	equal(t, result[string](t, child), "done")
}

func TestAttributesAndMemoAreUpserted(t *testing.T) {
	run := start(t, workflows.Attributes)
	eventually(t, "the attributes are there", func() bool {
		described, err := c.DescribeWorkflowExecution(limited(t), run.GetID(), "")
		must(t, err)
		fields := described.GetWorkflowExecutionInfo().GetSearchAttributes().GetIndexedFields()
		memo := described.GetWorkflowExecutionInfo().GetMemo().GetFields()
		_, gone := memo["gone"]
		return string(fields["CustomIntField"].GetData()) == "7" && memo["note"] != nil && !gone
	})
	signal(t, run, "go-on", nil)
	equal(t, result[string](t, run), "green true false")
}

func TestASessionKeepsToOneWorker(t *testing.T) {
	equal(t, result[string](t, start(t, workflows.FileProcessing)), "booked upload")
}

func TestAnActivityIsCompletedElsewhere(t *testing.T) {
	run := start(t, workflows.CompletedElsewhere, "elsewhere")
	eventually(t, "the activity is completed", func() bool {
		return c.CompleteActivityByID(limited(t), "default", run.GetID(), "", "elsewhere", "by hand", nil) == nil
	})
	equal(t, result[string](t, run), "by hand")
}

func TestARunKnowsItself(t *testing.T) {
	options := client.StartWorkflowOptions{
		ID: newID(t), TaskQueue: workflows.TaskQueue, WorkflowRunTimeout: time.Hour, Priority: temporal.Priority{PriorityKey: 2},
	}
	run, err := c.ExecuteWorkflow(limited(t), options, workflows.Info)
	must(t, err)
	told := result[map[string]string](t, run)
	for name, want := range map[string]string{
		"id": run.GetID(), "run": run.GetRunID(), "type": "Info", "queue": workflows.TaskQueue, "namespace": "default",
		"attempt": "1", "first": run.GetRunID(), "timeout": "1h0m0s", "length": "8", "suggested": "false", "priority": "2",
	} {
		equal(t, name+"="+told[name], name+"="+want)
	}
}
