//go:build wasip1

package internal

// Failure trees: Temporal's message has a cause inside, the contract a list of nodes,
// the outermost first.

import (
	"unsafe"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
)

const sizeOfFailureNode = 112

// The kinds of a node, in the contract's order.
const (
	kindApplication = iota
	kindTimeout
	kindCancelled
	kindTerminated
	kindServer
	kindReset
	kindActivity
	kindChild
	kindNexusOperation
	kindNexusHandler
)

// guestFailure writes a failure as a list of nodes.
func guestFailure(failure *failurepb.Failure) (unsafe.Pointer, uint32) {
	var nodes []*failurepb.Failure
	for node := failure; node != nil; node = node.Cause {
		nodes = append(nodes, node)
	}
	list := newGuestWriter(uint32(len(nodes)) * sizeOfFailureNode)
	for i, node := range nodes {
		list.at = uint32(i) * sizeOfFailureNode
		list.failureNode(node)
	}
	return list.base, uint32(len(nodes))
}

func (w *guestWriter) failureNode(node *failurepb.Failure) {
	w.string(node.Message)
	w.string(node.Source)
	w.string(node.StackTrace)
	w.optionalPayload(node.EncodedAttributes)
	w.align(8)
	kind := func(number uint8) {
		w.u8(number)
		w.align(8)
	}
	switch info := node.FailureInfo.(type) {
	case *failurepb.Failure_TimeoutFailureInfo:
		kind(kindTimeout)
		w.u8(uint8(max(info.TimeoutFailureInfo.TimeoutType, 1) - 1))
		w.payloads(info.TimeoutFailureInfo.LastHeartbeatDetails)
	case *failurepb.Failure_CanceledFailureInfo:
		kind(kindCancelled)
		w.payloads(info.CanceledFailureInfo.Details)
		w.skip(8, 4) // Whose identity it is only a server knows.
	case *failurepb.Failure_TerminatedFailureInfo:
		kind(kindTerminated)
		w.skip(8, 4)
	case *failurepb.Failure_ServerFailureInfo:
		kind(kindServer)
		w.bool(info.ServerFailureInfo.NonRetryable)
	case *failurepb.Failure_ResetWorkflowFailureInfo:
		kind(kindReset)
		w.payloads(info.ResetWorkflowFailureInfo.LastHeartbeatDetails)
	case *failurepb.Failure_ActivityFailureInfo:
		kind(kindActivity)
		a := info.ActivityFailureInfo
		w.u64(uint64(a.ScheduledEventId))
		w.u64(uint64(a.StartedEventId))
		w.string(a.Identity)
		w.string(a.ActivityType.GetName())
		w.string(a.ActivityId)
		w.u8(uint8(a.RetryState))
	case *failurepb.Failure_ChildWorkflowExecutionFailureInfo:
		kind(kindChild)
		c := info.ChildWorkflowExecutionFailureInfo
		w.string(c.Namespace)
		w.string(c.WorkflowExecution.GetWorkflowId())
		w.string(c.WorkflowExecution.GetRunId())
		w.string(c.WorkflowType.GetName())
		w.u64(uint64(c.InitiatedEventId))
		w.u64(uint64(c.StartedEventId))
		w.u8(uint8(c.RetryState))
	case *failurepb.Failure_NexusOperationExecutionFailureInfo:
		kind(kindNexusOperation)
		n := info.NexusOperationExecutionFailureInfo
		w.u64(uint64(n.ScheduledEventId))
		w.string(n.Endpoint)
		w.string(n.Service)
		w.string(n.Operation)
		w.string(n.OperationToken)
	case *failurepb.Failure_NexusHandlerFailureInfo:
		kind(kindNexusHandler)
		w.string(info.NexusHandlerFailureInfo.Type)
		w.u8(uint8(info.NexusHandlerFailureInfo.RetryBehavior))
	default:
		kind(kindApplication)
		a := node.GetApplicationFailureInfo()
		w.string(a.GetType())
		w.bool(a.GetNonRetryable())
		w.payloads(a.GetDetails())
		w.protoDuration(a.GetNextRetryDelay())
		w.u8(uint8(a.GetCategory()))
	}
}

