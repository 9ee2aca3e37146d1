//go:build wasip1

package internal

// The contract, function by function: `mainspring:workflow@1.0.0` in the canonical
// ABI. Whoever calls one of these frees what it wrote and what it read: guestOut and
// guestIn are reset by the function that made the call.

import "unsafe"

//go:wasmimport mainspring:workflow/activities@1.0.0 start-activity
func hostStartActivity(options unsafe.Pointer) uint64

//go:wasmimport mainspring:workflow/timers@1.0.0 start-timer
func hostStartTimer(nanoseconds uint64,
	hasSummary uint32, summaryMetadata unsafe.Pointer, summaryMetadataLength uint32, summary unsafe.Pointer, summaryLength uint32,
	hasDetails uint32, detailsMetadata unsafe.Pointer, detailsMetadataLength uint32, details unsafe.Pointer, detailsLength uint32,
) uint64

//go:wasmimport mainspring:workflow/cancellation@1.0.0 cancel
func hostCancel(handle uint64, reason unsafe.Pointer, reasonLength uint32)

//go:wasmimport mainspring:workflow/children@1.0.0 start-child-workflow
func hostStartChild(options unsafe.Pointer) uint64

// The target is an execution (0: address and length of namespace, workflow ID, run ID)
// or a child (1: its handle, in the place of the namespace's address).
//
//go:wasmimport mainspring:workflow/external@1.0.0 signal-workflow
func hostSignalWorkflow(target uint32, namespaceOrHandle uint64, namespaceLength uint32,
	workflowID unsafe.Pointer, workflowIDLength uint32, runID unsafe.Pointer, runIDLength uint32,
	name unsafe.Pointer, nameLength uint32, input unsafe.Pointer, inputLength uint32,
	headers unsafe.Pointer, headersLength uint32,
) uint64

//go:wasmimport mainspring:workflow/external@1.0.0 cancel-workflow
func hostCancelWorkflow(namespace unsafe.Pointer, namespaceLength uint32,
	workflowID unsafe.Pointer, workflowIDLength uint32, runID unsafe.Pointer, runIDLength uint32,
	reason unsafe.Pointer, reasonLength uint32,
) uint64

//go:wasmimport mainspring:workflow/properties@1.0.0 upsert-search-attributes
func hostUpsertSearchAttributes(attributes unsafe.Pointer, length uint32)

//go:wasmimport mainspring:workflow/properties@1.0.0 upsert-memo
func hostUpsertMemo(fields unsafe.Pointer, length uint32)

//go:wasmimport mainspring:workflow/queries@1.0.0 answer-query
func hostAnswerQuery(id unsafe.Pointer, idLength uint32, isFailure uint32,
	metadataOrFailure unsafe.Pointer, metadataOrFailureLength uint32, data unsafe.Pointer, dataLength uint32)

//go:wasmimport mainspring:workflow/updates@1.0.0 accept-update
func hostAcceptUpdate(id unsafe.Pointer, idLength uint32)

//go:wasmimport mainspring:workflow/updates@1.0.0 accept-unvalidated-update
func hostAcceptUnvalidatedUpdate(id unsafe.Pointer, idLength uint32)

//go:wasmimport mainspring:workflow/updates@1.0.0 reject-update
func hostRejectUpdate(id unsafe.Pointer, idLength uint32, failure unsafe.Pointer, failureLength uint32)

//go:wasmimport mainspring:workflow/updates@1.0.0 complete-update
func hostCompleteUpdate(id unsafe.Pointer, idLength uint32, isFailure uint32,
	metadataOrFailure unsafe.Pointer, metadataOrFailureLength uint32, data unsafe.Pointer, dataLength uint32)

//go:wasmimport mainspring:workflow/continuation@1.0.0 continue-as-new
func hostContinueAsNew(options unsafe.Pointer)

//go:wasmimport mainspring:workflow/events@1.0.0 next
func hostNext(event unsafe.Pointer)

//go:wasmimport mainspring:workflow/events@1.0.0 take
func hostTake(event unsafe.Pointer)

//go:wasmimport mainspring:workflow/clock@1.0.0 now
func hostNow() int64

//go:wasmimport mainspring:workflow/random@1.0.0 next-u64
func hostRandom() uint64

//go:wasmimport mainspring:workflow/logging@1.0.0 log
func hostLog(level uint32, message unsafe.Pointer, messageLength uint32, fields unsafe.Pointer, fieldsLength uint32)

//go:wasmimport mainspring:workflow/info@1.0.0 run
func hostRunInfo(info unsafe.Pointer)

//go:wasmimport mainspring:workflow/info@1.0.0 task
func hostTaskInfo(info unsafe.Pointer)

//go:wasmimport mainspring:workflow/info@1.0.0 is-replaying
func hostIsReplaying() uint32

// The module that stands between Go's idea of an operating system and the contract
// (shim.wat) has three functions of its own.

// shimSetClock sets what Go takes for the time of day.
//
//go:wasmimport wasi_snapshot_preview1 mainspring_set_clock
func shimSetClock(nanoseconds uint64)

// shimSetBuffer says where it may collect what the program prints.
//
//go:wasmimport wasi_snapshot_preview1 mainspring_set_buffer
func shimSetBuffer(buffer unsafe.Pointer, length uint32)

// shimFlush logs what was printed.
//
//go:wasmimport wasi_snapshot_preview1 mainspring_flush
func shimFlush()

// shimExit ends the activation with a trap.
//
//go:wasmimport wasi_snapshot_preview1 proc_exit
func shimExit(code uint32)

//go:linkname runtimeWaitIdle runtime.mainspringWaitIdle
func runtimeWaitIdle(watches bool)

//go:linkname runtimeSeed runtime.mainspringSeed
func runtimeSeed(seed uint64)

//go:linkname runtimePanicking runtime.mainspringPanicking
func runtimePanicking() bool

//go:linkname runtimeRefuser runtime.mainspringRefuser
var runtimeRefuser func(call string)
