// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"
)

// output writes an answer, in compressed blocks if the client asked for them.
type output struct {
	w          http.ResponseWriter
	compressed bool
}

const blockBytes = 1 << 20

func (o *output) write(content []byte) error {
	o.w.Header().Set("Content-Type", "application/octet-stream")
	o.w.Header().Set("X-ClickHouse-Format", "Native")
	if len(content) == 0 {
		o.w.Header().Set("Content-Length", "0")
	}
	o.w.WriteHeader(http.StatusOK)
	writer := compress.NewWriter(0, compress.LZ4)
	for len(content) > 0 {
		n := min(len(content), blockBytes)
		part := content[:n]
		content = content[n:]
		if o.compressed {
			if err := writer.Compress(part); err != nil {
				return nil //nolint:nilerr // the status is written
			}
			part = writer.Data
		}
		if _, err := o.w.Write(part); err != nil { //nolint:gosec // a part of an answer in a format of the engine, and no page
			return nil //nolint:nilerr // the client is gone
		}
	}
	return nil
}

// helloBlock is the answer to the first statement of the client library.
func helloBlock(version string) []byte {
	var b proto.Buffer
	b.PutUVarInt(1)
	b.PutBool(false)
	b.PutUVarInt(2)
	b.PutInt32(-1)
	b.PutUVarInt(0)
	b.PutUVarInt(4)
	b.PutUVarInt(1)
	text := func(name, value string) {
		b.PutString(name)
		b.PutString("String")
		b.PutBool(false)
		b.PutString(value)
	}
	text("displayName()", "chdb")
	text("version()", version)
	b.PutString("revision()")
	b.PutString("UInt32")
	b.PutBool(false)
	b.PutUInt32(0)
	text("timezone()", "UTC")
	return b.Buf
}

// emptyBlock makes a block without rows of the answer to DESCRIBE.
func emptyBlock(described string) []byte {
	var b proto.Buffer
	lines := strings.Split(strings.TrimRight(described, "\n"), "\n")
	b.PutUVarInt(uint64(len(lines)))
	b.PutUVarInt(0)
	for _, line := range lines {
		name, rest, _ := strings.Cut(line, "\t")
		kind, _, _ := strings.Cut(rest, "\t")
		b.PutString(name)
		b.PutString(kind)
	}
	return b.Buf
}
