// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/binary"
	"math"
)

// Unpacker reads packed words one after the other. Texts are parts of the
// packed string, not copies. What does not fit the form makes the Unpacker
// broken: everything behind reads as zero, and nothing is allocated for it.
type Unpacker struct {
	rest   string
	broken bool
}

// Unpack begins to read.
func Unpack(packed string) Unpacker { return Unpacker{rest: packed} }

// Broken reports whether something could not be read.
func (u *Unpacker) Broken() bool { return u.broken }

// Done reports whether all was read.
func (u *Unpacker) Done() bool { return len(u.rest) == 0 }

func (u *Unpacker) fail() { u.broken, u.rest = true, "" }

// Take reads so many bytes.
func (u *Unpacker) Take(n uint64) string {
	if n > uint64(len(u.rest)) {
		u.fail()
		return ""
	}
	taken := u.rest[:n]
	u.rest = u.rest[n:]
	return taken
}

// Byte reads one byte.
func (u *Unpacker) Byte() byte {
	if b := u.Take(1); b != "" {
		return b[0]
	}
	return 0
}

// Uint reads an unsigned number.
func (u *Unpacker) Uint() uint64 {
	var v uint64
	for i := range min(len(u.rest), binary.MaxVarintLen64) {
		b := u.rest[i]
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			u.rest = u.rest[i+1:]
			return v
		}
	}
	u.fail()
	return 0
}

// Int reads a signed number.
func (u *Unpacker) Int() int64 {
	v := u.Uint()
	return int64(v>>1) ^ -int64(v&1)
}

// Bits reads eight bytes.
func (u *Unpacker) Bits() uint64 {
	var word [8]byte
	copy(word[:], u.Take(8))
	return binary.LittleEndian.Uint64(word[:])
}

// Double reads a floating point number.
func (u *Unpacker) Double() float64 { return math.Float64frombits(u.Bits()) }

// Text reads a text.
func (u *Unpacker) Text() string { return u.Take(u.Uint()) }

// Count reads a number of entries that take at least one byte each.
func (u *Unpacker) Count() int {
	n := u.Uint()
	if n > uint64(len(u.rest)) {
		u.fail()
		return 0
	}
	return int(n)
}

// Attributes reads a list of attributes, nil if it is empty.
func (u *Unpacker) Attributes() Attributes {
	n := u.Count()
	if n == 0 {
		return nil
	}
	return u.AttributesInto(make(Attributes, 0, n), n)
}

// AttributesInto appends n attributes to a list.
func (u *Unpacker) AttributesInto(list Attributes, n int) Attributes {
	for range n {
		key := u.Text()
		list = append(list, KeyValue{Key: key, Value: u.Value()})
	}
	return list
}

// Value reads a value.
func (u *Unpacker) Value() Value {
	switch kind := Kind(u.Byte()); kind {
	case KindString, KindBytes:
		return Value{kind: kind, text: u.Text()}
	case KindBool, KindInt:
		return Value{kind: kind, num: uint64(u.Int())}
	case KindDouble:
		return Value{kind: kind, num: u.Bits()}
	case KindArray, KindMap:
		items := make([]KeyValue, 0, u.Count())
		items = u.AttributesInto(items, cap(items))
		return Value{kind: kind, items: &items}
	case KindEmpty:
		return Value{}
	default:
		u.fail()
		return Value{}
	}
}

// Resource reads a resource.
func (u *Unpacker) Resource() *Resource {
	r := &Resource{Attributes: u.Attributes(), SchemaURL: u.Text(), DroppedAttributes: uint32(u.Uint())}
	for range u.Count() {
		r.EntityRefs = append(r.EntityRefs, EntityRef{
			SchemaURL: u.Text(), Type: u.Text(), IDKeys: u.texts(), DescriptionKeys: u.texts(),
		})
	}
	return r
}

func (u *Unpacker) texts() []string {
	n := u.Count()
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = u.Text()
	}
	return list
}

// Scope reads a scope.
func (u *Unpacker) Scope() *Scope {
	return &Scope{
		Name: u.Text(), Version: u.Text(), SchemaURL: u.Text(),
		Attributes: u.Attributes(), DroppedAttributes: uint32(u.Uint()),
	}
}

// Metric reads the description of a metric.
func (u *Unpacker) Metric() *Metric {
	return &Metric{
		Name: u.Text(), Description: u.Text(), Unit: u.Text(),
		Type: MetricType(u.Byte()), Monotonic: u.Byte() != 0, Temporality: Temporality(u.Int()),
		Metadata: u.Attributes(),
	}
}
