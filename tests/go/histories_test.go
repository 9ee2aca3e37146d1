package tests

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/app/workflows"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"
)

// Our histories in the official SDK: read, written again, and replayed by workflows that
// are written for it; the order by the very program of examples/order/go. `cargo test
// --workspace --test histories` leaves the histories in the target folder.

func historiesFolder() string {
	return filepath.Join(target(), "histories")
}

func readHistory(t *testing.T, name string) (*historypb.History, []byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(historiesFolder(), name+".json"))
	must(t, err)
	history, err := client.HistoryFromJSON(bytes.NewReader(text), client.HistoryJSONOptions{})
	must(t, err)
	return history, text
}

func TestHistoriesAreReadAndWrittenAgainAsTheyWere(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(historiesFolder(), "*.json"))
	must(t, err)
	if len(files) < 30 {
		t.Fatalf("%s has %d histories; `cargo test --workspace --test histories` leaves them there",
			historiesFolder(), len(files))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			history, text := readHistory(t, name)
			written, err := protojson.Marshal(history)
			must(t, err)
			var before, after any
			must(t, json.Unmarshal(text, &before))
			must(t, json.Unmarshal(written, &after))
			if !reflect.DeepEqual(before, after) {
				t.Fatalf("%s\nbecame\n%s", text, written)
			}
		})
	}
}

// counted names activities as our server does, by the number of the operation; the SDK
// would take the number of the event. Where a run has activities alone these are 1, 2, …
type counted struct {
	interceptor.WorkerInterceptorBase
}

type countedInbound struct {
	interceptor.WorkflowInboundInterceptorBase
}

type countedOutbound struct {
	interceptor.WorkflowOutboundInterceptorBase
	activities int
}

func (*counted) InterceptWorkflow(
	_ workflow.Context, next interceptor.WorkflowInboundInterceptor,
) interceptor.WorkflowInboundInterceptor {
	inbound := &countedInbound{}
	inbound.Next = next
	return inbound
}

func (in *countedInbound) Init(next interceptor.WorkflowOutboundInterceptor) error {
	outbound := &countedOutbound{}
	outbound.Next = next
	return in.Next.Init(outbound)
}

func (out *countedOutbound) ExecuteActivity(
	ctx workflow.Context, activity string, arguments ...any,
) workflow.Future {
	out.activities++
	options := workflow.GetActivityOptions(ctx)
	options.ActivityID = fmt.Sprint(out.activities)
	return out.Next.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activity, arguments...)
}

// replay replays a history of ours against workflows that are written for the SDK.
func replay(t *testing.T, name string, registered map[string]any) error {
	t.Helper()
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{
		Interceptors: []interceptor.WorkerInterceptor{&counted{}},
	})
	must(t, err)
	for kind, program := range registered {
		replayer.RegisterWorkflowWithOptions(program, workflow.RegisterOptions{Name: kind})
	}
	history, _ := readHistory(t, name)
	return replayer.ReplayWorkflowHistory(quiet{}, history)
}

func TestTheOrderIsReplayedByItsGoProgram(t *testing.T) {
	must(t, replay(t, "wf-01-order", map[string]any{"OrderWorkflow": workflows.OrderWorkflow}))
}

func TestAProgramThatDoesOtherThingsIsFound(t *testing.T) {
	other := func(ctx workflow.Context, input workflows.OrderInput) error {
		ctx = withMinute(ctx)
		return workflow.ExecuteActivity(ctx, workflows.ChargePayment, input.OrderID).Get(ctx, nil)
	}
	if err := replay(t, "wf-01-order", map[string]any{"OrderWorkflow": other}); err == nil {
		t.Fatal("it charges before it reserves, and nobody says so")
	}
}

// Left out are runs with timers, whose IDs the SDK makes of event numbers, and those with
// operations in an update's handler: how it counts these depends on flags that it writes
// into histories itself.
func TestRunsOfTheKitAreReplayedByTheSDK(t *testing.T) {
	kit := map[string]any{
		"OneActivity": replayedOneActivity,
		"Collector":   replayedCollector,
		"Account":     replayedAccount,
		"Failer":      replayedFailer,
		"Flaky":       replayedFlaky,
		"Chain":       replayedChain,
		"Parent":      replayedParent,
		"Messenger":   replayedMessenger,
	}
	for _, name := range []string{
		"act-04-start-to-close-timeout",
		"act-06-heartbeat-timeout",
		"act-08-retried",
		"act-11-attempts-used-up",
		"lif-07-timed-out",
		"lif-09-retried",
		"lif-09-retried.2",
		"lif-12-terminated",
		"msg-01-signals",
		"msg-05-signal-with-start",
		"msg-08-queries",
		"msg-11-update",
		"msg-11-update-without-validator",
		"msg-12-update-rejected",
		"msg-15-update-fails",
		"msg-18-update-with-start",
		"tim-02-start-delay",
		"wf-10-child",
		"wf-10-child.2",
		"wf-10-child-exists",
		"wf-10-child-is-terminated",
		"wf-10-child-times-out",
		"wf-13-continued-as-new",
		"wf-13-continued-as-new.2",
		"wf-16-cancel",
		"wf-16-cancel-not-found",
		"wf-16-signal",
		"wf-16-signal.2",
		"wf-16-signal-not-found",
		"wf-21-failed",
	} {
		t.Run(name, func(t *testing.T) {
			must(t, replay(t, name, kit))
		})
	}
}

