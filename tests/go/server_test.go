// Tests with the official Go SDK, as client and as activity worker, against the real
// binary. README.md says how to run them.
package tests

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

	"go.temporal.io/sdk/client"
	tlog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
)

// queue is where the kit's workflows run their activities.
const queue = "kit"

// patience is how long anything that will happen may take.
const patience = time.Minute

// c is a client of the server that all tests but the post's share.
var c client.Client

func TestMain(m *testing.M) {
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	server, err := startServer(freePort())
	if err != nil {
		log.Print(err)
		return 1
	}
	defer server.stop()
	if err := server.upload("tests/workflows", "kit"); err != nil {
		log.Print(err)
		return 1
	}
	c, err = dial(server.address)
	if err != nil {
		log.Print(err)
		return 1
	}
	defer c.Close()
	w := worker.New(c, queue, worker.Options{DisableWorkflowWorker: true})
	registerDo(w)
	if err := w.Start(); err != nil {
		log.Print(err)
		return 1
	}
	defer w.Stop()
	return m.Run()
}

func dial(address string) (client.Client, error) {
	return client.Dial(client.Options{HostPort: address, Logger: quiet{}})
}

// quiet is a logger that says nothing: many tests make activities fail on purpose.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

var _ tlog.Logger = quiet{}

// server is a server process over a temporary folder.
type server struct {
	address string
	folder  string
	process *exec.Cmd
}

// startServer starts our binary with an empty database and waits until it answers.
func startServer(port int) (*server, error) {
	folder, err := os.MkdirTemp("", "mainspring-go-")
	if err != nil {
		return nil, err
	}
	s := &server{address: fmt.Sprintf("127.0.0.1:%d", port), folder: folder}
	s.process = exec.Command(binary("mainspring"), "dev", "--port", fmt.Sprint(port),
		"--db-filename", filepath.Join(folder, "mainspring.db"))
	return s, s.start()
}

// startTemporal starts Temporal's own development server, everything in memory. The
// variable TEMPORAL_CLI says where its command line is.
func startTemporal(program string, port int) (*server, error) {
	folder, err := os.MkdirTemp("", "temporal-go-")
	if err != nil {
		return nil, err
	}
	s := &server{address: fmt.Sprintf("127.0.0.1:%d", port), folder: folder}
	s.process = exec.Command(program, "server", "start-dev", "--headless",
		"--ip", "127.0.0.1", "--port", fmt.Sprint(port), "--http-port", fmt.Sprint(freePort()))
	return s, s.start()
}

func (s *server) start() error {
	output, err := os.Create(filepath.Join(s.folder, "log"))
	if err != nil {
		return err
	}
	defer output.Close()
	s.process.Stdout, s.process.Stderr = output, output
	if err := s.process.Start(); err != nil {
		return err
	}
	deadline := time.Now().Add(patience)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		connection, err := client.DialContext(ctx, client.Options{HostPort: s.address, Logger: quiet{}})
		cancel()
		if err == nil {
			connection.Close()
			return nil
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(output.Name())
			s.stop()
			return fmt.Errorf("the server does not answer: %w; %s", err, said)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// upload builds a workflow's component and makes it current.
func (s *server) upload(folder, name string) error {
	upload := exec.Command(binary("mainspring"), "component", "upload",
		filepath.Join(root(), folder), "--name", name)
	upload.Env = append(os.Environ(), "TEMPORAL_ADDRESS="+s.address, "CARGO_TARGET_DIR="+target())
	said, err := upload.CombinedOutput()
	if err != nil {
		return fmt.Errorf("cannot upload %s: %w: %s", folder, err, said)
	}
	return nil
}

func (s *server) stop() {
	// It may have ended by itself.
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
	_ = os.RemoveAll(s.folder)
}

// root is the repository's root.
func root() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..")
}

func target() string {
	if folder := os.Getenv("CARGO_TARGET_DIR"); folder != "" {
		return folder
	}
	return filepath.Join(root(), "target")
}

func binary(name string) string {
	return filepath.Join(target(), "debug", name)
}

func freePort() int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// newID is a workflow ID that no other test has.
func newID(t *testing.T) string {
	return fmt.Sprintf("%s-%d", strings.ReplaceAll(t.Name(), "/", "-"), time.Now().UnixNano())
}
