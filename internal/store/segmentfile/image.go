// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package segmentfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"unsafe"
)

// FileVersion changes whenever a section changes in content or form. A
// file of another version is set aside, not guessed at.
// Older ones are read as well: version 1 had one packing only, and no values
// of fields; version 2 had those of texts, not the extent of numbers.
const (
	FileVersion      = 3
	FirstFileVersion = 1
)

// ChecksumBytes is the size of a CRC-32C.
const ChecksumBytes = 4

// fileMagic begins each file.
const fileMagic = "TAPIOSEG"

// byteOrder is written as it lies in memory: the sections do, too.
const byteOrder = uint32(0x01020304)

// Image is a segment as a file holds it: a header, then the slices of the
// segment as they lie in memory, for no element of them holds a pointer. Each
// part has a checksum of its own, so that a fault is located.
type Image struct {
	Header   Header
	Sections []Section
}

// Header is what is known of the rows without reading them.
type Header struct {
	Magic     [8]byte
	Order     uint32
	Version   uint32
	Signal    [8]byte
	First     uint64
	Count     uint64
	Oldest    uint64
	Newest    uint64
	Ordered   uint64 // 1: rows are in the order of time
	Opened    int64  // nanoseconds since the Unix epoch
	Arrived   int64
	Sections  uint32
	BlockRows uint32
	Facts     uint64 // what the signal keeps beside its slices
}

// SectionHeader stands before the bytes of a section.
type SectionHeader struct {
	ID, Element uint32 // Element: bytes of one
	Length      uint64 // bytes in all
	Sum         uint32 // CRC-32C of them
	_           uint32
}

// Section is one slice of a segment.
type Section struct {
	id, element uint32
	bytes       func() []byte
	fill        func([]byte) // with the bytes of another slice
}

// SectionOf makes a section of a slice whose elements hold no pointer.
func SectionOf[T any](id uint32, list *[]T) Section {
	var none T
	element := int(unsafe.Sizeof(none))
	memory := func() []byte {
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(*list))), len(*list)*element)
	}
	return Section{
		id: id, element: uint32(element), bytes: memory,
		fill: func(from []byte) {
			*list = make([]T, len(from)/element)
			copy(memory(), from)
		},
	}
}

// Checksum is the CRC-32C that parts of a file have.
func Checksum(data []byte) uint32 { return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)) }

// WriteTo writes the file, and returns its length.
func (m *Image) WriteTo(w io.Writer) (int64, error) {
	m.Header.Order, m.Header.Version, m.Header.Sections = byteOrder, FileVersion, uint32(len(m.Sections))
	copy(m.Header.Magic[:], fileMagic)
	length, err := WriteSummed(w, &m.Header)
	for i := 0; i < len(m.Sections) && err == nil; i++ {
		data := m.Sections[i].bytes()
		var n int64
		n, err = WriteSummed(w, &SectionHeader{
			ID: m.Sections[i].id, Element: m.Sections[i].element, Length: uint64(len(data)), Sum: Checksum(data),
		})
		length += n + int64(len(data))
		if err == nil {
			_, err = w.Write(data)
		}
	}
	return length, err
}

// WriteSummed writes a header and its checksum.
func WriteSummed(w io.Writer, header any) (int64, error) {
	data, err := binary.Append(nil, binary.NativeEndian, header)
	if err != nil {
		return 0, err
	}
	data = binary.NativeEndian.AppendUint32(data, Checksum(data))
	n, err := w.Write(data)
	return int64(n), err
}

// ReadHeader reads and checks the first header, of at most so many rows.
func ReadHeader(r *bytes.Reader, mostRows uint64) (h Header, err error) {
	if err := readSummed(r, &h); err != nil {
		return h, fmt.Errorf("header: %w", err)
	}
	switch {
	case string(h.Magic[:]) != fileMagic:
		return h, errors.New("is no segment of a store")
	case h.Order != byteOrder:
		return h, errors.New("was written on a machine with another order of bytes")
	case h.Version < FirstFileVersion || h.Version > FileVersion:
		return h, fmt.Errorf("has format version %d, this server reads %d to %d", h.Version, FirstFileVersion, FileVersion)
	case h.First == 0 || h.Count == 0 || h.Count > mostRows || h.Oldest > h.Newest:
		return h, errors.New("header: contradicts itself")
	}
	return h, nil
}

// ReadSections fills the sections, which must be those of the file.
func ReadSections(r *bytes.Reader, h *Header, sections []Section) error {
	if int(h.Sections) != len(sections) {
		return fmt.Errorf("has %d sections, must have %d", h.Sections, len(sections))
	}
	for i := range sections {
		if err := readSection(r, &sections[i]); err != nil {
			return fmt.Errorf("section %d: %w", sections[i].id, err)
		}
	}
	if r.Len() > 0 {
		return fmt.Errorf("has %d bytes behind its end", r.Len())
	}
	return nil
}

func readSection(r *bytes.Reader, s *Section) error {
	var h SectionHeader
	if err := readSummed(r, &h); err != nil {
		return err
	}
	if h.ID != s.id || h.Element != s.element || h.Length%uint64(h.Element) != 0 {
		return fmt.Errorf("is section %d of elements of %d bytes, must be of %d", h.ID, h.Element, s.element)
	}
	if h.Length > uint64(r.Len()) {
		return fmt.Errorf("is cut: %d of its %d bytes are there", r.Len(), h.Length)
	}
	data := make([]byte, h.Length)
	if _, err := io.ReadFull(r, data); err != nil {
		return err
	}
	if Checksum(data) != h.Sum {
		return errors.New("does not have the checksum it was written with")
	}
	s.fill(data)
	return nil
}

// readSummed reads a header and compares its checksum.
func readSummed(r *bytes.Reader, header any) error {
	data := make([]byte, binary.Size(header)+ChecksumBytes)
	if _, err := io.ReadFull(r, data); err != nil {
		return errors.New("is cut")
	}
	end := len(data) - ChecksumBytes
	if Checksum(data[:end]) != binary.NativeEndian.Uint32(data[end:]) {
		return errors.New("does not have the checksum it was written with")
	}
	_, err := binary.Decode(data, binary.NativeEndian, header)
	return err
}
