// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/protobuf/encoding/protowire"
)

// BenchmarkReadField compares readField with the library that could stand in for it: both
// read every field of a payload of log records. docs/adr/0121-own-table-hash-and-field-reader.md
// judges them.
func BenchmarkReadField(b *testing.B) {
	payload, err := plogotlp.NewExportRequestFromLogs(benchLogs(100)).MarshalProto()
	if err != nil {
		b.Fatal(err)
	}
	want := fieldsOwn(payload, 0)
	for name, read := range map[string]func(raw []byte, depth int) int{"own": fieldsOwn, "protowire": fieldsLibrary} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for range b.N {
				if got := read(payload, 0); got != want {
					b.Fatalf("%d fields, want %d", got, want)
				}
			}
		})
	}
}

// nested reports which fields of a payload of log records are messages: down to the values
// of attributes, of which each field is one.
func nested(depth int, number uint64) bool {
	switch depth {
	case 0, 1, 2: // resource_logs; resource, scope_logs; scope, log_records
		return number < 3
	case 3:
		return number == 5 || number == 6 // body, attributes
	default:
		return false
	}
}

func fieldsOwn(raw []byte, depth int) (n int) {
	for len(raw) > 0 {
		tag, word, content, rest := readField(raw)
		if rest == nil {
			return -1
		}
		n += 1 + int(word&1)
		if tag&7 == wireLength && nested(depth, tag>>3) {
			n += fieldsOwn(content, depth+1)
		}
		raw = rest
	}
	return n
}

func fieldsLibrary(raw []byte, depth int) (n int) {
	for len(raw) > 0 {
		number, kind, length := protowire.ConsumeTag(raw)
		if length < 0 {
			return -1
		}
		raw = raw[length:]
		var word uint64
		var content []byte
		switch kind {
		case protowire.BytesType:
			content, length = protowire.ConsumeBytes(raw)
		case protowire.VarintType:
			word, length = protowire.ConsumeVarint(raw)
		case protowire.Fixed64Type:
			word, length = protowire.ConsumeFixed64(raw)
		case protowire.Fixed32Type:
			var short uint32
			short, length = protowire.ConsumeFixed32(raw)
			word = uint64(short)
		default:
			return -1
		}
		if length < 0 {
			return -1
		}
		n += 1 + int(word&1)
		if kind == protowire.BytesType && nested(depth, uint64(number)) {
			n += fieldsLibrary(content, depth+1)
		}
		raw = raw[length:]
	}
	return n
}
