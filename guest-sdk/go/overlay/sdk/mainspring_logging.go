//go:build wasip1

package internal

// The workflow's log.

import (
	"fmt"
	"unsafe"

	"go.temporal.io/sdk/log"
)

// The levels of the contract.
const (
	levelDebug = 1
	levelInfo  = 2
	levelWarn  = 3
	levelError = 4
)

// GuestLogger writes to the host's log. It is the logger of a client whose options name
// none.
type GuestLogger struct {
	prefix []any
}

var _ log.WithLogger = GuestLogger{}

// With gives a logger whose lines begin with these fields.
func (l GuestLogger) With(keyvals ...any) log.Logger {
	return GuestLogger{prefix: append(append([]any(nil), l.prefix...), keyvals...)}
}

// Debug writes a line for the author.
func (l GuestLogger) Debug(message string, keyvals ...any) { l.log(levelDebug, message, keyvals) }

// Info writes a line.
func (l GuestLogger) Info(message string, keyvals ...any) { l.log(levelInfo, message, keyvals) }

// Warn writes a line about what may be wrong.
func (l GuestLogger) Warn(message string, keyvals ...any) { l.log(levelWarn, message, keyvals) }

// Error writes a line about what is wrong.
func (l GuestLogger) Error(message string, keyvals ...any) { l.log(levelError, message, keyvals) }

func (l GuestLogger) log(level uint32, message string, keyvals []any) {
	if currentRun == nil {
		return // At build time, nobody reads it.
	}
	fields := append(append([]any(nil), l.prefix...), keyvals...)
	var pairs [][2]string
	for i := 0; i < len(fields); i += 2 {
		value := ""
		if i+1 < len(fields) {
			value = fmt.Sprint(fields[i+1])
		}
		pairs = append(pairs, [2]string{fmt.Sprint(fields[i]), value})
	}
	guestLog(level, message, pairs)
}

func guestLog(level uint32, message string, fields [][2]string) {
	const sizeOfField = 16
	p, n := guestString(message)
	list := newGuestWriter(uint32(len(fields)) * sizeOfField)
	for _, field := range fields {
		list.string(field[0])
		list.string(field[1])
	}
	hostLog(level, p, n, list.base, uint32(len(fields)))
	guestOut.reset()
}

// guestPrinted is where the shim collects what the program prints, until the line is
// over.
var guestPrinted [4 << 10]byte

func guestSetBuffer() {
	shimSetBuffer(unsafe.Pointer(&guestPrinted[0]), uint32(len(guestPrinted)))
}
