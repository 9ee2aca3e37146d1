package net

import _ "unsafe" // For go:linkname.

// mainspringRefuse ends a workflow's attempt to use the network, with words that name
// the call.
//
//go:linkname mainspringRefuse runtime.mainspringRefuse
func mainspringRefuse(call string)
