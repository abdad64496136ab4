// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package colenc

import (
	"encoding/binary"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// AppendID writes an id as it is.
func AppendID(dst []byte, trace model.TraceID, span model.SpanID) []byte {
	return append(append(dst, trace[:]...), span[:]...)
}

// ReadID reads what AppendID wrote.
func ReadID(c *Cursor) (trace model.TraceID, span model.SpanID) {
	copy(trace[:], c.Take(len(trace)))
	copy(span[:], c.Take(len(span)))
	return trace, span
}

// AppendNumbers writes numbers that are too rare for columns.
func AppendNumbers(dst []byte, numbers ...uint64) []byte {
	dst = slices.Grow(dst, len(numbers)*binary.MaxVarintLen32)
	for _, n := range numbers {
		dst = binary.AppendUvarint(dst, n)
	}
	return dst
}
