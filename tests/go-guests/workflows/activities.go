package workflows

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
)

// Activities are methods, as most programs have them.
type Activities struct{}

// GetGreeting gives a word.
func (a *Activities) GetGreeting(context.Context) (string, error) { return "Hello", nil }

// GetName gives a name.
func (a *Activities) GetName(context.Context) (string, error) { return "Temporal", nil }

// SayGreeting puts both together.
func (a *Activities) SayGreeting(_ context.Context, greeting, name string) (string, error) {
	return greeting + " " + name + "!", nil
}

// Step does a step of a saga, and refuses the one named "car".
func (a *Activities) Step(_ context.Context, name string) (string, error) {
	if name == "car" {
		return "", temporal.NewNonRetryableApplicationError("no car left", "NoCar", errors.New("empty lot"), name, 3)
	}
	return "booked " + name, nil
}

// Tenant gives the tenant that came with the headers.
func (a *Activities) Tenant(ctx context.Context) (string, error) {
	tenant, _ := ctx.Value(contextKey{}).(string)
	return tenant, nil
}

// Flaky fails until the attempt that is wanted.
func (a *Activities) Flaky(ctx context.Context, succeedsAt int32) (int32, error) {
	if attempt := activity.GetInfo(ctx).Attempt; attempt < succeedsAt {
		return 0, fmt.Errorf("attempt %d fails", attempt)
	}
	return activity.GetInfo(ctx).Attempt, nil
}

// Slow heartbeats until it is cancelled.
func (a *Activities) Slow(ctx context.Context) (string, error) {
	for {
		activity.RecordHeartbeat(ctx, "still here")
		select {
		case <-ctx.Done():
			return "", temporal.NewCanceledError("let go")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Sleepy takes its time.
func (a *Activities) Sleepy(_ context.Context, milliseconds int) (int, error) {
	time.Sleep(time.Duration(milliseconds) * time.Millisecond)
	return milliseconds, nil
}

// Square squares.
func (a *Activities) Square(_ context.Context, n int) (int, error) { return n * n, nil }

// Pending is completed by somebody else.
func (a *Activities) Pending(context.Context) (string, error) {
	return "", activity.ErrResultPending
}

// Compose is an activity that is a function.
func Compose(_ context.Context, parts []string) (string, error) {
	return fmt.Sprint(parts), nil
}
