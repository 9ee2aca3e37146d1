//go:build wasip1

package internal

// What a workflow cannot do ends its task with words that name the call, the line of
// the author's code that made it, and what to do instead. The run is blocked, not
// failed: a mended component can go on with it.

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	_ "unsafe" // For go:linkname.
)

// guestRefuses: the program's main function is over and a run has begun. Before,
// files are not found and the network cannot be reached, as main may expect.
var guestRefuses bool

// exitHook is internal/runtime/exithook.Hook.
type exitHook struct {
	F            func()
	RunOnFailure bool
}

//go:linkname addExitHook internal/runtime/exithook.Add
func addExitHook(exitHook)

//go:linkname setTestLogger internal/testlog.SetLogger
func setTestLogger(testLogger)

// testLogger is internal/testlog.Interface: it hears of files that are opened.
type testLogger interface {
	Getenv(key string)
	Stat(file string)
	Open(file string)
	Chdir(dir string)
}

type fileRefuser struct{}

func (fileRefuser) Getenv(string) {}

func (fileRefuser) Stat(file string) { refuse("os.Stat("+file+")", filesAdvice) }

func (fileRefuser) Open(file string) { refuse("os.Open("+file+")", filesAdvice) }

func (fileRefuser) Chdir(dir string) { refuse("os.Chdir("+dir+")", filesAdvice) }

const (
	filesAdvice   = "a workflow cannot touch files: read or write them in an activity, or embed them (go:embed)"
	networkAdvice = "a workflow cannot use the network: make the call in an activity"
	exitAdvice    = "a workflow ends by returning: return an error"
)

func prepareRefusals() {
	setTestLogger(fileRefuser{})
	addExitHook(exitHook{RunOnFailure: true, F: func() {
		if !guestRefuses {
			println("main ended the program at", placeOfCaller())
			return
		}
		guestBlock("os.Exit", exitAdvice)
	}})
	runtimeRefuser = func(call string) { refuse(call, networkAdvice) }
}

func refuse(call, advice string) {
	if guestRefuses {
		guestBlock(call, advice)
	}
}

// guestBlock ends the workflow task because of a call that the author's code makes.
func guestBlock(call, advice string) {
	guestBlockAt(placeOfCaller(), fmt.Sprintf("the workflow called %s: %s", call, advice), string(debug.Stack()))
}

func guestBlockAt(place, message, stack string) {
	guestLog(levelError, message, [][2]string{{"panic", place}, {"stack", stack}})
	shimExit(1)
}

// placeOfCaller is the file and line of the author's code that led here.
func placeOfCaller() string {
	var counters [64]uintptr
	frames := runtime.CallersFrames(counters[:runtime.Callers(2, counters[:])])
	other := "unknown"
	for {
		frame, more := frames.Next()
		place := fmt.Sprintf("%s:%d", frame.File, frame.Line)
		switch whose(frame.Function) {
		case authors:
			return place
		case others:
			if other == "unknown" {
				other = place
			}
		}
		if !more {
			return other
		}
	}
}

// placeIn is the same from a printed stack.
func placeIn(stack string) string {
	lines := strings.Split(stack, "\n")
	other := "unknown"
	for i, line := range lines[:max(len(lines)-1, 0)] {
		function, _, isCall := strings.Cut(line, "(")
		if !isCall || strings.HasPrefix(line, "\t") {
			continue
		}
		place, _, _ := strings.Cut(strings.TrimSpace(lines[i+1]), " ")
		switch whose(function) {
		case authors:
			return place
		case others:
			if other == "unknown" {
				other = place
			}
		}
	}
	return other
}

const (
	authors  = iota // Code of the module that is built.
	others          // Code that it depends on.
	machines        // Go's own, or the SDK's.
)

var mainModule = func() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Path
	}
	return ""
}()

// whose tells by the name of a function who wrote it.
func whose(function string) int {
	switch {
	case strings.HasPrefix(function, "main."):
		return authors
	case mainModule != "" && strings.HasPrefix(function, mainModule) && strings.Trim(function[len(mainModule):][:1], "/.") == "":
		return authors
	case strings.HasPrefix(function, "go.temporal.io/"):
		return machines
	}
	first, _, _ := strings.Cut(function, "/")
	if strings.Contains(function, "/") && strings.Contains(first, ".") {
		return others
	}
	return machines
}

// guestWatch finds a workflow that waits for what no event will bring: a lock, a channel
// of Go's own, the time of day. Nothing else in the instance can run then.
func guestWatch() {
	for {
		runtimeWaitIdle(true)
		stacks := string(stackBuf[:runtime.Stack(stackBuf[:], true)])
		for _, stack := range strings.Split(stacks, "\n\n") {
			if strings.Contains(stack, ".(*coroutineState).run(") && !strings.Contains(stack, ".(*coroutineState).initialYield(") {
				guestBlockAt(placeIn(stack), waitsFor(stack), stack)
			}
		}
		guestBlockAt("unknown", "the workflow waits and nothing can wake it", stacks)
	}
}

func waitsFor(stack string) string {
	_, state, _ := strings.Cut(stack, "[")
	state, _, _ = strings.Cut(state, "]")
	state, _, _ = strings.Cut(state, ",")
	advice := map[string]string{
		"sleep":        "time.Sleep waits for real time: use workflow.Sleep",
		"chan receive": "a channel of Go's own, or a timer of package time, is not woken by what happens to the workflow: use workflow.Channel, workflow.Future or workflow.NewTimer",
		"chan send":    "use workflow.Channel instead of a channel of Go's own",
		"select":       "use workflow.Selector instead of select",
	}[state]
	if advice == "" {
		advice = "use workflow.Mutex, workflow.WaitGroup and workflow.Channel instead of Go's own"
	}
	return fmt.Sprintf("the workflow waits outside of package workflow (%s): %s", state, advice)
}
