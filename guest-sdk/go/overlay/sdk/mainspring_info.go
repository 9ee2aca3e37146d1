//go:build wasip1

package internal

// What a workflow may know about itself.

import (
	"time"

	commonpb "go.temporal.io/api/common/v1"
)

// Upper bounds of the contract's records in memory, in bytes.
const (
	sizeOfRunInfo  = 640
	sizeOfTaskInfo = 96
)

func guestRunInfo(workflowType string) (*WorkflowInfo, *commonpb.Header) {
	r := newGuestResult(sizeOfRunInfo)
	hostRunInfo(r.base)
	defer guestFree()
	info := &WorkflowInfo{Namespace: r.string()}
	info.WorkflowExecution = WorkflowExecution{ID: r.string(), RunID: r.string()}
	r.string() // The type, which `run` is called with.
	info.WorkflowType = WorkflowType{Name: workflowType}
	info.TaskQueueName = r.string()
	info.FirstRunID = r.string()
	info.OriginalRunID = r.string()
	info.currentRunID = info.OriginalRunID
	info.ContinuedExecutionRunID = r.optionalString()
	r.u8() // Why it continues another.
	if r.some(12, 4) {
		info.lastFailure = r.failure()
	}
	r.align(4)
	info.lastCompletionResult = r.payloads()
	info.ParentWorkflowNamespace, info.ParentWorkflowExecution = r.execution()
	_, info.RootWorkflowExecution = r.execution()
	info.Attempt = int32(r.u32())
	info.WorkflowStartTime = time.Unix(0, r.i64()).UTC()
	r.optionalU64() // When the execution times out.
	info.WorkflowExecutionTimeout = time.Duration(r.optionalU64())
	info.WorkflowRunTimeout = time.Duration(r.optionalU64())
	info.WorkflowTaskTimeout = time.Duration(r.u64())
	if policy := r.retryPolicy(); policy != nil {
		info.RetryPolicy = convertFromPBRetryPolicy(policy)
	}
	info.CronSchedule = r.string()
	r.optionalU64() // Between two runs of the schedule.
	r.align(4)
	header := r.header()
	info.Memo = &commonpb.Memo{Fields: r.named()}
	info.SearchAttributes = &commonpb.SearchAttributes{IndexedFields: r.named()}
	info.Priority = convertFromPBPriority(r.priority())
	return info, header
}

func (r *guestReader) execution() (namespace string, execution *WorkflowExecution) {
	if !r.some(4+sizeOfExecution, 4) {
		return "", nil
	}
	namespace = r.string()
	return namespace, &WorkflowExecution{ID: r.string(), RunID: r.string()}
}

// guestTaskInfo sets what changes from one workflow task to the next.
func guestTaskInfo(info *WorkflowInfo) {
	r := newGuestResult(sizeOfTaskInfo)
	hostTaskInfo(r.base)
	defer guestFree()
	info.currentHistoryLength = int(r.u64())
	info.currentHistorySize = int(r.u64())
	info.continueAsNewSuggested = r.bool()
	reasons := r.u8()
	info.continueAsNewSuggestedReasons = nil
	for bit := range 3 {
		if reasons&(1<<bit) != 0 {
			info.continueAsNewSuggestedReasons = append(info.continueAsNewSuggestedReasons, ContinueAsNewSuggestedReason(bit+1))
		}
	}
	r.align(4)
	r.string() // The deployment.
	info.currentTaskBuildID = r.string()
	info.BinaryChecksum = info.currentTaskBuildID
	info.targetWorkerDeploymentVersionChanged = r.bool()
}
