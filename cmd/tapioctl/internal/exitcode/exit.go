// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package exitcode

import (
	"fmt"
	"strings"
)

// The exit codes, as `tapioctl --help` lists them.
const (
	OK          = 0
	Refused     = 1
	Usage       = 2
	Unreachable = 3
)

// Error ends the command with a code and one line for the person.
type Error struct {
	Code    int
	Message string
}

func (e *Error) Error() string { return e.Message }

// UsageErrorf reports a fault in the command line.
func UsageErrorf(format string, args ...any) error {
	return &Error{Usage, fmt.Sprintf(format, args...)}
}

// ArgumentFault describes in words what cobra reports with line breaks and the names of
// Go's functions.
func ArgumentFault(message string) string {
	return strings.NewReplacer(
		"\n\nDid you mean this?\n\t", ": did you mean ", "\n\t", ", ", "\n", "",
		"strconv.ParseUint: parsing ", "", "strconv.ParseFloat: parsing ", "", "strconv.ParseInt: parsing ", "", "strconv.ParseBool: parsing ", "",
		": invalid syntax", ": write a number",
	).Replace(message)
}

// WriteError reports that the output, not the question, is at fault; nil for nil.
func WriteError(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Refused, "cannot write the output: " + err.Error()}
}
