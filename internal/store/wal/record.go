// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"encoding/binary"
	"hash/crc32"
)

// Version is the format of the files that are written; a reader reads no other.
const Version = 1

const (
	magic = "TAPIOWAL"

	// A file's header: magic, version, marker, number of the file, checksum.
	fileHeaderBytes = 8 + 4 + 8 + 8 + 4
	// A record's header: marker, payload's length, signal, three bytes that are 0,
	// rows, sequence of the first row, time of arrival, payload's checksum, own checksum.
	headerBytes = 8 + 4 + 4 + 4 + 8 + 8 + 4 + 4

	// MaxPayload is the most bytes of a payload.
	MaxPayload = 128 << 20
)

// Header is what a record is, beside its payload.
type Header struct {
	Signal  uint8  // whose rows they are, below Signals
	Count   uint32 // rows
	First   uint64 // sequence of the first row; the others follow
	Arrived int64  // nanoseconds since the Unix epoch
}

// Signals is how many signals there may be.
const Signals = 8

// last is the sequence of the last row.
func (h *Header) last() uint64 { return h.First + uint64(h.Count) - 1 }

// Checksum is the CRC-32C of bytes.
func Checksum(data []byte) uint32 { return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)) }

func appendFileHeader(dst []byte, marker, number uint64) []byte {
	from := len(dst)
	dst = append(dst, magic...)
	dst = binary.LittleEndian.AppendUint32(dst, Version)
	dst = binary.LittleEndian.AppendUint64(dst, marker)
	dst = binary.LittleEndian.AppendUint64(dst, number)
	return binary.LittleEndian.AppendUint32(dst, Checksum(dst[from:]))
}

// appendHeader appends the header of a record but for the marker, which is that of
// the file that it comes to: see finish.
func appendHeader(dst []byte, h *Header, payload []byte, sum uint32) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, 0)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(payload)))
	dst = append(dst, h.Signal, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, h.Count)
	dst = binary.LittleEndian.AppendUint64(dst, h.First)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.Arrived))
	dst = binary.LittleEndian.AppendUint32(dst, sum)
	return binary.LittleEndian.AppendUint32(dst, 0)
}

// finish puts the marker and the checksum into the header of a record.
func finish(header []byte, marker uint64) {
	binary.LittleEndian.PutUint64(header, marker)
	end := headerBytes - 4
	binary.LittleEndian.PutUint32(header[end:headerBytes], Checksum(header[:end]))
}

// readHeader reads the header of a record, and its description of the payload.
func readHeader(data []byte, marker uint64) (h Header, length int, sum uint32, ok bool) {
	if len(data) < headerBytes || binary.LittleEndian.Uint64(data) != marker {
		return h, 0, 0, false
	}
	end := headerBytes - 4
	if Checksum(data[:end]) != binary.LittleEndian.Uint32(data[end:]) {
		return h, 0, 0, false
	}
	h = Header{
		Signal: data[12], Count: binary.LittleEndian.Uint32(data[16:]),
		First: binary.LittleEndian.Uint64(data[20:]), Arrived: int64(binary.LittleEndian.Uint64(data[28:])),
	}
	length, sum = int(binary.LittleEndian.Uint32(data[8:])), binary.LittleEndian.Uint32(data[36:])
	return h, length, sum, h.Signal < Signals && h.Count > 0 && h.First > 0 && h.First+uint64(h.Count) > h.First
}
