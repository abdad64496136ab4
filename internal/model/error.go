// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import "fmt"

// FieldError is a fault in what a caller asked for. It names the field and states
// how to fix it; the edge of the product maps it to INVALID_ARGUMENT.
type FieldError struct {
	// Field is the path of the field, for example
	// "filter.label_selectors[0].operator".
	Field string
	// Problem is what is wrong and what would be right.
	Problem string
}

// Error joins the two.
func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }

// InvalidField makes a FieldError.
func InvalidField(field, format string, args ...any) *FieldError {
	return &FieldError{Field: field, Problem: fmt.Sprintf(format, args...)}
}

// MaxAttributes is the most attributes that a record or span may have. What the
// store knows of each key would take more memory than the record itself.
const MaxAttributes = 1 << 14

// RefusedError reports that the store took a batch but for some records, each of
// which alone is larger than the store can hold or has more than MaxAttributes
// attributes. Sending them again is no use.
type RefusedError struct {
	// Count is how many records were refused, 1 or more.
	Count int
}

// Error reports what to do.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("%d records were not stored, for each alone is too large or has more than %d attributes: "+
		"write smaller records, or raise store::memory_limit of the tapio extension; the others are stored", e.Count, MaxAttributes)
}

// UnavailableError reports that nothing that could answer does. The edge of the product
// maps it to UNAVAILABLE.
type UnavailableError struct {
	// Problem is what does not answer, and why.
	Problem string
}

// Error returns the problem.
func (e *UnavailableError) Error() string { return e.Problem }

// ExhaustedError reports that an answer would take more than a bound allows. The
// edge of the product maps it to RESOURCE_EXHAUSTED.
type ExhaustedError struct {
	// Problem is which bound, and what to narrow or to raise.
	Problem string
}

// Error returns the problem.
func (e *ExhaustedError) Error() string { return e.Problem }

// Exhausted makes an ExhaustedError.
func Exhausted(format string, args ...any) *ExhaustedError {
	return &ExhaustedError{Problem: fmt.Sprintf(format, args...)}
}
