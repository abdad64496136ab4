// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package intern

import (
	"encoding/binary"
	"hash/maphash"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// pool keeps one copy of each value. Rows that come together mostly share their
// parts by pointer, so the latest search is remembered; other values are found
// by content.
type pool[T any] struct {
	hash      *maphash.Hash
	hashValue func(*maphash.Hash, *T)
	equal     func(a, b *T) bool
	size      func(*T) int
	Kept      map[uint64][]*T
	last      latest[T]
}

// latest is the answer to the latest search.
type latest[T any] struct {
	asked, kept *T
	hash        uint64
}

func newPool[T any](hash *maphash.Hash, hashValue func(*maphash.Hash, *T), equal func(a, b *T) bool, size func(*T) int) pool[T] {
	return pool[T]{hash: hash, hashValue: hashValue, equal: equal, size: size, Kept: map[uint64][]*T{}}
}

func (p *pool[T]) forget() { p.last = latest[T]{} }

// find returns the copy that is kept of the value, nil for none, and its hash.
func (p *pool[T]) find(v *T) (*T, uint64) {
	if p.last.asked == v {
		return p.last.kept, p.last.hash
	}
	p.hash.Reset()
	p.hashValue(p.hash, v)
	p.last = latest[T]{asked: v, hash: p.hash.Sum64()}
	for _, kept := range p.Kept[p.last.hash] {
		if kept == v || p.equal(kept, v) {
			p.last.kept = kept
			break
		}
	}
	return p.last.kept, p.last.hash
}

// Cost is the bytes that keep would add.
func (p *pool[T]) Cost(v *T) int {
	if kept, _ := p.find(v); kept != nil {
		return 0
	}
	return p.size(v) + InternBytes
}

// Keep returns the one copy of the value, which is the value itself if there
// was none.
func (p *pool[T]) Keep(v *T) *T {
	kept, hash := p.find(v)
	if kept != nil {
		return kept
	}
	p.Kept[hash] = append(p.Kept[hash], v)
	p.last.kept = v
	return v
}

func hashNumber(h *maphash.Hash, n uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	_, _ = h.Write(b[:]) // never fails
}

// hashText puts the length first, so that neighbours do not run together.
func hashText(h *maphash.Hash, s string) {
	hashNumber(h, uint64(len(s)))
	_, _ = h.WriteString(s) // never fails
}

func hashValue(h *maphash.Hash, v model.Value) {
	hashNumber(h, uint64(v.Kind()))
	hashNumber(h, uint64(v.Int())) // the bits of every number
	hashText(h, v.Str())
	hashAttributes(h, v.Items())
}

func hashAttributes(h *maphash.Hash, attributes model.Attributes) {
	hashNumber(h, uint64(len(attributes)))
	for i := range attributes {
		hashText(h, attributes[i].Key)
		hashValue(h, attributes[i].Value)
	}
}

func hashResource(h *maphash.Hash, r *model.Resource) {
	hashText(h, r.SchemaURL)
	hashAttributes(h, r.Attributes)
}

// EqualResources reports whether both say the same.
func EqualResources(a, b *model.Resource) bool {
	return a.SchemaURL == b.SchemaURL && a.DroppedAttributes == b.DroppedAttributes &&
		a.Attributes.Equal(b.Attributes) &&
		slices.EqualFunc(a.EntityRefs, b.EntityRefs, equalEntityRefs)
}

func equalEntityRefs(a, b model.EntityRef) bool {
	return a.Type == b.Type && a.SchemaURL == b.SchemaURL &&
		slices.Equal(a.IDKeys, b.IDKeys) && slices.Equal(a.DescriptionKeys, b.DescriptionKeys)
}

func hashScope(h *maphash.Hash, s *model.Scope) {
	hashText(h, s.Name)
	hashText(h, s.Version)
	hashAttributes(h, s.Attributes)
}

// EqualScopes reports whether both say the same.
func EqualScopes(a, b *model.Scope) bool {
	return a.Name == b.Name && a.Version == b.Version && a.SchemaURL == b.SchemaURL &&
		a.DroppedAttributes == b.DroppedAttributes && a.Attributes.Equal(b.Attributes)
}
