// Package workflows holds workflows as Temporal's documentation and samples teach them,
// each as short as it can be.
package workflows

import (
	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// TaskQueue is where the activities run.
const TaskQueue = "go-guests"

// ClientOptions are those of the worker's client and of whoever starts workflows.
func ClientOptions() (client.Options, error) {
	return client.Options{
		Identity:           "go-guests-" + uuid.NewString(),
		DataConverter:      converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), codec{}),
		ContextPropagators: []workflow.ContextPropagator{propagator{}},
		Interceptors:       []interceptor.ClientInterceptor{&tagging{}},
	}, nil
}

// RegisterWorkflows registers all of them.
func RegisterWorkflows(w worker.Registry) {
	for _, one := range []any{
		Greetings, Saga, UpdatableTimer, ParentOfChildren, ChildGreeting, Counting, QueryState, AwaitSignals,
		Counter, Cleanup, DSL, Polling, SleepForDays, Cluster, FileProcessing, SplitMergeFuture, SplitMergeSelector,
		PickFirst, ChoiceExclusive, Cron, Attributes, ProcessingTime, Branch, RetryActivity, Goroutines, Header,
		LocalGreeting, Versions, SideEffects, Mutex, Locker, SignalsOther, CancelsOther, Panics, Torture, Refused, Info,
		EarlyReturn, ChildFails, Continues, ActivityCancellation, Channels, CompletedElsewhere, Memory,
		AbandonedChild, Failing, Logs,
	} {
		w.RegisterWorkflow(one)
	}
	w.RegisterWorkflowWithOptions(Renamed, workflow.RegisterOptions{Name: "another-name"})
	w.RegisterDynamicWorkflow(Dynamic, workflow.DynamicRegisterOptions{})
}

// RegisterActivities registers all activities.
func RegisterActivities(w worker.Registry) {
	w.RegisterActivity(&Activities{})
	w.RegisterActivity(Compose)
	w.RegisterActivityWithOptions(Compose, activity.RegisterOptions{Name: "compose-by-name"})
}
