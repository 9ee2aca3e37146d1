//go:build wasip1

package internal

// The SDK's WorkflowEnvironment over the contract: what a workflow starts becomes an
// operation of the host, and the operation's answer calls back. What is not here, the
// SDK's own environment does, which is embedded: handlers, converters, memo and search
// attributes as the workflow sees them, random streams, buffered updates.

import (
	"errors"
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"

	"go.temporal.io/sdk/converter"
)

// guestEnvironment is the one run that this instance is.
type guestEnvironment struct {
	*workflowEnvironmentImpl

	// operations are those that are to be answered, by their handles.
	operations map[uint64]*guestOperation
	// known are the same by the identifiers that the SDK has of them.
	known    map[string]*guestOperation
	children map[string]*guestOperation
	// sequence counts operations as the host does.
	sequence int64
	// undecided: an update was heard and is not accepted or rejected yet. Nothing may be
	// started meanwhile, and what the workflow starts is held back.
	undecided bool
	held      []func()

	versions     map[string]Version
	mutable      map[string]*commonpb.Payloads
	skipValidity bool

	finished bool
	result   *commonpb.Payloads
	err      error
}

// guestOperation is what to do with an answer.
type guestOperation struct {
	// handle is zero while the operation is held back.
	handle uint64
	id     string
	// resolved is nil where the SDK has given up waiting.
	resolved func(guestOutcome)
	started  func(runID string)
	// waits: when it is cancelled, the workflow waits for the activity's own answer.
	waits bool
}

// guestOutcome is an operation's answer.
type guestOutcome struct {
	result  *commonpb.Payloads
	failure *failurepb.Failure
}

var _ WorkflowEnvironment = (*guestEnvironment)(nil)

// begin starts an operation, or will when an update is decided.
func (e *guestEnvironment) begin(operation *guestOperation, start func() uint64) *guestOperation {
	e.sequence++
	operation.id = getStringID(e.sequence)
	e.known[operation.id] = operation
	e.issue(func() {
		operation.handle = start()
		guestOut.reset()
		e.operations[operation.handle] = operation
		e.sequence = max(e.sequence, int64(operation.handle))
	})
	return operation
}

// issue calls the host, or will when an update is decided.
func (e *guestEnvironment) issue(call func()) {
	if e.undecided {
		e.held = append(e.held, call)
		return
	}
	call()
}

// decide lets go of what was held back.
func (e *guestEnvironment) decide() {
	e.undecided = false
	held := e.held
	e.held = nil
	for _, call := range held {
		call()
	}
}

// forget is called when an operation is answered.
func (e *guestEnvironment) forget(operation *guestOperation) {
	delete(e.operations, operation.handle)
	delete(e.known, operation.id)
}

// GenerateSequence gives the number of the operation that comes next, so that what the
// SDK numbers by itself has the number that the host gives.
func (e *guestEnvironment) GenerateSequence() int64 { return e.sequence + 1 }

func (e *guestEnvironment) GenerateSequenceID() string { return getStringID(e.GenerateSequence()) }

func (e *guestEnvironment) IsReplaying() bool { return e.isReplay || e.skipValidity }

func (e *guestEnvironment) ExecuteActivity(p ExecuteActivityParams, callback ResultHandler) ActivityID {
	metadata, err := BuildUserMetadata(p.Summary, "", e.dataConverter)
	if err != nil {
		callback(nil, err)
		return ActivityID{}
	}
	id := p.ActivityID
	if id == getStringID(p.ScheduleID) {
		id = "" // The SDK's default. The host's is the same in all languages.
	}
	request := guestActivity{ExecuteActivityOptions: p.ExecuteActivityOptions, name: p.ActivityType.Name, input: p.Input, header: p.Header}
	request.ActivityID = id
	failures := p.FailureConverter
	if failures == nil {
		failures = e.failureConverter
	}
	operation := e.begin(&guestOperation{waits: p.WaitForCancellation, resolved: func(outcome guestOutcome) {
		callback(outcome.result, guestError(failures, outcome.failure))
	}}, func() uint64 { return hostStartActivity(request.write(metadata)) })
	return ActivityID{id: operation.id}
}

func (e *guestEnvironment) RequestCancelActivity(id ActivityID) { e.cancel(id.id) }

// cancel asks the host to stop an operation. Where the workflow does not wait for its
// answer it sees it cancelled at once, and hears no answer any more.
func (e *guestEnvironment) cancel(id string) {
	operation := e.known[id]
	if operation == nil || operation.resolved == nil {
		return
	}
	e.hostCancel(operation)
	if operation.waits {
		return
	}
	resolved := operation.resolved
	operation.resolved = nil
	resolved(guestOutcome{failure: guestCancelled})
}

func (e *guestEnvironment) hostCancel(operation *guestOperation) {
	e.issue(func() { hostCancel(operation.handle, nil, 0) })
}

// guestCancelled stands for the error that the SDK gives for what was cancelled from
// here.
var guestCancelled = &failurepb.Failure{Message: "cancelled by the workflow"}

func guestError(converter converter.FailureConverter, failure *failurepb.Failure) error {
	switch failure {
	case nil:
		return nil
	case guestCancelled:
		return ErrCanceled
	}
	return converter.FailureToError(failure)
}

