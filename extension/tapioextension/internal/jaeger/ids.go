// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/tapio/tapio/internal/model"
)

// traceIDText is a trace id as Jaeger writes it: one of 64 bits with 16 digits.
func traceIDText(id model.TraceID) string {
	high, low := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	if high == 0 {
		return fmt.Sprintf("%016x", low)
	}
	return fmt.Sprintf("%016x%016x", high, low)
}

// parseTraceID reads up to 32 hex digits.
func parseTraceID(text string) (id model.TraceID, err error) {
	var high, low uint64
	switch n := len(text); {
	case n > 32:
		return id, fmt.Errorf("TraceID cannot be longer than 32 hex characters: %s", text)
	case n > 16:
		if high, err = strconv.ParseUint(text[:n-16], 16, 64); err != nil {
			return id, err
		}
		text = text[n-16:]
	}
	if low, err = strconv.ParseUint(text, 16, 64); err != nil {
		return id, err
	}
	binary.BigEndian.PutUint64(id[:8], high)
	binary.BigEndian.PutUint64(id[8:], low)
	return id, nil
}

// parseTraceIDV3 also reads base64, in which JSON of protobuf has bytes.
func parseTraceIDV3(text string) (model.TraceID, error) {
	id, err := parseTraceID(text)
	if err == nil {
		return id, nil
	}
	for _, encoding := range []*base64.Encoding{
		base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding,
	} {
		if bytes, wrong := encoding.DecodeString(text); wrong == nil && (len(bytes) == 8 || len(bytes) == 16) {
			copy(id[16-len(bytes):], bytes)
			return id, nil
		}
	}
	return model.TraceID{}, err
}

// spanIDOf reads 16 hex digits.
func spanIDOf(text string) (id model.SpanID) {
	_, _ = hex.Decode(id[:], []byte(text)) // of an id that was written by this package
	return id
}
