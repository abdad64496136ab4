// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/internal/store/colenc"
)

const (
	// MaxLabelValues is how many values of one key a segment indexes. A key with
	// more says little about blocks and would make a large index.
	MaxLabelValues = 256
	// MaxLabelBytes is the longest value that is indexed.
	MaxLabelBytes = 256

	// ScopeKey is the key of a scope's name, which is no attribute.
	ScopeKey   = "scope"
	serviceKey = semconv.ServiceName
)

// Keys of what is indexed as labels are, though it is none. No label has such
// a name.
const (
	nameIndex     = "\x00name"
	severityIndex = "\x00severity"
)

// labelHash is what a label with its value is indexed under. Labels that share
// a hash share their blocks: a reader reads some without result.
func labelHash(key, value string) uint64 {
	h := xxhash.Sum64String(key)*0x9e3779b97f4a7c15 + xxhash.Sum64String(value)
	return h ^ h>>29
}

// classHash is what a class of severity is indexed under, service "" for any.
func classHash(class model.Severity, service string) uint64 {
	return labelHash(severityIndex+string(rune('a'+class)), service)
}

// postings list the blocks that hold a label.
type postings struct {
	Hashes []uint64 // sorted
	blocks []BlockSet
	keys   []byte // every key: length, text, 1 if its values are not indexed
	// mixed is set if records or scopes name their service, not just resources.
	Mixed bool
}

func (p *postings) Size() int {
	return colenc.SliceBytes(p.Hashes) + colenc.SliceBytes(p.blocks) + colenc.SliceBytes(p.keys)
}

func (p *postings) find(hash uint64) BlockSet {
	if i, found := slices.BinarySearch(p.Hashes, hash); found {
		return p.blocks[i]
	}
	return 0
}

// withName returns the blocks of rows with one of these names.
func (p *postings) withName(names []string) (blocks BlockSet) {
	for _, name := range names {
		blocks |= p.find(labelHash(nameIndex, name))
	}
	return blocks
}

// withSeverity returns the blocks of rows with one of the classes and, unless
// there are none, one of the services.
func (p *postings) withSeverity(classes []model.Severity, services []string) (blocks BlockSet) {
	if p.Mixed || len(services) == 0 {
		services = []string{""}
	}
	for _, class := range classes {
		for _, service := range services {
			blocks |= p.find(classHash(class, service))
		}
	}
	return blocks
}

// withLabel returns all blocks where the label may have one of these values.
// stands reports whether a key is one that the label's name stands for.
func (p *postings) withLabel(stands func(key []byte) bool, values []string) (blocks BlockSet) {
	for c := (colenc.Cursor{Bytes: p.keys}); len(c.Bytes) > 0; {
		key, open := c.Text(), c.Take(1)[0] != 0
		if !stands(key) {
			continue
		}
		if open {
			return allBlocks
		}
		for _, value := range values {
			if len(value) > MaxLabelBytes {
				return allBlocks
			}
			blocks |= p.find(labelHash(string(key), value))
		}
	}
	return blocks
}

// indexer collects the postings of a segment.
type indexer struct {
	blocks map[uint64]BlockSet
	keys   map[string]*labelValues
	bit    BlockSet // the block in hand
	// What is noted already: blocks by the place of a resource, of a scope, and of
	// a class of severity among those of a resource.
	resources, scopes, classes []BlockSet
}

// labelValues is what a segment has under one key.
type labelValues struct {
	hashes []uint64
	open   bool // too many or too long: not indexed
}

func newIndexer() *indexer {
	return &indexer{
		blocks: map[uint64]BlockSet{}, keys: map[string]*labelValues{},
		bit: 1,
	}
}

func (x *indexer) note(hash uint64) { x.blocks[hash] |= x.bit }

func (x *indexer) name(name string) { x.note(labelHash(nameIndex, name)) }

// attributes indexes the attributes of a resource or scope.
func (x *indexer) attributes(list model.Attributes) {
	for i := range list {
		x.label(&list[i])
	}
}

// label indexes one label; open: its key has too many values, or too long ones,
// and none is indexed any more.
func (x *indexer) label(kv *model.KeyValue) (open bool) {
	values := x.keys[kv.Key]
	if values == nil {
		values = &labelValues{}
		x.keys[kv.Key] = values
	}
	if values.open {
		return true
	}
	if kv.Kind() != model.KindString || len(kv.Str()) > MaxLabelBytes {
		values.open = true
		return true
	}
	hash := labelHash(kv.Key, kv.Str())
	if blocks, known := x.blocks[hash]; !known {
		values.hashes = append(values.hashes, hash)
		values.open = len(values.hashes) > MaxLabelValues
	} else if blocks&x.bit != 0 {
		return false
	}
	x.note(hash)
	return values.open
}

// first reports whether the block in hand is new to the set at this place.
func (x *indexer) first(sets *[]BlockSet, place int) bool {
	for len(*sets) <= place {
		*sets = append(*sets, 0)
	}
	set := &(*sets)[place]
	first := *set&x.bit == 0
	*set |= x.bit
	return first
}

// severity indexes a class, alone and with the service of the resource, which is
// the one at this place.
func (x *indexer) severity(class model.Severity, resource *model.Resource, place int) {
	const classes = int(model.SeverityFatal) + 1
	if x.first(&x.classes, place*classes+int(class)) {
		x.note(classHash(class, ""))
		x.note(classHash(class, resource.Service()))
	}
}

// resource indexes what the rows of a resource share, once a block.
func (x *indexer) resource(resource *model.Resource, place int) {
	if x.first(&x.resources, place) {
		x.attributes(resource.Attributes)
	}
}

// scope indexes what the rows of a scope share, once a block.
func (x *indexer) scope(scope *model.Scope, place int) {
	if !x.first(&x.scopes, place) {
		return
	}
	x.attributes(scope.Attributes)
	if scope.Name != "" {
		x.label(&model.KeyValue{Key: ScopeKey, Value: model.StringValue(scope.Name)})
	}
}

// finish returns the postings, without those of open keys.
func (x *indexer) finish() postings {
	p := postings{}
	for key, values := range x.keys {
		p.keys = append(colenc.AppendString(p.keys, key), 0)
		if values.open {
			p.keys[len(p.keys)-1] = 1
			for _, hash := range values.hashes {
				delete(x.blocks, hash)
			}
		}
	}
	p.keys = slices.Clip(slices.Clone(p.keys))
	p.Hashes = make([]uint64, 0, len(x.blocks))
	for hash := range x.blocks {
		p.Hashes = append(p.Hashes, hash)
	}
	slices.Sort(p.Hashes)
	p.blocks = make([]BlockSet, len(p.Hashes))
	for i, hash := range p.Hashes {
		p.blocks[i] = x.blocks[hash]
	}
	return p
}

// OpenKeys adds the keys whose values are not indexed.
func (p *postings) OpenKeys(open map[string]bool) {
	for c := (colenc.Cursor{Bytes: p.keys}); len(c.Bytes) > 0; {
		key := c.Text()
		if c.Take(1)[0] != 0 {
			open[string(key)] = true
		}
	}
}
