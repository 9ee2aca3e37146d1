//go:build wasip1

package internal

// The component's exports: `describe`, `run` and `answer-queries`; and what the build
// calls to run the program's main function before its memory is written down.

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"
	"unsafe"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"

	"go.temporal.io/sdk/internal/common/metrics"
)

// guestRun is the run of this instance.
type guestRun struct {
	*guestEnvironment
	header     *commonpb.Header
	worker     *guestWorker
	handler    *workflowExecutionEventHandlerImpl
	definition *syncWorkflowDefinition
	other      WorkflowDefinition
}

// currentRun is kept when it has ended, to answer queries.
var currentRun *guestRun

// guestMemory is where Go begins to collect garbage at all costs; the host's limit is 64
// MiB, at which a run is stopped.
const guestMemory = 40 << 20

//go:linkname guestMain main.main
func guestMain()

var guestStarted bool

// guestStart runs main until it has nothing more to do: it serves its workers, or has
// returned.
//
//go:wasmexport mainspring-start
func guestStart() {
	if guestStarted {
		return
	}
	guestStarted = true
	debug.SetMemoryLimit(guestMemory)
	prepareRefusals()
	go guestMain()
	runtimeWaitIdle(false)
	checkWorkers()
	go guestWatch()
	runtimeWaitIdle(false) // For the watching goroutine to begin.
}

// guestBegin makes the instance one of a run.
func guestBegin() {
	guestStart()
	guestSetBuffer()
	guestRefuses = true
}

//go:wasmexport describe
func guestDescribe() unsafe.Pointer {
	guestBegin()
	return describeWorkers()
}

var guestEnd struct {
	kind    uint8
	_       [3]uint8
	list    uint32
	n       uint32
	padding uint32
}

// How a run ends, in the contract's order.
const (
	endCompleted = iota
	endFailed
	endCancelled
	endContinuedAsNew
)

//go:wasmexport run
func guestRunExport(name unsafe.Pointer, nameLength uint32, input unsafe.Pointer, inputLength uint32) unsafe.Pointer {
	guestBegin()
	reader := guestReadParameter(name, nameLength)
	workflowType := reader.string()
	reader = guestReadParameter(input, inputLength)
	arguments := reader.payloads()
	guestFree()
	run := newGuestRun(workflowType)
	currentRun = run
	run.start(arguments)
	for !run.finished {
		run.hearBatch()
	}
	run.end()
	return unsafe.Pointer(&guestEnd)
}

//go:wasmexport answer-queries
func guestAnswerQueries() {
	for event, has := guestTake(); has; event, has = guestTake() {
		if event.kind == hearsQuery {
			currentRun.answer(event)
		}
	}
}

func newGuestRun(workflowType string) *guestRun {
	info, header := guestRunInfo(workflowType)
	worker := workerOf(workflowType, info.TaskQueueName)
	handler := newWorkflowExecutionEventHandler(
		info, nil, worker.logger, true, metrics.NopHandler, worker.registry,
		worker.client.dataConverter, worker.client.failureConverter, worker.client.contextPropagators,
		unlimitedDeadlockDetectionTimeout, &workflowservice.GetSystemInfoResponse_Capabilities{SdkMetadata: true},
		nil,
	).(*workflowExecutionEventHandlerImpl)
	run := &guestRun{
		guestEnvironment: &guestEnvironment{
			workflowEnvironmentImpl: handler.workflowEnvironmentImpl,
			operations:              map[uint64]*guestOperation{},
			known:                   map[string]*guestOperation{},
			children:                map[string]*guestOperation{},
			versions:                map[string]Version{},
			mutable:                 map[string]*commonpb.Payloads{},
		},
		worker:  worker,
		handler: handler,
	}
	run.beginTask()
	definition, err := worker.registry.getWorkflowDefinition(info.WorkflowType)
	if err != nil {
		guestBlock("workflow "+workflowType, err.Error())
	}
	handler.workflowDefinition = definition
	run.other = definition
	run.definition, _ = definition.(*syncWorkflowDefinition)
	run.header = header
	return run
}

// start hears the early messages and lets the workflow's function begin.
func (r *guestRun) start(input *commonpb.Payloads) {
	r.other.Execute(r.guestEnvironment, r.header, input)
	r.hearRest(nil)
}

// hearBatch waits for a batch, hears all of it and lets the code go on.
func (r *guestRun) hearBatch() {
	// What the workflow's code has running in goroutines of its own comes first.
	runtimeWaitIdle(false)
	shimFlush()
	event := guestNext()
	if event.kind == hearsQuery {
		r.answer(event)
		return
	}
	r.beginTask()
	r.hearRest(&event)
}

