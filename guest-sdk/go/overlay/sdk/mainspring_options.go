//go:build wasip1

package internal

// Requests with many options: an activity, a child, a successor; and a timer's few.

import (
	"time"
	"unsafe"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/sdk/v1"
)

// Sizes of the contract's records of options in memory, in bytes; an upper bound does.
const (
	sizeOfActivityOptions = 320
	sizeOfChildOptions    = 448
	sizeOfContinueOptions = 288
)

type guestActivity struct {
	ExecuteActivityOptions
	name   string
	input  *commonpb.Payloads
	header *commonpb.Header
}

func (a *guestActivity) write(metadata *sdk.UserMetadata) unsafe.Pointer {
	w := newGuestWriter(sizeOfActivityOptions)
	w.string(a.name)
	w.optionalString(a.ActivityID)
	w.optionalString(a.TaskQueueName)
	w.payloads(a.input)
	w.named(a.header.GetFields())
	w.duration(a.ScheduleToCloseTimeout)
	w.duration(a.ScheduleToStartTimeout)
	w.duration(a.StartToCloseTimeout)
	w.duration(a.HeartbeatTimeout)
	w.retryPolicy(a.RetryPolicy)
	w.bool(a.WaitForCancellation) // 0 is try-cancel, 1 wait-cancellation-completed.
	w.priority(a.Priority)
	w.metadata(metadata)
	return w.base
}

func guestStartTimer(d time.Duration, metadata *sdk.UserMetadata) uint64 {
	flat := func(p *commonpb.Payload) (has uint32, pairs unsafe.Pointer, n uint32, data unsafe.Pointer, length uint32) {
		if p == nil {
			return
		}
		w := newGuestWriter(sizeOfPayload)
		w.payload(p)
		r := guestReader{base: w.base}
		list, count := r.list()
		bytes, size := r.list()
		return 1, list.base, uint32(count), bytes.base, uint32(size)
	}
	a, b, c, d1, e := flat(metadata.GetSummary())
	f, g, h, i, j := flat(metadata.GetDetails())
	return hostStartTimer(uint64(d), a, b, c, d1, e, f, g, h, i, j)
}

func (w *guestWriter) childOptions(p *ExecuteWorkflowParams, memo *commonpb.Memo, attributes *commonpb.SearchAttributes, metadata *sdk.UserMetadata) {
	w.optionalString(p.Namespace)
	w.optionalString(p.WorkflowID)
	w.string(p.WorkflowType.Name)
	w.optionalString(p.TaskQueueName)
	w.payloads(p.Input)
	w.named(p.Header.GetFields())
	w.duration(p.WorkflowExecutionTimeout)
	w.duration(p.WorkflowRunTimeout)
	w.duration(p.WorkflowTaskTimeout)
	w.u8(uint8(p.ParentClosePolicy))
	w.u8(uint8(p.WorkflowIDReusePolicy))
	// A cancelled child is heard of when it has closed, whatever the option says: so the
	// SDK's own workers have it.
	w.u8(childWaitsForCancel)
	w.retryPolicy(p.RetryPolicy)
	w.string(p.CronSchedule)
	w.named(memo.GetFields())
	w.named(attributes.GetIndexedFields())
	w.u8(guestVersioningIntent(p.VersioningIntent))
	w.optionalString(guestPinnedVersion(p.VersioningOverride))
	w.priority(p.Priority)
	w.metadata(metadata)
}

// childWaitsForCancel is `wait-cancellation-completed`.
const childWaitsForCancel = 2

func guestPinnedVersion(override VersioningOverride) string {
	if pinned, ok := override.(*PinnedVersioningOverride); ok {
		return pinned.Version.BuildID
	}
	return ""
}

func guestVersioningIntent(intent VersioningIntent) uint8 {
	switch intent {
	case VersioningIntentCompatible, VersioningIntentInheritBuildID:
		return 1
	case VersioningIntentDefault, VersioningIntentUseAssignmentRules:
		return 2
	}
	return 0
}

// guestContinue tells the host of the successor.
func (e *guestEnvironment) guestContinue(next *ContinueAsNewError) {
	w := newGuestWriter(sizeOfContinueOptions)
	w.optionalString(next.WorkflowType.Name)
	w.optionalString(next.TaskQueueName)
	w.payloads(next.Input)
	w.named(next.Header.GetFields())
	w.duration(next.WorkflowRunTimeout)
	w.duration(next.WorkflowTaskTimeout)
	w.retryPolicy(ConvertToPBRetryPolicy(next.RetryPolicy))
	w.skip(12, 4) // The memo is carried over,
	w.skip(12, 4) // and so are the search attributes.
	intent := guestVersioningIntent(next.VersioningIntent)
	if next.InitialVersioningBehavior == ContinueAsNewVersioningBehaviorAutoUpgrade {
		intent = 2
	}
	w.u8(intent)
	w.duration(next.BackoffStartInterval)
	hostContinueAsNew(w.base)
	guestOut.reset()
}
