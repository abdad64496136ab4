// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapio

import "fmt"

// FieldError is a fault in what a caller asked for. It names the field and says
// how to mend it; the edge of the product maps it to INVALID_ARGUMENT.
type FieldError struct {
	// Field is the path of the field, for example
	// "filter.label_selectors[0].operator".
	Field string
	// Problem says what is wrong and what would be right.
	Problem string
}

// Error joins the two.
func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }

// InvalidField makes a FieldError.
func InvalidField(field, format string, args ...any) *FieldError {
	return &FieldError{Field: field, Problem: fmt.Sprintf(format, args...)}
}