func (r *guestReader) failure() *failurepb.Failure {
	list, n := r.list()
	var outermost *failurepb.Failure
	into := &outermost
	for i := range n {
		list.at = uint32(i) * sizeOfFailureNode
		*into = list.failureNode()
		into = &(*into).Cause
	}
	return outermost
}

func (r *guestReader) failureNode() *failurepb.Failure {
	node := &failurepb.Failure{Message: r.string(), Source: r.string(), StackTrace: r.string()}
	if r.some(sizeOfOptionalPayload, 4) {
		node.EncodedAttributes = r.payload()
	}
	r.align(8)
	kind := r.u8()
	r.align(8)
	switch kind {
	case kindApplication:
		info := &failurepb.ApplicationFailureInfo{Type: r.string(), NonRetryable: r.bool()}
		info.Details = r.payloads()
		info.NextRetryDelay = r.optionalDuration()
		info.Category = enumspb.ApplicationErrorCategory(r.u8())
		node.FailureInfo = &failurepb.Failure_ApplicationFailureInfo{ApplicationFailureInfo: info}
	case kindTimeout:
		info := &failurepb.TimeoutFailureInfo{TimeoutType: enumspb.TimeoutType(r.u8() + 1)}
		info.LastHeartbeatDetails = r.payloads()
		node.FailureInfo = &failurepb.Failure_TimeoutFailureInfo{TimeoutFailureInfo: info}
	case kindCancelled:
		info := &failurepb.CanceledFailureInfo{Details: r.payloads()}
		node.FailureInfo = &failurepb.Failure_CanceledFailureInfo{CanceledFailureInfo: info}
	case kindTerminated:
		node.FailureInfo = &failurepb.Failure_TerminatedFailureInfo{TerminatedFailureInfo: &failurepb.TerminatedFailureInfo{}}
	case kindServer:
		info := &failurepb.ServerFailureInfo{NonRetryable: r.bool()}
		node.FailureInfo = &failurepb.Failure_ServerFailureInfo{ServerFailureInfo: info}
	case kindReset:
		info := &failurepb.ResetWorkflowFailureInfo{LastHeartbeatDetails: r.payloads()}
		node.FailureInfo = &failurepb.Failure_ResetWorkflowFailureInfo{ResetWorkflowFailureInfo: info}
	case kindActivity:
		info := &failurepb.ActivityFailureInfo{ScheduledEventId: r.i64(), StartedEventId: r.i64(), Identity: r.string()}
		info.ActivityType = &commonpb.ActivityType{Name: r.string()}
		info.ActivityId = r.string()
		info.RetryState = enumspb.RetryState(r.u8())
		node.FailureInfo = &failurepb.Failure_ActivityFailureInfo{ActivityFailureInfo: info}
	case kindChild:
		info := &failurepb.ChildWorkflowExecutionFailureInfo{Namespace: r.string()}
		info.WorkflowExecution = &commonpb.WorkflowExecution{WorkflowId: r.string(), RunId: r.string()}
		info.WorkflowType = &commonpb.WorkflowType{Name: r.string()}
		info.InitiatedEventId, info.StartedEventId = r.i64(), r.i64()
		info.RetryState = enumspb.RetryState(r.u8())
		node.FailureInfo = &failurepb.Failure_ChildWorkflowExecutionFailureInfo{ChildWorkflowExecutionFailureInfo: info}
	case kindNexusOperation:
		info := &failurepb.NexusOperationFailureInfo{ScheduledEventId: r.i64(), Endpoint: r.string(), Service: r.string()}
		info.Operation, info.OperationToken = r.string(), r.string()
		node.FailureInfo = &failurepb.Failure_NexusOperationExecutionFailureInfo{NexusOperationExecutionFailureInfo: info}
	case kindNexusHandler:
		info := &failurepb.NexusHandlerFailureInfo{Type: r.string()}
		info.RetryBehavior = enumspb.NexusHandlerErrorRetryBehavior(r.u8())
		node.FailureInfo = &failurepb.Failure_NexusHandlerFailureInfo{NexusHandlerFailureInfo: info}
	}
	return node
}
