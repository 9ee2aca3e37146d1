//go:build wasip1

package internal

// What the program's main function is given in place of a server and of workers: a
// client that has all of its options and nobody to talk to, and workers whose
// registrations are what the component exports.

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"go.temporal.io/sdk/log"
)

// GuestOffline is the connection of a client in a component.
type GuestOffline struct{}

// Invoke answers what a client asks when it connects and refuses everything else.
func (GuestOffline) Invoke(_ context.Context, method string, _, _ any, _ ...grpc.CallOption) error {
	name := method[strings.LastIndexByte(method, '/')+1:]
	if name == "GetSystemInfo" {
		return nil
	}
	if guestRefuses {
		guestBlock("a call of Temporal's client ("+name+")",
			"a workflow cannot call the server: use the workflow package, or make the call in an activity")
	}
	return status.Error(codes.Unavailable,
		"there is no server while a component is built: "+name+" cannot be called before the worker runs")
}

// NewStream refuses.
func (o GuestOffline) NewStream(ctx context.Context, _ *grpc.StreamDesc, method string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, o.Invoke(ctx, method, nil, nil)
}

// guestWorker is a worker's registrations, with what its client and its options say
// about workflows.
type guestWorker struct {
	*registry
	client      *WorkflowClient
	taskQueue   string
	panicPolicy WorkflowPanicPolicy
	logger      log.Logger
	begun       bool
}

// guestWorkers are those of the program, in the order in which it made them.
var guestWorkers []*guestWorker

// NewGuestWorker makes a worker of a component.
func NewGuestWorker(client Client, taskQueue string, options WorkerOptions) *guestWorker {
	workflowClient, ok := client.(*WorkflowClient)
	if !ok {
		panic("Client must be created with client.Dial() or client.NewLazyClient()")
	}
	plugins := append(append([]WorkerPlugin(nil), workflowClient.workerPlugins...), options.Plugins...)
	key, registryOptionsOfPlugins := uuid.NewString(), WorkerPluginConfigureWorkerRegistryOptions{}
	for _, plugin := range plugins {
		err := plugin.ConfigureWorker(context.Background(), WorkerPluginConfigureWorkerOptions{
			WorkerInstanceKey: key, TaskQueue: taskQueue,
			WorkerOptions: &options, WorkerRegistryOptions: &registryOptionsOfPlugins,
		})
		if err != nil {
			panic(err)
		}
	}
	registry := newRegistryWithOptions(registryOptions{disableAliasing: options.DisableRegistrationAliasing})
	registry.interceptors = append(append([]WorkerInterceptor(nil), workflowClient.workerInterceptors...), options.Interceptors...)
	worker := &guestWorker{
		registry: registry, client: workflowClient, taskQueue: taskQueue,
		panicPolicy: options.WorkflowPanicPolicy, logger: workflowClient.logger,
	}
	if !options.DisableWorkflowWorker {
		guestWorkers = append(guestWorkers, worker)
	}
	return worker
}

// Start is all that a worker does here.
func (w *guestWorker) Start() error {
	w.begun = true
	return nil
}

// Run waits for ever, as a worker that nobody interrupts does.
func (w *guestWorker) Run(<-chan any) error {
	w.begun = true
	select {}
}

// Stop does nothing: the component goes on.
func (w *guestWorker) Stop() {}

// checkWorkers ends the build of a program that has nothing to run.
func checkWorkers() {
	for _, worker := range guestWorkers {
		if worker.begun && (len(worker.workflowFuncMap) > 0 || worker.dynamicWorkflow != nil) {
			return
		}
	}
	said := "main started no worker that has a workflow registered: " +
		"a component is made of what worker.RegisterWorkflow was called with before worker.Run or worker.Start"
	switch {
	case len(guestWorkers) == 0:
		said = "main made no worker (worker.New); " + said
	case len(guestWorkers) > 0 && !guestWorkers[0].begun:
		said = "main made a worker that it did not run; " + said
	}
	fmt.Fprintln(os.Stderr, said)
	shimExit(1)
}

// workerOf is the worker that has the type registered: the one of the run's task queue,
// or the first.
func workerOf(workflowType, taskQueue string) *guestWorker {
	var first *guestWorker
	for _, worker := range guestWorkers {
		if _, has := worker.registry.getWorkflowFn(workflowType); !has {
			continue
		}
		if worker.taskQueue == taskQueue {
			return worker
		}
		if first == nil {
			first = worker
		}
	}
	if first == nil {
		guestBlock("workflow "+workflowType, "no worker of this component has it registered")
	}
	return first
}
