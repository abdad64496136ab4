// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"fmt"
	"runtime/debug"
)

// PanicError is a panic in a goroutine of this package, for example in a function
// of the options. It ends the writer or the session, not the program.
type PanicError struct {
	Value any
	Stack string
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// caught calls f and returns its panic as an error.
func caught(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &PanicError{Value: value, Stack: string(debug.Stack())}
		}
	}()
	return f()
}
