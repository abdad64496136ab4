// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package colenc

import (
	"encoding/binary"
	"slices"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// Compactors is how many chunks of a signal are compacted at once. Compaction a record
// takes longer than all that comes before, so one would hold up the writers
// while other processors idle.
const Compactors = 2

// Packer compresses and restores. One serves all segments of a store: what the
// library holds for it is megabytes, so it is made when first needed.
type Packer struct {
	encoder func() *zstd.Encoder
	decoder func() *zstd.Decoder
}

// packWindow is how far back the compression looks, and twice that is kept for
// each compactor: more than a block has, and far less than the 4 MiB of the library.
const packWindow = 512 << 10

// NewPacker makes a packer; encoder and decoder are made with the first use.
func NewPacker() *Packer {
	return &Packer{
		encoder: sync.OnceValue(func() *zstd.Encoder {
			e, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(Compactors), zstd.WithEncoderCRC(false),
				zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(packWindow)) // fails only for wrong options
			return e
		}),
		decoder: sync.OnceValue(func() *zstd.Decoder {
			d, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxUnpacked)) // as above
			return d
		}),
	}
}

// Packing is how a segment is compressed.
type Packing uint8

// The ways to compress.
const (
	PackTight Packing = iota // with zstd
	PackQuick                // with s2: a fifth of the time, about a quarter more bytes
)

// Pack appends the compressed bytes to dst.
func (p *Packer) Pack(how Packing, dst, src []byte) []byte {
	if how == PackTight {
		return p.encoder().EncodeAll(src, dst)
	}
	dst = slices.Grow(dst, s2.MaxEncodedLen(len(src)))
	return dst[:len(dst)+len(s2.Encode(dst[len(dst):cap(dst)], src))]
}

// maxUnpacked is more than any part of a segment has.
const maxUnpacked = 512 << 20

// Unpack restores what pack wrote. It panics if the bytes are broken: see contain.
func (p *Packer) Unpack(how Packing, dst, src []byte) []byte {
	dst, err := p.decode(how, dst, src)
	if err != nil {
		panic("store: a segment is broken: " + err.Error())
	}
	return dst
}

func (p *Packer) decode(how Packing, dst, src []byte) ([]byte, error) {
	if how == PackTight {
		return p.decoder().DecodeAll(src, dst)
	}
	length, err := s2.DecodedLen(src)
	if err == nil && length > maxUnpacked {
		err = zstd.ErrDecoderSizeExceeded
	}
	if err != nil {
		return nil, err
	}
	from := len(dst)
	dst = slices.Grow(dst, length)[:from+length]
	_, err = s2.Decode(dst[from:], src)
	return dst, err
}

// Join puts streams into one, which split takes apart.
func Join(dst []byte, streams [][]byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(streams)))
	for _, s := range streams {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
	}
	for _, s := range streams {
		dst = append(dst, s...)
	}
	return dst
}

// Split returns the streams, as parts of src, in dst.
func Split(dst []Cursor, src []byte) []Cursor {
	c := Cursor{Bytes: src}
	lengths := make([]int, c.Count())
	for i := range lengths {
		lengths[i] = int(c.Uvarint())
	}
	dst = dst[:0]
	for _, n := range lengths {
		dst = append(dst, Cursor{Bytes: c.Take(n)})
	}
	return dst
}

// Cursor reads a stream from its begin.
type Cursor struct{ Bytes []byte }

// Uvarint reads an unsigned number.
func (c *Cursor) Uvarint() uint64 {
	if len(c.Bytes) > 0 && c.Bytes[0] < 0x80 { // most are small
		v := uint64(c.Bytes[0])
		c.Bytes = c.Bytes[1:]
		return v
	}
	v, n := binary.Uvarint(c.Bytes)
	c.Bytes = c.Bytes[n:]
	return v
}

// Count reads a number of elements, each of which takes a byte at least: damaged bytes
// are not to make a reader run for ever, or out of memory.
func (c *Cursor) Count() uint64 {
	n := c.Uvarint()
	if n > uint64(len(c.Bytes)) {
		panic("store: a segment is broken: it holds fewer elements than its header states")
	}
	return n
}

// Varint reads a signed number.
func (c *Cursor) Varint() int64 { return Unzigzag(c.Uvarint()) }

// Take reads n bytes.
func (c *Cursor) Take(n int) []byte {
	b := c.Bytes[:n]
	c.Bytes = c.Bytes[n:]
	return b
}

// Text reads what AppendString wrote.
func (c *Cursor) Text() []byte { return c.Take(int(c.Uvarint())) }

// AppendString appends the length and the bytes.
func AppendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// Zigzag makes small numbers of either sign small unsigned ones.
func Zigzag(v int64) uint64 { return uint64(v<<1) ^ uint64(v>>63) }

// Unzigzag undoes Zigzag.
func Unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

// Column is one number of each row of a block, while it is written.
type Column struct {
	Bytes    []byte
	previous uint64
}

// Put appends a number.
func (c *Column) Put(v uint64) { c.Bytes = binary.AppendUvarint(c.Bytes, v) }

// PutDelta writes the difference to the number before, whichever is larger.
func (c *Column) PutDelta(v uint64) {
	c.Put(Zigzag(int64(v - c.previous)))
	c.previous = v
}

// Reset empties the column and keeps its memory.
func (c *Column) Reset() { c.Bytes, c.previous = c.Bytes[:0], 0 }

// ReadColumn restores a column into dst.
func ReadColumn(dst []uint64, c Cursor) {
	for i := range dst {
		dst[i] = c.Uvarint()
	}
}

// Undelta restores what PutDelta wrote.
func Undelta(values []uint64) {
	previous := uint64(0)
	for i, v := range values {
		previous += uint64(Unzigzag(v))
		values[i] = previous
	}
}
