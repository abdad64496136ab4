// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/hex"
	"errors"
)

// TraceID names a trace; all zero means none.
type TraceID [16]byte

// SpanID names a span within its trace; all zero means none.
type SpanID [8]byte

// IsZero reports whether there is no id.
func (t TraceID) IsZero() bool { return t == TraceID{} }

// String returns 32 hex digits.
func (t TraceID) String() string { return hex.EncodeToString(t[:]) }

// IsZero reports whether there is no id.
func (s SpanID) IsZero() bool { return s == SpanID{} }

// String returns 16 hex digits.
func (s SpanID) String() string { return hex.EncodeToString(s[:]) }

var errTraceID = errors.New("must be 32 hex digits, not all zero")

// ParseTraceID reads 32 hex digits in either case.
func ParseTraceID(s string) (TraceID, error) {
	var id TraceID
	if len(s) != hex.EncodedLen(len(id)) {
		return id, errTraceID
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil || id.IsZero() {
		return TraceID{}, errTraceID
	}
	return id, nil
}