// hearRest hears what is left of a batch, and then lets the code go on. A batch may end
// with an update: its handler comes before the rest of the code, as in the SDK's workers.
func (r *guestRun) hearRest(first *guestEvent) {
	var queries []guestEvent
	event, has := guestEvent{}, true
	if first != nil {
		event = *first
	} else {
		event, has = guestTake()
	}
	for ; has; event, has = guestTake() {
		if event.kind == hearsQuery {
			queries = append(queries, event)
		} else {
			r.hear(event)
		}
	}
	r.goOn()
	r.skipValidity = false
	for _, query := range queries {
		r.answer(query)
	}
}

// goOn lets every coroutine of the workflow run until it waits.
func (r *guestRun) goOn() {
	if !r.finished {
		r.other.OnWorkflowTaskStarted(unlimitedDeadlockDetectionTimeout)
	}
}

// beginTask takes over what a workflow task brings with it: the time, a seed for all
// that is random, and what the workflow may ask about itself.
func (r *guestRun) beginTask() {
	now := hostNow()
	shimSetClock(uint64(now))
	runtimeSeed(hostRandom())
	r.SetCurrentReplayTime(time.Unix(0, now).UTC())
	r.isReplay = hostIsReplaying() != 0
	guestTaskInfo(r.workflowInfo)
}

// end says how the run ended.
func (r *guestRun) end() {
	shimFlush()
	guestFree()
	var cancelled *CanceledError
	var continued *ContinueAsNewError
	var panicked *workflowPanicError
	switch err := r.err; {
	case errors.As(err, &panicked) && r.worker.panicPolicy != FailWorkflow:
		guestBlockAt(placeIn(panicked.stackTrace), fmt.Sprintf("panic: %v", panicked.value), panicked.stackTrace)
	case errors.As(err, &cancelled):
		details := convertErrDetailsToPayloads(cancelled.details, r.dataConverter)
		guestSetEnd(endCancelled, details)
	case errors.As(err, &continued):
		r.guestContinue(continued)
		guestSetEnd(endContinuedAsNew, nil)
	case err != nil:
		if errors.As(err, &panicked) {
			err = NewApplicationError("Workflow failed on panic due to FailWorkflow workflow panic policy", "", false, err)
		}
		guestEnd.kind = endFailed
		list, n := guestFailure(r.failureConverter.ErrorToFailure(err))
		guestEnd.list, guestEnd.n = uint32(uintptr(list)), n
	default:
		guestSetEnd(endCompleted, r.result)
	}
}

func guestSetEnd(kind uint8, payloads *commonpb.Payloads) {
	list, n := guestPayloads(payloads)
	guestEnd.kind, guestEnd.list, guestEnd.n = kind, uint32(uintptr(list)), n
}

// describeWorkers writes what the program's workers have registered.
func describeWorkers() unsafe.Pointer {
	const sizeOfDescription, sizeOfDefinition = 32, 68
	types := workflowTypes()
	names := guestSortedKeys(types)
	list := newGuestWriter(uint32(len(names)) * sizeOfDefinition)
	for i, name := range names {
		list.at = uint32(i) * sizeOfDefinition
		list.string(name)
		list.skip(8, 4)      // Description.
		list.skip(12, 4)     // Schemas,
		list.skip(12, 4)     // of input and of output.
		list.skip(3*8, 4)    // Handlers are known when a run has set them.
		list.u8(types[name]) // Versioning.
		list.u8(0)           // Reads leave no trace.
	}
	w := newGuestWriter(sizeOfDescription)
	w.list(list.base, len(names))
	w.string("temporal-go")
	w.string(SDKVersion)
	w.string("go")
	return w.base
}

// workflowTypes are all registered types, with their versioning policies as the
// contract numbers them. The empty name is the dynamic workflow.
func workflowTypes() map[string]uint8 {
	types := map[string]uint8{}
	add := func(registry *registry, name string) {
		types[name] = 0
		if behavior, has := registry.getWorkflowVersioningBehavior(WorkflowType{Name: name}); has && behavior == VersioningBehaviorAutoUpgrade {
			types[name] = 1
		}
	}
	for _, worker := range guestWorkers {
		names := worker.registry.getRegisteredWorkflowTypes()
		slices.Sort(names)
		for _, name := range names {
			add(worker.registry, name)
		}
		if worker.registry.dynamicWorkflow != nil {
			types[""] = 0
		}
	}
	return types
}
