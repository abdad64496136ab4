// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Damage is what is wrong in a file.
type Damage struct {
	// Bytes is how many could not be read.
	Bytes int64
	// Torn is set if all of them are at the end of the file, as a crash leaves them.
	Torn bool
	// Problem is what is wrong with the first of them.
	Problem string
}

// Error describes the damage.
func (d *Damage) Error() string {
	if d.Torn {
		return fmt.Sprintf("ends with %d bytes of a record that is cut: %s", d.Bytes, d.Problem)
	}
	return fmt.Sprintf("has %d damaged bytes: %s", d.Bytes, d.Problem)
}

// errVersion is of a file that another version wrote.
type errVersion uint32

func (v errVersion) Error() string {
	return fmt.Sprintf("has format version %d, this server reads %d", uint32(v), Version)
}

// IsVersion reports whether a file is of another version of the format.
func IsVersion(err error) bool {
	var v errVersion
	return errors.As(err, &v)
}

// Read calls use with each record of a file that is whole, in the order in which
// they were written. payload is part of data. It returns a *Damage if some are not,
// or what use returns of one: then that record is damaged, too.
func Read(data []byte, use func(h Header, payload []byte) error) error {
	if len(data) == 0 {
		return nil // a crash came before its header
	}
	marker, err := readFileHeader(data)
	if err != nil {
		return err
	}
	r := reader{data: data, at: fileHeaderBytes, marker: marker}
	for r.at < len(r.data) {
		r.record(use)
	}
	if r.damage.Bytes == 0 {
		return nil
	}
	return &r.damage
}

func readFileHeader(data []byte) (marker uint64, err error) {
	end := fileHeaderBytes - 4
	switch {
	case len(data) < fileHeaderBytes:
		return 0, &Damage{Bytes: int64(len(data)), Torn: true, Problem: "its header is cut"}
	case string(data[:len(magic)]) != magic || Checksum(data[:end]) != binary.LittleEndian.Uint32(data[end:]):
		return 0, &Damage{Bytes: int64(len(data)), Problem: "its header does not have the checksum it was written with"}
	case binary.LittleEndian.Uint32(data[8:]) != Version:
		return 0, errVersion(binary.LittleEndian.Uint32(data[8:]))
	}
	return binary.LittleEndian.Uint64(data[12:]), nil
}

type reader struct {
	data   []byte
	at     int
	marker uint64
	damage Damage
}

// record reads the current record, or passes over it.
func (r *reader) record(use func(Header, []byte) error) {
	rest := r.data[r.at:]
	h, length, sum, ok := readHeader(rest, r.marker)
	switch {
	case !ok:
		r.skip("a record's header does not have the checksum it was written with", r.next())
		return
	case length > len(rest)-headerBytes:
		r.skip("a record is cut", r.next())
		return
	}
	end := headerBytes + length
	payload := rest[headerBytes:end]
	if Checksum(payload) != sum {
		r.skip("a record does not have the checksum it was written with", end)
		return
	}
	if err := use(h, payload); err != nil {
		r.skip(err.Error(), end)
		return
	}
	r.at += end
	r.damage.Torn = false // what is damaged is before this record
}

// next returns where the next record begins that has a header of its own, the end
// of the file if there is none.
func (r *reader) next() int {
	var marker [8]byte
	binary.LittleEndian.PutUint64(marker[:], r.marker)
	rest := r.data[r.at:]
	for at := 1; at < len(rest); at++ {
		found := bytes.Index(rest[at:], marker[:])
		if found < 0 {
			break
		}
		at += found
		if _, _, _, ok := readHeader(rest[at:], r.marker); ok {
			return at
		}
	}
	return len(rest)
}

// skip notes that so many bytes are damaged.
func (r *reader) skip(problem string, n int) {
	if r.damage.Bytes == 0 {
		r.damage.Problem = fmt.Sprintf("at byte %d %s", r.at, problem)
	}
	r.damage.Bytes += int64(n)
	r.damage.Torn = r.damage.Bytes == int64(n)
	r.at += n
}
