package tests

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

// The Go program of examples/order/go against our server, where the uploaded
// component runs the workflow, and against Temporal's, where the program's worker
// does. The program is the same, and so is what one sees of it.

// printedPort is the one that the program connects to.
const printedPort = 7233

// charged is what its worker prints about the order's payment.
const charged = "payment charged: payment-of-order-123"

// post is the program, built.
type post struct {
	folder string
	port   int
}

// buildPost builds the program for a port. Where that is the printed one it is built as
// it is; elsewhere the compiler is given copies in which the number alone is replaced.
func buildPost(t *testing.T, port int) post {
	t.Helper()
	source := filepath.Join(root(), "examples", "order", "go")
	built := post{folder: t.TempDir(), port: port}
	overlay := filepath.Join(built.folder, "overlay.json")
	replaced := map[string]string{}
	for _, program := range []string{"worker", "starter", "signaller"} {
		file := filepath.Join(source, program, "main.go")
		text, err := os.ReadFile(file)
		must(t, err)
		printed := fmt.Sprintf(`"localhost:%d"`, printedPort)
		if strings.Count(string(text), printed) != 1 {
			t.Fatalf("%s does not connect to %s", file, printed)
		}
		if port != printedPort {
			replaced[file] = filepath.Join(built.folder, program+".go")
			text := strings.Replace(string(text), printed, fmt.Sprintf(`"127.0.0.1:%d"`, port), 1)
			must(t, os.WriteFile(replaced[file], []byte(text), 0o600))
		}
	}
	listed, err := json.Marshal(map[string]any{"Replace": replaced})
	must(t, err)
	must(t, os.WriteFile(overlay, listed, 0o600))
	for _, program := range []string{"worker", "starter", "signaller"} {
		build := exec.Command("go", "build", "-overlay", overlay,
			"-o", filepath.Join(built.folder, program), "./"+program)
		build.Dir = source
		if said, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	}
	return built
}

// portForPost is the printed port, or another where somebody has that one.
func portForPost(t *testing.T) int {
	for _, host := range []string{"127.0.0.1", "::1"} {
		listener, err := net.Listen("tcp", net.JoinHostPort(host, fmt.Sprint(printedPort)))
		if err != nil {
			t.Logf("port %d is taken (%v); the program is built for another", printedPort, err)
			return freePort()
		}
		_ = listener.Close()
	}
	return printedPort
}

func (p post) run(t *testing.T, program string) {
	t.Helper()
	if said, err := exec.Command(filepath.Join(p.folder, program)).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", program, err, said)
	}
}

// output is what the worker printed.
type output struct {
	sync.Mutex
	lines []string
}

// expect waits until the worker has printed a line this often, and not once more.
func (o *output) expect(t *testing.T, line string, times int) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		o.Lock()
		printed := slices.Clone(o.lines)
		o.Unlock()
		count := 0
		for _, other := range printed {
			if other == line {
				count++
			}
		}
		if count == times {
			return
		}
		if count > times || time.Now().After(deadline) {
			t.Fatalf("%q was printed %d times, not %d: %v", line, count, times, printed)
		}
	}
}

func (p post) startWorker(t *testing.T) *output {
	t.Helper()
	worker := exec.Command(filepath.Join(p.folder, "worker"))
	pipe, err := worker.StdoutPipe()
	must(t, err)
	must(t, worker.Start())
	printed := &output{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for scanner := bufio.NewScanner(pipe); scanner.Scan(); {
			printed.Lock()
			printed.lines = append(printed.lines, scanner.Text())
			printed.Unlock()
		}
	}()
	t.Cleanup(func() {
		must(t, worker.Process.Signal(os.Interrupt))
		<-ended
		must(t, worker.Wait())
	})
	return printed
}

