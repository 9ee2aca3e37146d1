//go:build wasip1

package internal

// Operations on other runs: children, signals, cancel requests.

import (
	"errors"
	"fmt"
	"unsafe"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"

	"go.temporal.io/sdk/converter"
)

func (e *guestEnvironment) ExecuteChildWorkflow(p ExecuteWorkflowParams, callback ResultHandler, started func(WorkflowExecution, error)) {
	if p.WorkflowID == "" {
		p.WorkflowID = e.workflowInfo.currentRunID + "_" + e.GenerateSequenceID()
	}
	memo, err := GetWorkflowMemo(p.Memo, e.dataConverter, true)
	attributes, err2 := SerializeSearchAttributes(p.SearchAttributes, p.TypedSearchAttributes)
	metadata, err3 := BuildUserMetadata(p.StaticSummary, p.StaticDetails, e.dataConverter)
	if err = errors.Join(err, err2, err3); err != nil {
		started(WorkflowExecution{}, err)
		callback(nil, err)
		return
	}
	if child := e.children[p.WorkflowID]; child != nil && e.known[child.id] == child {
		err := &ChildWorkflowExecutionAlreadyStartedError{}
		started(WorkflowExecution{}, err)
		callback(nil, err)
		return
	}
	failures := p.failureConverter
	if failures == nil {
		failures = e.failureConverter
	}
	hasStarted := false
	e.children[p.WorkflowID] = e.begin(&guestOperation{
		started: func(runID string) {
			hasStarted = true
			started(WorkflowExecution{ID: p.WorkflowID, RunID: runID}, nil)
		},
		resolved: func(outcome guestOutcome) {
			if hasStarted {
				callback(outcome.result, guestError(failures, outcome.failure))
				return
			}
			err := notStarted(&p, failures, outcome.failure)
			callback(nil, err)
			started(WorkflowExecution{}, err)
		},
	}, func() uint64 {
		w := newGuestWriter(sizeOfChildOptions)
		w.childOptions(&p, memo, attributes, metadata)
		return hostStartChild(w.base)
	})
}

// notStarted is the SDK's error for a child that did not start.
func notStarted(p *ExecuteWorkflowParams, failures converter.FailureConverter, failure *failurepb.Failure) error {
	innermost := failure
	for innermost.GetCause() != nil {
		innermost = innermost.GetCause()
	}
	var cause error
	switch innermost.GetApplicationFailureInfo().GetType() {
	case "WorkflowExecutionAlreadyStarted":
		cause = &ChildWorkflowExecutionAlreadyStartedError{}
	case "NamespaceNotFound":
		cause = &NamespaceNotFoundError{}
	default:
		// Cancelled before it started, or a reason of the server's own.
		return failures.FailureToError(failure)
	}
	initiated := failure.GetChildWorkflowExecutionFailureInfo().GetInitiatedEventId()
	return NewChildWorkflowExecutionError(p.Namespace, p.WorkflowID, "", p.WorkflowType.Name, initiated, 0,
		enumspb.RETRY_STATE_NON_RETRYABLE_FAILURE, cause)
}

func (e *guestEnvironment) RequestCancelChildWorkflow(_, workflowID string) {
	if child := e.children[workflowID]; child != nil && e.known[child.id] == child {
		e.hostCancel(child)
	}
}

func (e *guestEnvironment) RequestCancelExternalWorkflow(namespace, workflowID, runID string, callback ResultHandler) {
	e.begin(&guestOperation{resolved: e.delivered("cancel", callback)}, func() uint64 {
		a, b := guestString(e.otherNamespace(namespace))
		c, d := guestString(workflowID)
		f, g := guestString(runID)
		return hostCancelWorkflow(a, b, c, d, f, g, nil, 0)
	})
}

func (e *guestEnvironment) SignalExternalWorkflow(namespace, workflowID, runID, name string, input *commonpb.Payloads,
	_ any, header *commonpb.Header, childWorkflowOnly bool, callback ResultHandler,
) {
	child := e.children[workflowID]
	if !childWorkflowOnly {
		child = nil
	}
	e.begin(&guestOperation{resolved: e.delivered("signal", callback)}, func() uint64 {
		target, first := uint32(0), uint64(0)
		var firstLength, idLength, runLength uint32
		var id, run unsafe.Pointer
		if child != nil {
			target, first = 1, child.handle
		} else {
			var p unsafe.Pointer
			p, firstLength = guestString(e.otherNamespace(namespace))
			first = uint64(uintptr(p))
			id, idLength = guestString(workflowID)
			run, runLength = guestString(runID)
		}
		n, nameLength := guestString(name)
		in, inputLength := guestPayloads(input)
		fields, fieldsLength := guestNamed(header.GetFields())
		return hostSignalWorkflow(target, first, firstLength, id, idLength, run, runLength,
			n, nameLength, in, inputLength, fields, fieldsLength)
	})
}

// otherNamespace is empty for the run's own.
func (e *guestEnvironment) otherNamespace(namespace string) string {
	if namespace == e.workflowInfo.Namespace {
		return ""
	}
	return namespace
}

// delivered answers what was sent to another run, with the SDK's own errors.
func (e *guestEnvironment) delivered(what string, callback ResultHandler) func(guestOutcome) {
	return func(outcome guestOutcome) {
		failure := outcome.failure
		switch failure.GetApplicationFailureInfo().GetType() {
		case "ExternalWorkflowExecutionNotFound":
			callback(nil, newUnknownExternalWorkflowExecutionError())
		case "NamespaceNotFound":
			callback(nil, &NamespaceNotFoundError{})
		case "SignalCountLimitExceeded", "SignalFailed", "CancelFailed":
			callback(nil, fmt.Errorf("unable to %s external workflow: %s", what, failure.GetMessage()))
		default:
			callback(nil, guestError(e.failureConverter, failure))
		}
	}
}

// ExecuteNexusOperation refuses: this version of the server has no Nexus.
func (e *guestEnvironment) ExecuteNexusOperation(p ExecuteNexusOperationParams, callback func(*commonpb.Payload, error), started func(string, error)) int64 {
	guestBlock(fmt.Sprintf("workflow.ExecuteOperation(%s) of a Nexus service", p.operation),
		"the server does not serve Nexus operations yet: call an activity instead")
	return 0
}

// RequestCancelNexusOperation has nothing to cancel.
func (e *guestEnvironment) RequestCancelNexusOperation(int64) {}

// AbandonNexusOperation has nothing to abandon.
func (e *guestEnvironment) AbandonNexusOperation(int64) {}