// ExecuteLocalActivity is an ordinary activity: there is no worker that it could be
// local to.
func (e *guestEnvironment) ExecuteLocalActivity(p ExecuteLocalActivityParams, callback LocalActivityResultHandler) LocalActivityID {
	data, failures := p.DataConverter, p.FailureConverter
	if data == nil {
		data = e.dataConverter
	}
	if failures == nil {
		failures = e.failureConverter
	}
	input, err := encodeArgs(data, p.InputArgs)
	metadata, err2 := BuildUserMetadata(p.Summary, "", e.dataConverter)
	if err = errors.Join(err, err2); err != nil {
		callback(&LocalActivityResultWrapper{Err: err, Attempt: 1})
		return LocalActivityID{}
	}
	request := guestActivity{name: p.ActivityType, input: input, header: p.Header}
	request.ScheduleToCloseTimeout = p.ScheduleToCloseTimeout
	request.StartToCloseTimeout = p.StartToCloseTimeout
	request.RetryPolicy = ConvertToPBRetryPolicy(p.RetryPolicy)
	operation := e.begin(&guestOperation{resolved: func(outcome guestOutcome) {
		callback(&LocalActivityResultWrapper{
			Result: outcome.result, Err: guestError(failures, outcome.failure), Attempt: 1,
		})
	}}, func() uint64 { return hostStartActivity(request.write(metadata)) })
	return LocalActivityID{id: operation.id}
}

func (e *guestEnvironment) RequestCancelLocalActivity(id LocalActivityID) { e.cancel(id.id) }

func (e *guestEnvironment) NewTimer(d time.Duration, options TimerOptions, callback ResultHandler) *TimerID {
	if d < 0 {
		callback(nil, fmt.Errorf("negative duration provided %v", d))
		return nil
	}
	if d == 0 {
		callback(nil, nil)
		return nil
	}
	metadata, err := BuildUserMetadata(options.Summary, "", e.dataConverter)
	if err != nil {
		callback(nil, err)
		return nil
	}
	operation := e.begin(&guestOperation{resolved: func(outcome guestOutcome) {
		callback(nil, guestError(e.failureConverter, outcome.failure))
	}}, func() uint64 { return guestStartTimer(d, metadata) })
	return &TimerID{id: operation.id}
}

func (e *guestEnvironment) RequestCancelTimer(id TimerID) { e.cancel(id.id) }

// SideEffect needs no record: the whole run is done again from its history, with the
// times and the random numbers that it had.
func (e *guestEnvironment) SideEffect(f func() (*commonpb.Payloads, error), callback ResultHandler, _ string) {
	callback(f())
}

// MutableSideEffect keeps the last value that differed.
func (e *guestEnvironment) MutableSideEffect(id string, f func() any, equals func(a, b any) bool, _ string) converter.EncodedValue {
	value := f()
	if known, has := e.mutable[id]; !has || !e.isEqualValue(value, known, equals) {
		e.mutable[id] = e.encodeValue(value)
	}
	return newEncodedValue(e.mutable[id], e.dataConverter)
}

// GetVersion answers with the newest version: a run stays on the component that it
// began with.
func (e *guestEnvironment) GetVersion(changeID string, oldest, newest Version) Version {
	version, has := e.versions[changeID]
	if !has {
		version = newest
		e.versions[changeID] = version
	}
	validateVersion(changeID, version, oldest, newest)
	return version
}

func (e *guestEnvironment) UpsertSearchAttributes(attributes map[string]any) error {
	serialized, err := validateAndSerializeSearchAttributes(attributes)
	if err != nil {
		return err
	}
	e.issue(func() {
		hostUpsertSearchAttributes(guestChanges(serialized.IndexedFields))
		guestOut.reset()
	})
	e.updateWorkflowInfoWithSearchAttributes(serialized)
	return nil
}

func (e *guestEnvironment) UpsertTypedSearchAttributes(attributes SearchAttributes) error {
	serialized, err := serializeTypedSearchAttributes(attributes.untypedValue)
	if err != nil {
		return err
	}
	fields := map[string]any{}
	for name, value := range serialized.GetIndexedFields() {
		if name == TemporalChangeVersion {
			return fmt.Errorf("%s is a reserved key that cannot be set, please use other key", name)
		}
		fields[name] = value
	}
	return e.UpsertSearchAttributes(fields)
}

func (e *guestEnvironment) UpsertMemo(fields map[string]any) error {
	memo, err := validateAndSerializeMemo(fields, e.dataConverter, true)
	if err != nil {
		return err
	}
	for name, value := range fields {
		if value == nil {
			// What is nothing is taken away, whatever a codec has made of it.
			memo.Fields[name] = &commonpb.Payload{}
		}
	}
	e.issue(func() {
		hostUpsertMemo(guestChanges(memo.Fields))
		guestOut.reset()
	})
	e.updateWorkflowInfoWithMemo(memo)
	return nil
}

// TryUse switches every behaviour of the SDK on that it guards for the sake of old
// histories: there are none.
func (e *guestEnvironment) TryUse(sdkFlag) bool { return true }

func (e *guestEnvironment) Complete(result *commonpb.Payloads, err error) {
	if !e.finished {
		e.finished, e.result, e.err = true, result, err
	}
}
