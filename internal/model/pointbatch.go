// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

// PointBatch is metric points on their way into the store, packed: a point of a
// series that the store knows costs no memory of its own. A batch is for one
// goroutine; anyone who is done with it may use it again after Reset. The zero
// batch is empty.
type PointBatch struct {
	Origins []PackedOrigin
	Points  []PackedPoint
	// Bytes holds what the others are stretches of.
	Bytes []byte
}

// Packed is a packed word: a stretch of its batch's Bytes, and the hash of
// these. Who makes batches for one store must hash alike.
type Packed struct {
	From, To uint32
	Hash     uint64
}

// PackedOrigin is what the series of one metric, resource and scope share.
type PackedOrigin struct{ Metric, Resource, Scope Packed }

// PackedPoint is one point. Extra is what AppendExtra packs of it, an empty
// stretch for a bare number.
type PackedPoint struct {
	Attributes         Packed
	Time, Start        Nanos
	Bits               uint64
	Origin             uint32 // place among the batch's Origins
	ExtraFrom, ExtraTo uint32
	Flags              uint32
	Number             NumberKind
}

// Reset empties the batch and keeps its memory.
func (b *PointBatch) Reset() {
	b.Origins, b.Points, b.Bytes = b.Origins[:0], b.Points[:0], b.Bytes[:0]
}

// Key returns the bytes of a packed word.
func (b *PointBatch) Key(p Packed) []byte { return b.Bytes[p.From:p.To] }

// Extra returns the packed distributions and exemplars of a point.
func (b *PointBatch) Extra(p *PackedPoint) []byte { return b.Bytes[p.ExtraFrom:p.ExtraTo] }
