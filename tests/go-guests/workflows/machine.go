package workflows

import (
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Versions branches by version.
func Versions(ctx workflow.Context) (string, error) {
	if version := workflow.GetVersion(ctx, "change", workflow.DefaultVersion, 2); version != 2 {
		return "", fmt.Errorf("version %d of a new run", version)
	}
	if err := workflow.Sleep(ctx, 10*time.Millisecond); err != nil {
		return "", err
	}
	return fmt.Sprint(workflow.GetVersion(ctx, "change", 1, 2)), nil
}

// SideEffects keeps values that were made once.
func SideEffects(ctx workflow.Context) (string, error) {
	var id, again string
	if err := workflow.SideEffect(ctx, func(workflow.Context) any { return uuid.NewString() }).Get(&id); err != nil {
		return "", err
	}
	config := func() (n int) {
		value := workflow.MutableSideEffect(ctx, "config", func(workflow.Context) any { return int(time.Now().Unix() / 1000) },
			func(a, b any) bool { return a == b })
		_ = value.Get(&n)
		return n
	}
	before := config()
	if err := workflow.Sleep(ctx, 10*time.Millisecond); err != nil {
		return "", err
	}
	if err := workflow.SideEffect(ctx, func(workflow.Context) any { return uuid.NewString() }).Get(&again); err != nil {
		return "", err
	}
	if id == again || config()-before > 1 {
		return "", errors.New("side effects that are none")
	}
	return id, nil
}

// Panics panics in a coroutine of its own after a while.
func Panics(ctx workflow.Context) error {
	if err := workflow.Sleep(ctx, 10*time.Millisecond); err != nil {
		return err
	}
	var orders map[string]int
	orders["first"] = 1 // The line of the panic.
	return nil
}

// FailsOnPanic is registered with a worker that fails workflows that panic.
func FailsOnPanic(ctx workflow.Context) error {
	panic("on purpose")
}

// Torture chooses everything that it does by what differs between two runs of a program:
// the order of maps, random numbers, the clock, which channel a select takes, which
// goroutine comes first.
func Torture(ctx workflow.Context, rounds int) ([]string, error) {
	ctx = quick(ctx)
	var said []string
	for range rounds {
		choices := map[string]int{}
		for i := range 50 {
			choices[fmt.Sprint("choice-", i)] = i
		}
		for name := range choices {
			said = append(said, name)
			break
		}
		bytes := make([]byte, 4)
		if _, err := rand.Read(bytes); err != nil {
			return nil, err
		}
		said = append(said, fmt.Sprintf("%x", bytes), fmt.Sprint(mathrand.Intn(1000000)), uuid.NewString(), time.Now().UTC().String())
		said = append(said, chosen(), raced())
		var square int
		if err := workflow.ExecuteActivity(ctx, (*Activities).Square, mathrand.Intn(100)).Get(ctx, &square); err != nil {
			return nil, err
		}
		if err := workflow.Sleep(ctx, time.Duration(1+mathrand.Intn(20))*time.Millisecond); err != nil {
			return nil, err
		}
		said = append(said, fmt.Sprint(square))
	}
	// Only their number goes on: what the history holds is compared event by event.
	return said, nil
}

func chosen() string {
	a, b := make(chan int, 1), make(chan int, 1)
	a <- 1
	b <- 1
	select {
	case <-a:
		return "a"
	case <-b:
		return "b"
	}
}

func raced() string {
	var order []string
	var lock sync.Mutex
	var group sync.WaitGroup
	for i := range 5 {
		group.Add(1)
		go func() {
			defer group.Done()
			lock.Lock()
			defer lock.Unlock()
			order = append(order, fmt.Sprint(i))
		}()
	}
	group.Wait()
	return strings.Join(order, "")
}

// Refused does what no workflow can do.
func Refused(ctx workflow.Context, what string) error {
	if err := workflow.Sleep(ctx, 10*time.Millisecond); err != nil {
		return err
	}
	switch what {
	case "file":
		_, err := os.ReadFile("/etc/passwd")
		return err
	case "network":
		_, err := net.Dial("tcp", "127.0.0.1:80")
		return err
	case "http":
		response, err := http.Get("http://127.0.0.1/")
		if err == nil {
			response.Body.Close()
		}
		return err
	case "exit":
		os.Exit(3)
	case "sleep":
		time.Sleep(time.Second)
	case "channel":
		<-make(chan int)
	case "loop":
		for i := 0; ; i++ {
			if i < 0 {
				break
			}
		}
	}
	return temporal.NewApplicationError("it was let", "Let", what)
}

// Memory holds a lot, and lets go of it.
func Memory(ctx workflow.Context, rounds int) (int, error) {
	total := 0
	for range rounds {
		garbage := make([]byte, 4<<20)
		for i := range garbage {
			garbage[i] = byte(i)
		}
		total += len(garbage) >> 20
		if err := workflow.Sleep(ctx, time.Millisecond); err != nil {
			return 0, err
		}
	}
	return total, nil
}