// play has the program do everything that it can do, on the server at its port.
func (p post) play(t *testing.T) {
	connection, err := dial(fmt.Sprintf("127.0.0.1:%d", p.port))
	must(t, err)
	t.Cleanup(connection.Close)

	p.run(t, "starter")
	p.run(t, "starter") // The order is known by its ID: this one changes nothing.
	printed := p.startWorker(t)
	order := connection.GetWorkflow(limited(t), "order-123", "")
	must(t, order.Get(limited(t), nil))
	printed.expect(t, charged, 1)
	if runs := p.runsOf(t, connection, order); runs != 5 {
		t.Fatalf("%d activities were run, of five", runs)
	}

	orders := client.StartWorkflowOptions{ID: "order-123", TaskQueue: "orders"}
	approval, err := connection.ExecuteWorkflow(limited(t), orders, "ApprovalWorkflow", "order-123")
	must(t, err)
	p.run(t, "signaller")
	must(t, approval.Get(limited(t), nil))
	printed.expect(t, charged, 2)

	refused, err := connection.ExecuteWorkflow(limited(t), orders, "ApprovalWorkflow", "order-123")
	must(t, err)
	no := map[string]any{"Approved": false, "Reason": "over budget"}
	must(t, connection.SignalWorkflow(limited(t), "order-123", "", "approval", no))
	failure := failureOf[*temporal.ApplicationError](t, refused)
	var reason string
	must(t, failure.Details(&reason))
	if failure.Type() != "ApprovalRejected" || failure.Message() != "approval rejected" || reason != "over budget" {
		t.Fatal(failure, failure.Type(), reason)
	}
	printed.expect(t, charged, 2)
}

// runsOf counts the activities that a run had run, at the first attempt each.
func (p post) runsOf(t *testing.T, connection client.Client, run client.WorkflowRun) int {
	t.Helper()
	all := enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT
	runs := 0
	iterator := connection.GetWorkflowHistory(limited(t), run.GetID(), run.GetRunID(), false, all)
	for iterator.HasNext() {
		event, err := iterator.Next()
		must(t, err)
		if started := event.GetActivityTaskStartedEventAttributes(); started != nil {
			runs++
			if started.GetAttempt() != 1 {
				t.Fatalf("it was tried more than once: %v", started)
			}
		}
	}
	return runs
}

// playTrial starts the third of the post's workflows and looks at its sleep.
func (p post) playTrial(t *testing.T) {
	connection, err := dial(fmt.Sprintf("127.0.0.1:%d", p.port))
	must(t, err)
	t.Cleanup(connection.Close)
	p.startWorker(t)
	orders := client.StartWorkflowOptions{ID: "trial-user-456", TaskQueue: "orders"}
	trial, err := connection.ExecuteWorkflow(limited(t), orders, "TrialReminderWorkflow", "user-456")
	must(t, err)
	all := enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT
	iterator := connection.GetWorkflowHistory(limited(t), trial.GetID(), trial.GetRunID(), true, all)
	for iterator.HasNext() {
		event, err := iterator.Next()
		must(t, err)
		if timer := event.GetTimerStartedEventAttributes(); timer != nil {
			if length := timer.GetStartToFireTimeout().AsDuration(); length != 7*24*time.Hour {
				t.Fatal(length)
			}
			return
		}
	}
	t.Fatal("it does not sleep")
}

func TestThePostsProgramOnOurServer(t *testing.T) {
	port := portForPost(t)
	program := buildPost(t, port)
	server, err := startServer(port)
	must(t, err)
	t.Cleanup(server.stop)
	for _, story := range []string{"order", "approval", "trial-reminder"} {
		must(t, server.upload("examples/"+story+"/workflow", story))
	}
	t.Run("order and approval", program.play)
	t.Run("trial", program.playTrial)
}

// The program's workflows from its own source: built once more, for WebAssembly, not a
// line changed.
func TestThePostsProgramAsAComponent(t *testing.T) {
	port := portForPost(t)
	program := buildPost(t, port)
	server, err := startServer(port)
	must(t, err)
	t.Cleanup(server.stop)
	must(t, server.upload("examples/order/go", "orders"))
	t.Run("order and approval", program.play)
	t.Run("trial", program.playTrial)
}

func TestThePostsProgramOnTemporalsServer(t *testing.T) {
	temporalCLI := os.Getenv("TEMPORAL_CLI")
	if temporalCLI == "" {
		t.Fatal("TEMPORAL_CLI must say where Temporal's command line is; `cargo xtask test` does")
	}
	port := portForPost(t)
	program := buildPost(t, port)
	server, err := startTemporal(temporalCLI, port)
	must(t, err)
	t.Cleanup(server.stop)
	t.Run("order and approval", program.play)
	t.Run("trial", program.playTrial)
}
