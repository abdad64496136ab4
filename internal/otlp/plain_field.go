// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"encoding/binary"
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// The tags of the fields that plainReader knows: number and wire type.
const (
	resourceLogsTag = 1<<3 | wireLength // of ExportLogsServiceRequest

	originTag    = 1<<3 | wireLength // resource of ResourceLogs, scope of ScopeLogs
	itemsTag     = 2<<3 | wireLength // scope_logs of ResourceLogs, log_records of ScopeLogs
	schemaURLTag = 3<<3 | wireLength

	resourceAttributesTag = 1<<3 | wireLength
	resourceDroppedTag    = 2<<3 | wireVarint
	scopeNameTag          = 1<<3 | wireLength
	scopeVersionTag       = 2<<3 | wireLength
	scopeAttributesTag    = 3<<3 | wireLength
	scopeDroppedTag       = 4<<3 | wireVarint

	timeTag         = 1<<3 | wireFixed64
	severityTag     = 2<<3 | wireVarint
	severityTextTag = 3<<3 | wireLength
	bodyTag         = 5<<3 | wireLength
	attributesTag   = 6<<3 | wireLength
	droppedTag      = 7<<3 | wireVarint
	flagsTag        = 8<<3 | wireFixed32
	traceIDTag      = 9<<3 | wireLength
	spanIDTag       = 10<<3 | wireLength
	observedTag     = 11<<3 | wireFixed64
	eventNameTag    = 12<<3 | wireLength

	keyTag   = 1<<3 | wireLength
	valueTag = 2<<3 | wireLength

	textTag    = 1<<3 | wireLength
	booleanTag = 2<<3 | wireVarint
	integerTag = 3<<3 | wireVarint
	doubleTag  = 4<<3 | wireFixed64
	bytesTag   = 7<<3 | wireLength
)

// keyAndValue takes an attribute apart. Senders write the key first; pdata the
// value.
func keyAndValue(raw []byte) (key, value []byte, ok bool) {
	for len(raw) > 0 {
		tag, _, content, rest := readField(raw)
		switch {
		case rest == nil:
			return nil, nil, false
		case tag == keyTag && key == nil:
			key = content
		case tag == valueTag && value == nil:
			value = content
		default:
			return nil, nil, false
		}
		raw = rest
	}
	return key, value, true
}

// plainValue reads a single value; arrays and maps are for pdata.
func plainValue(raw []byte, to pcommon.Value, before *string) bool {
	if len(raw) == 0 {
		return true
	}
	tag, word, content, rest := readField(raw)
	if rest == nil || len(rest) > 0 {
		return false
	}
	switch tag {
	case textTag:
		to.SetStr(again(before, content))
	case booleanTag:
		to.SetBool(word != 0)
	case integerTag:
		to.SetInt(int64(word))
	case doubleTag:
		to.SetDouble(math.Float64frombits(word))
	case bytesTag:
		to.SetEmptyBytes().FromRaw(content)
	default:
		return false
	}
	return true
}

// isID reports whether raw is none, which has no bytes, or fills the id.
func isID(id, raw []byte) bool {
	return copy(id, raw) == len(raw) && (len(raw) == 0 || len(raw) == len(id))
}

// again returns the text, without another allocation if it is the one before.
func again(before *string, text []byte) string {
	if *before != string(text) {
		*before = string(text)
	}
	return *before
}

// readField reads the field that raw, which is not empty, begins with: its
// number or its content. rest is nil where there is none. protowire takes a third longer for
// the same fields; see ADR 0121.
func readField(raw []byte) (tag, word uint64, content, rest []byte) {
	tag, n := uint64(raw[0]), 1
	if tag >= 0x80 {
		if tag, n = binary.Uvarint(raw); n <= 0 {
			return 0, 0, nil, nil
		}
	}
	raw = raw[n:]
	switch tag & 7 {
	case wireLength:
		return lengthField(tag, raw)
	case wireVarint:
		if word, n = binary.Uvarint(raw); n > 0 {
			return tag, word, nil, raw[n:]
		}
	case wireFixed64:
		if len(raw) >= 8 {
			return tag, binary.LittleEndian.Uint64(raw), nil, raw[8:]
		}
	case wireFixed32:
		if len(raw) >= 4 {
			return tag, uint64(binary.LittleEndian.Uint32(raw)), nil, raw[4:]
		}
	}
	return 0, 0, nil, nil
}

func lengthField(tag uint64, raw []byte) (_, _ uint64, content, rest []byte) {
	if len(raw) > 0 && raw[0] < 0x80 { // nearly always
		if end := 1 + int(raw[0]); end <= len(raw) {
			return tag, 0, raw[1:end], raw[end:]
		}
		return 0, 0, nil, nil
	}
	length, n := binary.Uvarint(raw)
	if n <= 0 || length > uint64(len(raw)-n) {
		return 0, 0, nil, nil
	}
	end := n + int(length)
	return tag, 0, raw[n:end], raw[end:]
}
