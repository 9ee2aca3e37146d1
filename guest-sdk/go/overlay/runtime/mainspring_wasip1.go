package runtime

// What a workflow component needs of Go's runtime: a goroutine that runs when all
// others wait, a random state that a run sets by itself, and one place that refuses
// what a workflow cannot do. Added at build time; nothing of the runtime is changed
// but `beforeIdle`, which asks mainspringIdle.

import "internal/chacha8rand"

// mainspringRun and mainspringWatch wait until no other goroutine can run: the run's own
// goroutine, and one that watches it. Only the watching one waits while the run does.
var mainspringRun, mainspringWatch guintptr

// mainspringWaitIdle returns when every other goroutine waits.
func mainspringWaitIdle(watches bool) {
	if watches {
		mainspringWatch.set(getg())
	} else {
		mainspringRun.set(getg())
	}
	gopark(nil, nil, waitReasonZero, traceBlockGeneric, 1)
}

// mainspringIdle is asked by the scheduler when nothing can run.
func mainspringIdle() *g {
	if gp := mainspringRun.ptr(); gp != nil {
		mainspringRun.set(nil)
		return gp
	}
	gp := mainspringWatch.ptr()
	mainspringWatch.set(nil)
	return gp
}

// mainspringSeed sets everything that the runtime chooses at random from here on: the
// order of maps and of selects, the seeds of new maps, math/rand's numbers. A run does
// so with a number of its own before each step, and so every replay of the step makes
// the same choices, whatever was done before it.
func mainspringSeed(seed uint64) {
	m := getg().m
	m.chacha8 = chacha8rand.State{}
	m.chacha8.Init64([4]uint64{seed, seed ^ 0x9e3779b97f4a7c15, ^seed, seed*0xbf58476d1ce4e5b9 + 1})
	m.cheaprand = rand() | 1
}

// mainspringPanicking tells whether the goroutine's deferred functions run because it
// panics.
func mainspringPanicking() bool {
	return getg()._panic != nil
}

// mainspringRefuser is told what a workflow tries and cannot do; it does not return.
var mainspringRefuser func(call string)

func mainspringRefuse(call string) {
	if refuser := mainspringRefuser; refuser != nil {
		refuser(call)
	}
}
