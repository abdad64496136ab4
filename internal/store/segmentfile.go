// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"unsafe"
)

// fileVersion changes whenever a section changes in content or form. A
// file of another version is set aside, not guessed at.
// Older ones are read as well: version 1 had one packing only, and no values
// of fields; version 2 had those of texts, not the extent of numbers.
const (
	fileVersion      = 3
	firstFileVersion = 1
)

// checksumBytes is the size of a CRC-32C.
const checksumBytes = 4

// fileMagic begins each file.
const fileMagic = "TAPIOSEG"

// byteOrder is written as it lies in memory: the sections do, too.
const byteOrder = uint32(0x01020304)

// image is a segment as a file holds it: a header, then the slices of the
// segment as they lie in memory, for no element of them holds a pointer. Each
// part has a checksum of its own, so that a fault is located.
type image struct {
	header   fileHeader
	sections []section
}

// fileHeader is what is known of the rows without reading them.
type fileHeader struct {
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

// sectionHeader stands before the bytes of a section.
type sectionHeader struct {
	ID, Element uint32 // Element: bytes of one
	Length      uint64 // bytes in all
	Sum         uint32 // CRC-32C of them
	_           uint32
}

// section is one slice of a segment.
type section struct {
	id, element uint32
	bytes       func() []byte
	fill        func([]byte) // with the bytes of another slice
}

// sectionOf makes a section of a slice whose elements hold no pointer.
func sectionOf[T any](id uint32, list *[]T) section {
	var none T
	element := int(unsafe.Sizeof(none))
	memory := func() []byte {
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(*list))), len(*list)*element)
	}
	return section{
		id: id, element: uint32(element), bytes: memory,
		fill: func(from []byte) {
			*list = make([]T, len(from)/element)
			copy(memory(), from)
		},
	}
}

// sections are the slices of a segment. A number, once given, stays.
func (s *segment) sections() []section {
	return []section{
		sectionOf(1, &s.blocks), sectionOf(2, &s.data), sectionOf(3, &s.words),
		sectionOf(4, &s.traces), sectionOf(5, &s.traceOrder), sectionOf(6, &s.traceBlocks), sectionOf(7, &s.spans),
		sectionOf(8, &s.labels.hashes), sectionOf(9, &s.labels.blocks), sectionOf(10, &s.labels.keys),
		sectionOf(11, &s.grams), sectionOf(12, &s.shorts), sectionOf(13, &s.uids),
	}
}

func checksum(data []byte) uint32 { return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)) }

// writeTo writes the file, and returns its length.
func (m *image) writeTo(w io.Writer) (int64, error) {
	m.header.Order, m.header.Version, m.header.Sections = byteOrder, fileVersion, uint32(len(m.sections))
	copy(m.header.Magic[:], fileMagic)
	length, err := writeSummed(w, &m.header)
	for i := 0; i < len(m.sections) && err == nil; i++ {
		data := m.sections[i].bytes()
		var n int64
		n, err = writeSummed(w, &sectionHeader{
			ID: m.sections[i].id, Element: m.sections[i].element, Length: uint64(len(data)), Sum: checksum(data),
		})
		length += n + int64(len(data))
		if err == nil {
			_, err = w.Write(data)
		}
	}
	return length, err
}

// writeSummed writes a header and its checksum.
func writeSummed(w io.Writer, header any) (int64, error) {
	data, err := binary.Append(nil, binary.NativeEndian, header)
	if err != nil {
		return 0, err
	}
	data = binary.NativeEndian.AppendUint32(data, checksum(data))
	n, err := w.Write(data)
	return int64(n), err
}

// readHeader reads and checks the first header.
func readHeader(r *bytes.Reader) (h fileHeader, err error) {
	if err := readSummed(r, &h); err != nil {
		return h, fmt.Errorf("header: %w", err)
	}
	switch {
	case string(h.Magic[:]) != fileMagic:
		return h, errors.New("is no segment of a store")
	case h.Order != byteOrder:
		return h, errors.New("was written on a machine with another order of bytes")
	case h.Version < firstFileVersion || h.Version > fileVersion:
		return h, fmt.Errorf("has format version %d, this server reads %d to %d", h.Version, firstFileVersion, fileVersion)
	case h.First == 0 || h.Count == 0 || h.Count > max(segmentRows, maxPointRows) || h.Oldest > h.Newest:
		return h, errors.New("header: contradicts itself")
	}
	return h, nil
}

// readSections fills the sections, which must be those of the file.
func readSections(r *bytes.Reader, h *fileHeader, sections []section) error {
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

func readSection(r *bytes.Reader, s *section) error {
	var h sectionHeader
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
	if checksum(data) != h.Sum {
		return errors.New("does not have the checksum it was written with")
	}
	s.fill(data)
	return nil
}

// readSummed reads a header and compares its checksum.
func readSummed(r *bytes.Reader, header any) error {
	data := make([]byte, binary.Size(header)+checksumBytes)
	if _, err := io.ReadFull(r, data); err != nil {
		return errors.New("is cut")
	}
	end := len(data) - checksumBytes
	if checksum(data[:end]) != binary.NativeEndian.Uint32(data[end:]) {
		return errors.New("does not have the checksum it was written with")
	}
	_, err := binary.Decode(data, binary.NativeEndian, header)
	return err
}

// check reports what readers would stumble over. The checksums show that the
// bytes are those written; this shows that they were a segment.
func (s *segment) check() (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("contradicts itself: %v", fault)
		}
	}()
	if s.blockRows <= 0 || len(s.blocks) > maxBlocks || len(s.blocks) != (s.rows+s.blockRows-1)/s.blockRows ||
		len(s.traces) != len(s.traceOrder) || len(s.traces) != len(s.traceBlocks) || len(s.labels.hashes) != len(s.labels.blocks) {
		return errors.New("contradicts itself: its parts do not have the lengths of each other")
	}
	for i := range s.blocks {
		b := &s.blocks[i]
		if b.deciding > b.numbers || b.numbers > b.texts || b.texts > b.end || int(b.end) > len(s.data) ||
			b.gramWords == 0 || int(b.grams)+int(b.gramWords) > len(s.grams) {
			return fmt.Errorf("contradicts itself: block %d lies outside", i)
		}
	}
	for _, place := range s.traceOrder {
		_ = s.traces[place]
	}
	readDictionary(s.unpack(nil, s.words)).values()
	return nil
}
