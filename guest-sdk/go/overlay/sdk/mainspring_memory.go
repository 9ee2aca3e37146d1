//go:build wasip1

package internal

// Values on their way between Go and the host, laid out as the component model's
// canonical ABI has them: fields in order, each at a multiple of its own alignment,
// strings and lists as an address and a length.
//
// What goes out is written into one stretch of memory that lives until the call is
// over; what comes in is written by the host into another and copied from there.

import "unsafe"

// guestChunk is how much of each a run keeps between two calls.
const guestChunk = 8 << 10

// guestArena hands out memory that is freed all at once.
type guestArena struct {
	// The first chunk is kept, others are for what does not fit.
	chunks [][]uint64
	used   uint32
}

func (a *guestArena) alloc(size, align uint32) unsafe.Pointer {
	if size == 0 {
		return unsafe.Pointer(uintptr(8))
	}
	if len(a.chunks) == 0 {
		a.grow(guestChunk)
	}
	start := (a.used + align - 1) &^ (align - 1)
	last := a.chunks[len(a.chunks)-1]
	if start+size > uint32(len(last))*8 {
		a.grow(max(size, guestChunk))
		last, start = a.chunks[len(a.chunks)-1], 0
	}
	a.used = start + size
	return unsafe.Add(unsafe.Pointer(&last[0]), start)
}

func (a *guestArena) grow(size uint32) {
	a.chunks = append(a.chunks, make([]uint64, (size+7)/8))
	a.used = 0
}

// reset frees everything.
func (a *guestArena) reset() {
	if len(a.chunks) > 1 {
		clear(a.chunks[1:])
		a.chunks = a.chunks[:1]
	}
	a.used = 0
}

var (
	// guestOut holds the arguments of the call that is made.
	guestOut guestArena
	// guestIn holds what the host has written and nobody has read.
	guestIn guestArena
)

// guestRealloc is where the host asks for memory to write to.
//
//go:wasmexport cabi_realloc
func guestRealloc(old unsafe.Pointer, oldSize, align, size uint32) unsafe.Pointer {
	p := guestIn.alloc(size, max(align, 1))
	if oldSize > 0 {
		copy(unsafe.Slice((*byte)(p), size), unsafe.Slice((*byte)(old), oldSize))
	}
	return p
}

// guestWriter writes the fields of one record, or the elements of one list.
type guestWriter struct {
	base unsafe.Pointer
	at   uint32
}

func newGuestWriter(size uint32) guestWriter {
	base := guestOut.alloc(size, 8)
	if size > 0 {
		clear(unsafe.Slice((*byte)(base), size))
	}
	return guestWriter{base: base}
}

func (w *guestWriter) align(to uint32) { w.at = (w.at + to - 1) &^ (to - 1) }

// skip leaves a field as it is: zero, which is absent.
func (w *guestWriter) skip(size, align uint32) {
	w.align(align)
	w.at += size
}

func (w *guestWriter) u8(v uint8) {
	*(*uint8)(unsafe.Add(w.base, w.at)) = v
	w.at++
}

func (w *guestWriter) bool(v bool) {
	if v {
		w.u8(1)
		return
	}
	w.u8(0)
}

func (w *guestWriter) u32(v uint32) {
	w.align(4)
	*(*uint32)(unsafe.Add(w.base, w.at)) = v
	w.at += 4
}

func (w *guestWriter) u64(v uint64) {
	w.align(8)
	*(*uint64)(unsafe.Add(w.base, w.at)) = v
	w.at += 8
}

func (w *guestWriter) f64(v float64) { w.u64(*(*uint64)(unsafe.Pointer(&v))) }
func (w *guestWriter) f32(v float32) { w.u32(*(*uint32)(unsafe.Pointer(&v))) }

func (w *guestWriter) list(p unsafe.Pointer, n int) {
	w.u32(uint32(uintptr(p)))
	w.u32(uint32(n))
}

func (w *guestWriter) string(s string) {
	p, n := guestString(s)
	w.list(p, int(n))
}

// optionalString writes none for an empty one.
func (w *guestWriter) optionalString(s string) {
	w.align(4)
	if s == "" {
		w.at += 12
		return
	}
	w.u8(1)
	w.string(s)
}

// guestString copies a string to where the host may read it.
func guestString(s string) (unsafe.Pointer, uint32) {
	return guestBytes(unsafe.Slice(unsafe.StringData(s), len(s)))
}

func guestBytes(b []byte) (unsafe.Pointer, uint32) {
	p := guestOut.alloc(uint32(len(b)), 1)
	if len(b) > 0 {
		copy(unsafe.Slice((*byte)(p), len(b)), b)
	}
	return p, uint32(len(b))
}

// guestReader reads the fields of one record that the host wrote, or the elements of a
// list of them.
type guestReader struct {
	base unsafe.Pointer
	at   uint32
}

// newGuestResult is where the host puts the answer of a call.
func newGuestResult(size uint32) guestReader {
	return guestReader{base: newGuestWriter(size).base}
}

func (r *guestReader) align(to uint32) { r.at = (r.at + to - 1) &^ (to - 1) }

func (r *guestReader) u8() uint8 {
	v := *(*uint8)(unsafe.Add(r.base, r.at))
	r.at++
	return v
}

func (r *guestReader) bool() bool { return r.u8() != 0 }

func (r *guestReader) u32() uint32 {
	r.align(4)
	v := *(*uint32)(unsafe.Add(r.base, r.at))
	r.at += 4
	return v
}

func (r *guestReader) u64() uint64 {
	r.align(8)
	v := *(*uint64)(unsafe.Add(r.base, r.at))
	r.at += 8
	return v
}

func (r *guestReader) i64() int64 { return int64(r.u64()) }

func (r *guestReader) f64() float64 {
	v := r.u64()
	return *(*float64)(unsafe.Pointer(&v))
}

func (r *guestReader) f32() float32 {
	v := r.u32()
	return *(*float32)(unsafe.Pointer(&v))
}

func (r *guestReader) bytes() []byte {
	p, n := r.u32(), r.u32()
	b := make([]byte, n)
	if n > 0 {
		copy(b, unsafe.Slice((*byte)(unsafe.Pointer(uintptr(p))), n))
	}
	return b
}

func (r *guestReader) string() string {
	p, n := r.u32(), r.u32()
	if n == 0 {
		return ""
	}
	return string(unsafe.Slice((*byte)(unsafe.Pointer(uintptr(p))), n))
}

// list gives a reader of the elements, and how many there are.
func (r *guestReader) list() (guestReader, int) {
	p, n := r.u32(), r.u32()
	return guestReader{base: unsafe.Pointer(uintptr(p))}, int(n)
}

// some reads whether an optional value is there. One that is not is passed over, as
// size and alignment of the option say.
func (r *guestReader) some(size, align uint32) bool {
	r.align(align)
	if *(*uint8)(unsafe.Add(r.base, r.at)) == 0 {
		r.at += size
		return false
	}
	r.at++
	r.align(align)
	return true
}

func (r *guestReader) optionalString() string {
	if r.some(12, 4) {
		return r.string()
	}
	return ""
}

func (r *guestReader) optionalU64() uint64 {
	if r.some(16, 8) {
		return r.u64()
	}
	return 0
}

// guestReadParameter reads what the host passed to an export.
func guestReadParameter(p unsafe.Pointer, n uint32) guestReader {
	r := newGuestWriter(8)
	r.list(p, int(n))
	return guestReader{base: r.base}
}
