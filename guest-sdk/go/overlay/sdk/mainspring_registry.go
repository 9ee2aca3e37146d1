//go:build wasip1

package internal

// Names of activities that are methods of a value, without the methods: the linker
// drops those that the program does not call, and keeps their names.

import (
	"context"
	"errors"
	"reflect"
	"unsafe"
)

// guestActivityElsewhere stands for activities, which workers run.
func guestActivityElsewhere(context.Context) error {
	return errors.New("activities run in workers, not in a component")
}

// reflectMethod is internal/abi.Method.
type reflectMethod struct{ name, method, interfaceFunction, function int32 }

// reflectName is internal/abi.Name.
type reflectName struct{ bytes *byte }

//go:linkname reflectExportedMethods internal/abi.(*Type).ExportedMethods
func reflectExportedMethods(t unsafe.Pointer) []reflectMethod

//go:linkname reflectResolveName reflect.resolveNameOff
func reflectResolveName(t unsafe.Pointer, offset int32) unsafe.Pointer

//go:linkname reflectNameString internal/abi.Name.Name
func reflectNameString(name reflectName) string

// guestMethodNames are the exported methods of a type.
func guestMethodNames(t reflect.Type) []string {
	pointer := (*[2]unsafe.Pointer)(unsafe.Pointer(&t))[1]
	var names []string
	for _, method := range reflectExportedMethods(pointer) {
		bytes := (*byte)(reflectResolveName(pointer, method.name))
		names = append(names, reflectNameString(reflectName{bytes}))
	}
	return names
}
