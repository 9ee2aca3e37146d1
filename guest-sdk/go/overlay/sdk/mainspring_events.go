//go:build wasip1

package internal

// What a run hears: one event after the other, the batch taken whole, then the
// workflow's code goes on.

import (
	"reflect"

	commonpb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"
)

// The kinds of event, in the contract's order.
const (
	hearsResolved = iota
	hearsStarted
	hearsSignal
	hearsQuery
	hearsUpdate
	hearsCancelRequested
	hearsRandomSeedChanged
)

// The kinds of outcome, in the contract's order.
const (
	outcomeSuccess = iota
	outcomeFailed
	outcomeCancelled
	outcomeTimedOut
)

// sizeOfEvent and one optional event more, in bytes.
const (
	sizeOfEvent         = 56
	sizeOfOptionalEvent = 64
)

// guestEvent is an event, read.
type guestEvent struct {
	kind    uint8
	handle  uint64
	outcome guestOutcome
	id      string
	name    string
	input   *commonpb.Payloads
	header  *commonpb.Header
	// validate: the validator of an update runs.
	validate bool
}

// guestNext waits for an event.
func guestNext() guestEvent {
	r := newGuestResult(sizeOfEvent)
	hostNext(r.base)
	defer guestFree()
	return r.event()
}

// guestTake gives the next event of the batch in hand.
func guestTake() (guestEvent, bool) {
	r := newGuestResult(sizeOfOptionalEvent)
	hostTake(r.base)
	defer guestFree()
	if !r.some(sizeOfOptionalEvent, 8) {
		return guestEvent{}, false
	}
	return r.event(), true
}

func guestFree() {
	guestIn.reset()
	guestOut.reset()
}

func (r *guestReader) event() (event guestEvent) {
	event.kind = r.u8()
	r.align(8)
	switch event.kind {
	case hearsResolved:
		event.handle = r.u64()
		event.outcome = r.outcome()
	case hearsStarted:
		event.handle = r.u64()
		r.u8()
		event.id = r.string()
	case hearsSignal:
		event.name, event.input, event.header = r.string(), r.payloads(), r.header()
	case hearsQuery:
		event.id, event.name, event.input, event.header = r.string(), r.string(), r.payloads(), r.header()
	case hearsUpdate:
		event.id, event.name, event.input, event.header = r.string(), r.string(), r.payloads(), r.header()
		r.string() // Whose it is.
		event.validate = r.bool()
	}
	return event
}

func (r *guestReader) outcome() (outcome guestOutcome) {
	kind := r.u8()
	r.align(4)
	if kind == outcomeSuccess {
		outcome.result = r.payloads()
	} else if outcome.failure = r.failure(); outcome.failure == nil {
		outcome.failure = &failurepb.Failure{Message: "failed without a reason"}
	}
	return outcome
}

// hear tells the SDK of an event, without letting the workflow's code go on.
func (r *guestRun) hear(event guestEvent) {
	switch event.kind {
	case hearsResolved:
		operation := r.operations[event.handle]
		if operation == nil {
			return
		}
		r.forget(operation)
		if operation.resolved != nil {
			operation.resolved(event.outcome)
		}
	case hearsStarted:
		if operation := r.operations[event.handle]; operation != nil && operation.started != nil {
			operation.started(event.id)
		}
	case hearsSignal:
		if err := r.signalHandler(event.name, event.input, event.header); err != nil {
			guestBlock("signal "+event.name, err.Error())
		}
	case hearsUpdate:
		r.update(event)
	case hearsCancelRequested:
		r.cancelHandler()
	}
}

// answer answers a query.
func (r *guestRun) answer(event guestEvent) {
	result, err := r.handler.ProcessQuery(event.name, event.input, event.header)
	id, idLength := guestString(event.id)
	if err != nil {
		failure, n := guestFailure(r.failureConverter.ErrorToFailure(err))
		hostAnswerQuery(id, idLength, 1, failure, n, nil, 0)
	} else {
		w := newGuestWriter(sizeOfPayload)
		w.payload(guestOne(result))
		flat := guestReader{base: w.base}
		metadata, count := flat.list()
		data, size := flat.list()
		hostAnswerQuery(id, idLength, 0, metadata.base, uint32(count), data.base, uint32(size))
	}
	guestFree()
}

// guestOne is the one value that an answer has.
func guestOne(p *commonpb.Payloads) *commonpb.Payload {
	if all := p.GetPayloads(); len(all) > 0 {
		return all[0]
	}
	return &commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte("binary/null")}}
}

// guestUpdate passes an update's verdict and outcome to the host.
type guestUpdate struct {
	run  *guestRun
	id   string
	name string
}

func (u *guestUpdate) Accept() {
	id, n := guestString(u.id)
	if u.run.hasNoValidator(u.name) {
		hostAcceptUnvalidatedUpdate(id, n)
	} else {
		hostAcceptUpdate(id, n)
	}
	guestOut.reset()
	u.run.decide()
}

func (u *guestUpdate) Reject(err error) {
	id, n := guestString(u.id)
	failure, m := guestFailure(u.run.failureConverter.ErrorToFailure(err))
	hostRejectUpdate(id, n, failure, m)
	guestOut.reset()
	u.run.decide()
}

func (u *guestUpdate) Complete(success any, err error) {
	var result *commonpb.Payloads
	if err == nil {
		var encoding error
		if result, encoding = u.run.dataConverter.ToPayloads(success); encoding != nil {
			panic(encoding)
		}
	}
	id, n := guestString(u.id)
	if err != nil {
		failure, m := guestFailure(u.run.failureConverter.ErrorToFailure(err))
		hostCompleteUpdate(id, n, 1, failure, m, nil, 0)
	} else {
		w := newGuestWriter(sizeOfPayload)
		w.payload(guestOne(result))
		flat := guestReader{base: w.base}
		metadata, count := flat.list()
		data, size := flat.list()
		hostCompleteUpdate(id, n, 0, metadata.base, uint32(count), data.base, uint32(size))
	}
	guestOut.reset()
}

// update hands an update to its handler, which begins when the code goes on.
func (r *guestRun) update(event guestEvent) {
	r.skipValidity, r.undecided = !event.validate, true
	update := &guestUpdate{run: r, id: event.id, name: event.name}
	r.updateHandler(event.name, event.id, event.input, event.header, update)
}

// hasNoValidator: nothing of the author's runs before the update is accepted.
func (r *guestRun) hasNoValidator(name string) bool {
	if len(r.registry.interceptors) > 0 || r.definition.rootCtx == nil {
		return false
	}
	handler := getWorkflowEnvOptions(r.definition.rootCtx).updateHandlers[name]
	return handler != nil && reflect.TypeOf(handler.validateFn) == noValidator
}

// noValidator is the type of what the SDK takes for the validator of a handler without.
var noValidator = reflect.TypeFor[func(...any) error]()
