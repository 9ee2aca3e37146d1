// Package activities holds what touches the world. It runs in the worker.
package activities

import (
	"context"
	"fmt"
)

// ComposeGreeting greets by name.
func ComposeGreeting(_ context.Context, name string) (string, error) {
	return fmt.Sprintf("Hello, %s!", name), nil
}
