// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"
	"slices"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// packer compresses and restores. One serves all segments of a store: what the
// library holds for it is megabytes, so it is made when first needed.
type packer struct {
	encoder func() *zstd.Encoder
	decoder func() *zstd.Decoder
}

// packWindow is how far back the compression looks, and twice that is kept for
// each sealer: more than a block has, and far less than the 4 MiB of the library.
const packWindow = 512 << 10

func newPacker() *packer {
	return &packer{
		encoder: sync.OnceValue(func() *zstd.Encoder {
			e, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(sealers), zstd.WithEncoderCRC(false),
				zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(packWindow)) // fails only for wrong options
			return e
		}),
		decoder: sync.OnceValue(func() *zstd.Decoder {
			d, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxUnpacked)) // as above
			return d
		}),
	}
}

// packing is how a segment is compressed.
type packing uint8

const (
	packTight packing = iota // with zstd
	packQuick                // with s2: a fifth of the time, about a quarter more bytes
)

func (p *packer) pack(how packing, dst, src []byte) []byte {
	if how == packTight {
		return p.encoder().EncodeAll(src, dst)
	}
	dst = slices.Grow(dst, s2.MaxEncodedLen(len(src)))
	return dst[:len(dst)+len(s2.Encode(dst[len(dst):cap(dst)], src))]
}

// maxUnpacked is more than any part of a segment has.
const maxUnpacked = 512 << 20

// unpack restores what pack wrote. It panics if the bytes are broken: see contain.
func (p *packer) unpack(how packing, dst, src []byte) []byte {
	dst, err := p.decode(how, dst, src)
	if err != nil {
		panic("store: a segment is broken: " + err.Error())
	}
	return dst
}

func (p *packer) decode(how packing, dst, src []byte) ([]byte, error) {
	if how == packTight {
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

// join puts streams into one, which split takes apart.
func join(dst []byte, streams [][]byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(streams)))
	for _, s := range streams {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
	}
	for _, s := range streams {
		dst = append(dst, s...)
	}
	return dst
}

// split returns the streams, as parts of src, in dst.
func split(dst []cursor, src []byte) []cursor {
	c := cursor{bytes: src}
	lengths := make([]int, c.count())
	for i := range lengths {
		lengths[i] = int(c.uvarint())
	}
	dst = dst[:0]
	for _, n := range lengths {
		dst = append(dst, cursor{bytes: c.take(n)})
	}
	return dst
}

// cursor reads a stream from its begin.
type cursor struct{ bytes []byte }

func (c *cursor) uvarint() uint64 {
	if len(c.bytes) > 0 && c.bytes[0] < 0x80 { // most are small
		v := uint64(c.bytes[0])
		c.bytes = c.bytes[1:]
		return v
	}
	v, n := binary.Uvarint(c.bytes)
	c.bytes = c.bytes[n:]
	return v
}

// count reads a number of elements, each of which takes a byte at least: damaged bytes
// are not to make a reader run for ever, or out of memory.
func (c *cursor) count() uint64 {
	n := c.uvarint()
	if n > uint64(len(c.bytes)) {
		panic("store: a segment is broken: it holds fewer elements than it says")
	}
	return n
}

func (c *cursor) varint() int64 { return unzigzag(c.uvarint()) }

func (c *cursor) take(n int) []byte {
	b := c.bytes[:n]
	c.bytes = c.bytes[n:]
	return b
}

func (c *cursor) text() []byte { return c.take(int(c.uvarint())) }

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func zigzag(v int64) uint64 { return uint64(v<<1) ^ uint64(v>>63) }

func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

// column is one number of each row of a block, on its way in.
type column struct {
	bytes    []byte
	previous uint64
}

func (c *column) put(v uint64) { c.bytes = binary.AppendUvarint(c.bytes, v) }

// putDelta writes the difference to the number before, whichever is larger.
func (c *column) putDelta(v uint64) {
	c.put(zigzag(int64(v - c.previous)))
	c.previous = v
}

func (c *column) reset() { c.bytes, c.previous = c.bytes[:0], 0 }

// readColumn restores a column into dst.
func readColumn(dst []uint64, c cursor) {
	for i := range dst {
		dst[i] = c.uvarint()
	}
}

// undelta restores what putDelta wrote.
func undelta(values []uint64) {
	previous := uint64(0)
	for i, v := range values {
		previous += uint64(unzigzag(v))
		values[i] = previous
	}
}