func withMinute(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
}

func replayedOneActivity(ctx workflow.Context, call map[string]any) (any, error) {
	var result any
	err := workflow.ExecuteActivity(withMinute(ctx), "Do", call["input"]).Get(ctx, &result)
	return result, err
}

func replayedCollector(ctx workflow.Context, count int) ([]any, error) {
	items := []any{}
	signals := workflow.GetSignalChannel(ctx, "add")
	for len(items) < count {
		var item any
		signals.Receive(ctx, &item)
		items = append(items, item)
	}
	return items, nil
}

func replayedAccount(ctx workflow.Context, opening int) (int, error) {
	balance, closed := opening, false
	add := func(_ workflow.Context, amount int) (int, error) {
		balance += amount
		return balance, nil
	}
	never := func(int) error { return errors.New("a replay does not validate again (MSG-14)") }
	options := workflow.UpdateHandlerOptions{Validator: never}
	addFromActivity := func(ctx workflow.Context, call any) (int, error) {
		var amount int
		err := workflow.ExecuteActivity(withMinute(ctx), "Do", call).Get(ctx, &amount)
		balance += amount
		return balance, err
	}
	refuse := func(workflow.Context) error {
		return temporal.NewApplicationError("never", "Never")
	}
	closeNow := func(workflow.Context) (int, error) {
		closed = true
		return balance, nil
	}
	if err := errors.Join(
		workflow.SetUpdateHandlerWithOptions(ctx, "add", add, options),
		workflow.SetUpdateHandler(ctx, "add_from_activity", addFromActivity),
		workflow.SetUpdateHandler(ctx, "refuse", refuse),
		workflow.SetUpdateHandler(ctx, "close_now", closeNow),
	); err != nil {
		return 0, err
	}
	workflow.Go(ctx, func(ctx workflow.Context) {
		workflow.GetSignalChannel(ctx, "close").Receive(ctx, nil)
		closed = true
	})
	err := workflow.Await(ctx, func() bool { return closed })
	return balance, err
}

func replayedFailer(_ workflow.Context, message string) error {
	return temporal.NewApplicationError(message, "Declined", "a detail")
}

func replayedFlaky(ctx workflow.Context, asked map[string]int32) (int32, error) {
	attempt := workflow.GetInfo(ctx).Attempt
	if attempt >= asked["until"] {
		return attempt, nil
	}
	return 0, temporal.NewApplicationError(fmt.Sprintf("attempt %d fails", attempt), "Flaky")
}

func replayedChain(ctx workflow.Context, link map[string]any) (any, error) {
	if left, _ := link["left"].(float64); left > 0 {
		return nil, workflow.NewContinueAsNewError(ctx, "Chain", map[string]any{"left": left - 1})
	}
	return link["done"], nil
}

func replayedParent(ctx workflow.Context, family map[string]any) (any, error) {
	children, _ := family["children"].([]any)
	if len(children) == 0 {
		ctx.Done().Receive(ctx, nil)
		return nil, ctx.Err()
	}
	child, _ := children[0].(map[string]any)
	id, _ := child["id"].(string)
	kind, _ := child["workflow"].(string)
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: id})
	var result any
	if err := workflow.ExecuteChildWorkflow(ctx, kind, child["input"]).Get(ctx, &result); err != nil {
		return err.Error(), nil
	}
	return result, nil
}

func replayedMessenger(ctx workflow.Context, message map[string]any) (string, error) {
	to, _ := message["to"].(string)
	var sent workflow.Future
	if signal, _ := message["signal"].(string); signal != "" {
		sent = workflow.SignalExternalWorkflow(ctx, to, "", signal, message["input"])
	} else {
		sent = workflow.RequestCancelExternalWorkflow(ctx, to, "")
	}
	if err := sent.Get(ctx, nil); err != nil {
		return err.Error(), nil
	}
	return "delivered", nil
}
