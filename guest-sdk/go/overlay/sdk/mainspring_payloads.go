//go:build wasip1

package internal

// Payloads, headers and the options that several operations share, to and from the
// contract.

import (
	"slices"
	"time"
	"unsafe"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/sdk/v1"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Sizes of the contract's types in memory, in bytes.
const (
	sizeOfPair            = 16 // A string and bytes.
	sizeOfPayload         = 16
	sizeOfOptionalPayload = 20
	sizeOfNamedPayload    = 24
	sizeOfNamedChange     = 28 // A name and an optional payload.
	sizeOfRetryPolicy     = 64
	sizeOfPriority        = 16
	sizeOfExecution       = 24
)

func guestSortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func (w *guestWriter) payload(p *commonpb.Payload) {
	metadata := p.GetMetadata()
	pairs := newGuestWriter(uint32(len(metadata)) * sizeOfPair)
	for _, key := range guestSortedKeys(metadata) {
		pairs.string(key)
		value, n := guestBytes(metadata[key])
		pairs.list(value, int(n))
	}
	w.list(pairs.base, len(metadata))
	data, n := guestBytes(p.GetData())
	w.list(data, int(n))
}

func (w *guestWriter) optionalPayload(p *commonpb.Payload) {
	w.align(4)
	if p == nil {
		w.at += sizeOfOptionalPayload
		return
	}
	w.u8(1)
	w.align(4)
	w.payload(p)
}

// guestPayloads writes a list of payloads.
func guestPayloads(p *commonpb.Payloads) (unsafe.Pointer, uint32) {
	all := p.GetPayloads()
	list := newGuestWriter(uint32(len(all)) * sizeOfPayload)
	for _, one := range all {
		list.payload(one)
	}
	return list.base, uint32(len(all))
}

func (w *guestWriter) payloads(p *commonpb.Payloads) {
	list, n := guestPayloads(p)
	w.list(list, int(n))
}

// guestNamed writes a map of payloads in the order of its keys.
func guestNamed(fields map[string]*commonpb.Payload) (unsafe.Pointer, uint32) {
	list := newGuestWriter(uint32(len(fields)) * sizeOfNamedPayload)
	for _, name := range guestSortedKeys(fields) {
		list.string(name)
		list.payload(fields[name])
	}
	return list.base, uint32(len(fields))
}

func (w *guestWriter) named(fields map[string]*commonpb.Payload) {
	list, n := guestNamed(fields)
	w.list(list, int(n))
}

// guestChanges writes changes of named values: what is null is removed.
func guestChanges(fields map[string]*commonpb.Payload) (unsafe.Pointer, uint32) {
	list := newGuestWriter(uint32(len(fields)) * sizeOfNamedChange)
	for _, name := range guestSortedKeys(fields) {
		list.string(name)
		value := fields[name]
		if value.GetData() == nil || string(value.GetMetadata()["encoding"]) == "binary/null" {
			value = nil
		}
		list.optionalPayload(value)
	}
	return list.base, uint32(len(fields))
}

// duration writes none for zero and less.
func (w *guestWriter) duration(d time.Duration) {
	w.align(8)
	if d <= 0 {
		w.at += 16
		return
	}
	w.u8(1)
	w.u64(uint64(d))
}

func (w *guestWriter) protoDuration(d *durationpb.Duration) { w.duration(d.AsDuration()) }

func (w *guestWriter) retryPolicy(p *commonpb.RetryPolicy) {
	w.align(8)
	if p == nil {
		w.at += 8 + sizeOfRetryPolicy
		return
	}
	w.u8(1)
	w.align(8)
	w.protoDuration(p.InitialInterval)
	if p.BackoffCoefficient == 0 {
		w.skip(16, 8)
	} else {
		w.u8(1)
		w.f64(p.BackoffCoefficient)
	}
	w.protoDuration(p.MaximumInterval)
	w.u8(1)
	w.u32(uint32(p.MaximumAttempts))
	types := newGuestWriter(uint32(len(p.NonRetryableErrorTypes)) * 8)
	for _, name := range p.NonRetryableErrorTypes {
		types.string(name)
	}
	w.list(types.base, len(p.NonRetryableErrorTypes))
}

func (w *guestWriter) priority(p *commonpb.Priority) {
	w.align(4)
	if p == nil {
		w.at += 4 + sizeOfPriority
		return
	}
	w.u8(1)
	w.u32(uint32(p.PriorityKey))
	w.string(p.FairnessKey)
	w.f32(p.FairnessWeight)
}

func (w *guestWriter) metadata(m *sdk.UserMetadata) {
	w.optionalPayload(m.GetSummary())
	w.optionalPayload(m.GetDetails())
}

func (r *guestReader) payload() *commonpb.Payload {
	pairs, n := r.list()
	metadata := make(map[string][]byte, n)
	for range n {
		key := pairs.string()
		metadata[key] = pairs.bytes()
	}
	return &commonpb.Payload{Metadata: metadata, Data: r.bytes()}
}

// payloads gives nil for an empty list, as the SDK has no input or result then.
func (r *guestReader) payloads() *commonpb.Payloads {
	list, n := r.list()
	if n == 0 {
		return nil
	}
	all := make([]*commonpb.Payload, n)
	for i := range all {
		all[i] = list.payload()
	}
	return &commonpb.Payloads{Payloads: all}
}

func (r *guestReader) named() map[string]*commonpb.Payload {
	list, n := r.list()
	if n == 0 {
		return nil
	}
	fields := make(map[string]*commonpb.Payload, n)
	for range n {
		name := list.string()
		fields[name] = list.payload()
	}
	return fields
}

func (r *guestReader) header() *commonpb.Header {
	return &commonpb.Header{Fields: r.named()}
}

func (r *guestReader) retryPolicy() *commonpb.RetryPolicy {
	if !r.some(8+sizeOfRetryPolicy, 8) {
		return nil
	}
	p := &commonpb.RetryPolicy{InitialInterval: r.optionalDuration()}
	if r.some(16, 8) {
		p.BackoffCoefficient = r.f64()
	}
	p.MaximumInterval = r.optionalDuration()
	if r.some(8, 4) {
		p.MaximumAttempts = int32(r.u32())
	}
	types, n := r.list()
	for range n {
		p.NonRetryableErrorTypes = append(p.NonRetryableErrorTypes, types.string())
	}
	return p
}

func (r *guestReader) optionalDuration() *durationpb.Duration {
	if r.some(16, 8) {
		return durationpb.New(time.Duration(r.u64()))
	}
	return nil
}

func (r *guestReader) priority() *commonpb.Priority {
	if !r.some(4+sizeOfPriority, 4) {
		return nil
	}
	return &commonpb.Priority{PriorityKey: int32(r.u32()), FairnessKey: r.string(), FairnessWeight: r.f32()}
}
