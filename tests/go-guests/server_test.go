// Tests of workflows in Go that run as a component: the worker program of this module,
// built for WebAssembly as it is, in the real server, which forgets a run after each of
// its steps and replays it for the next. Clients and activity workers are the official
// SDK's. README.md says how to run them.
package guests

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/guests/workflows"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
)

// patience is how long anything that will happen may take.
const patience = time.Minute

var (
	// c is a client with the worker program's options.
	c client.Client
	// home is the server that all tests share.
	home *server
)

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	var err error
	if home, err = startServer("--evict-after-each-activation"); err != nil {
		log.Print(err)
		return 1
	}
	defer home.stop()
	for _, step := range []func() error{home.upload, home.connect} {
		if err := step(); err != nil {
			log.Print(err)
			return 1
		}
	}
	defer c.Close()
	w := worker.New(c, workflows.TaskQueue, worker.Options{DisableWorkflowWorker: true, EnableSessionWorker: true})
	workflows.RegisterActivities(w)
	if err := w.Start(); err != nil {
		log.Print(err)
		return 1
	}
	defer w.Stop()
	return m.Run()
}

// server is a server process over a temporary folder.
type server struct {
	address string
	folder  string
	process *exec.Cmd
}

func startServer(flags ...string) (*server, error) {
	folder, err := os.MkdirTemp("", "mainspring-go-guests-")
	if err != nil {
		return nil, err
	}
	s := &server{address: freeAddress(), folder: folder}
	_, port, _ := net.SplitHostPort(s.address)
	// A busy machine may compile slowly, and nobody else waits for it.
	flags = append([]string{"dev", "--port", port, "--db-filename", filepath.Join(folder, "mainspring.db"), "--compile-time", "10m", "--log-level", "info"}, flags...)
	s.process = exec.Command(program(), flags...)
	output, err := os.Create(s.logFile())
	if err != nil {
		return nil, err
	}
	defer output.Close()
	s.process.Stdout, s.process.Stderr = output, output
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		connection, err := client.DialContext(ctx, client.Options{HostPort: s.address, Logger: quiet{}})
		cancel()
		if err == nil {
			connection.Close()
			return s, nil
		}
		if time.Now().After(deadline) {
			s.stop()
			return nil, fmt.Errorf("the server does not answer: %w", err)
		}
	}
}

func (s *server) logFile() string { return filepath.Join(s.folder, "log") }

// said is what the server has logged.
func (s *server) said() string {
	text, _ := os.ReadFile(s.logFile())
	return string(text)
}

func (s *server) stop() {
	_ = s.process.Process.Kill() // It may have ended by itself.
	_ = s.process.Wait()
	_ = os.RemoveAll(s.folder)
}

// upload builds the worker program, unless GUESTS_COMPONENT names a component that was
// built before, and makes it current.
func (s *server) upload() error {
	source := os.Getenv("GUESTS_COMPONENT")
	if source == "" {
		source = filepath.Join(root(), "tests", "go-guests")
	}
	upload := exec.Command(program(), "component", "upload", source, "--name", "guests")
	upload.Env = append(os.Environ(), "TEMPORAL_ADDRESS="+s.address)
	if said, err := upload.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot upload: %w: %s", err, said)
	}
	return nil
}

func (s *server) connect() error {
	options, err := workflows.ClientOptions()
	if err != nil {
		return err
	}
	options.HostPort, options.Logger = s.address, quiet{}
	if c, err = client.Dial(options); err != nil {
		return err
	}
	_, err = c.OperatorService().AddSearchAttributes(context.Background(), &operatorservice.AddSearchAttributesRequest{
		Namespace: "default",
		SearchAttributes: map[string]enumspb.IndexedValueType{
			"CustomKeywordField": enumspb.INDEXED_VALUE_TYPE_KEYWORD,
			"CustomIntField":     enumspb.INDEXED_VALUE_TYPE_INT,
		},
	})
	return err
}

// quiet is a logger that says nothing.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

func root() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..")
}

func program() string {
	target := os.Getenv("CARGO_TARGET_DIR")
	if target == "" {
		target = filepath.Join(root(), "target")
	}
	return filepath.Join(target, "debug", "mainspring")
}

func freeAddress() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func newID(t *testing.T) string {
	return fmt.Sprintf("%s-%d", strings.ReplaceAll(t.Name(), "/", "-"), time.Now().UnixNano())
}

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// start starts a workflow.
func start(t *testing.T, workflow any, arguments ...any) client.WorkflowRun {
	t.Helper()
	options := client.StartWorkflowOptions{ID: newID(t), TaskQueue: workflows.TaskQueue}
	run, err := c.ExecuteWorkflow(limited(t), options, workflow, arguments...)
	must(t, err)
	return run
}

// result is what a run gives.
func result[T any](t *testing.T, run client.WorkflowRun) (value T) {
	t.Helper()
	must(t, run.Get(limited(t), &value))
	return value
}

func signal(t *testing.T, run client.WorkflowRun, name string, argument any) {
	t.Helper()
	must(t, c.SignalWorkflow(limited(t), run.GetID(), "", name, argument))
}

func query[T any](t *testing.T, run client.WorkflowRun, name string, arguments ...any) (value T) {
	t.Helper()
	answer, err := c.QueryWorkflow(limited(t), run.GetID(), "", name, arguments...)
	must(t, err)
	must(t, answer.Get(&value))
	return value
}

func update[T any](t *testing.T, run client.WorkflowRun, name string, arguments ...any) (value T, err error) {
	t.Helper()
	handle, err := c.UpdateWorkflow(limited(t), client.UpdateWorkflowOptions{
		WorkflowID: run.GetID(), UpdateName: name, Args: arguments, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return value, err
	}
	return value, handle.Get(limited(t), &value)
}

func history(t *testing.T, run client.WorkflowRun) (events []*historypb.HistoryEvent) {
	t.Helper()
	all := c.GetWorkflowHistory(limited(t), run.GetID(), run.GetRunID(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for all.HasNext() {
		event, err := all.Next()
		must(t, err)
		events = append(events, event)
	}
	return events
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: ", what)
		}
	}
}
