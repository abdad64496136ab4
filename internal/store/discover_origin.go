// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/budget"
	"github.com/tapio/tapio/internal/store/colenc"
)

// maxOrigins bounds the origins, and the lists of keys, that are remembered while a
// segment is counted.
const maxOrigins = 1024

// summarizer counts the rows of a segment. What rows share is looked up once for each
// origin; for each row only its own values are counted.
type summarizer[R any] struct {
	summary *summary
	of      facts[R]
	account *budget.Account
	// identifying are the labels that name a service or the source of its spans.
	identifying map[string]bool
	counters    map[string]*labelCounter
	block       int
	keys        map[string]*keyList
	latest      *keyList
	origins     map[originKey]*rowOrigin
	origin      *rowOrigin
	scratch     []byte
}

// keyList is the keys of the attributes of some rows.
type keyList struct {
	keys        model.Attributes // without values
	counters    []*labelCounter  // parallel to keys; nil for one that is not counted
	identifying bool             // one of the keys is
}

type originKey struct {
	resource *model.Resource
	scope    *model.Scope
	keys     *keyList
}

// rowOrigin is rows of one resource and scope that have attributes of the same keys.
type rowOrigin struct {
	originKey
	rows       uint64 // since the block began
	service    string
	tally      *serviceTally // nil: it is not the same for all rows
	kernel     bool
	dimensions []*labelCounter // parallel to those of facts; nil where a label has the name
}

func newSummarizer[R any](of facts[R], a *budget.Account) *summarizer[R] {
	b := &summarizer[R]{
		summary: &summary{services: newServiceTallies(a), operations: newOperationTallies(a), lives: newLifeTallies(a)},
		of:      of, account: a,
		counters: map[string]*labelCounter{}, keys: map[string]*keyList{}, origins: map[originKey]*rowOrigin{},
	}
	s := b.summary.services
	b.identifying = namesOf(s.service, s.namespace, s.instance)
	b.identifying[sourceKey] = true
	return b
}

func (b *summarizer[R]) add(r *R) error {
	labels := b.of.labels(r)
	o, err := b.originOf(labels)
	if err != nil {
		return err
	}
	b.summary.labels.total++
	o.rows++
	var bytes int64
	for i, counter := range o.keys.counters {
		if counter != nil {
			bytes += counter.add(labels.Record[i].Value)
		}
	}
	for i, counter := range o.dimensions {
		if counter == nil {
			continue
		}
		if value, found := b.of.dimension(r, b.of.dimensions[i]); found {
			bytes += counter.addText(value, 1)
		}
	}
	if bytes > 0 {
		if err := b.account.Take(bytes); err != nil {
			return err
		}
	}
	return b.count(o, labels, r)
}

// count counts a row beside its labels.
func (b *summarizer[R]) count(o *rowOrigin, labels model.Labels, r *R) error {
	tally, service, kernel := o.tally, o.service, o.kernel
	if tally == nil {
		var err error
		if tally, err = b.summary.services.of(labels, b.of.signal); err != nil {
			return err
		}
		service, kernel = tally.service.Name, fromKernel(labels)
	}
	return b.of.tally(b.summary, r, tally, service, kernel)
}

// originOf returns the origin of a row, mostly that of the row before.
func (b *summarizer[R]) originOf(labels model.Labels) (*rowOrigin, error) {
	keys, err := b.keysOf(labels.Record)
	if err != nil {
		return nil, err
	}
	key := originKey{labels.Resource, labels.Scope, keys}
	if b.origin != nil && b.origin.originKey == key {
		return b.origin, nil
	}
	o, known := b.origins[key]
	if !known {
		if len(b.origins) >= maxOrigins {
			if err := b.flush(); err != nil {
				return nil, err
			}
			clear(b.origins)
		}
		if o, err = b.newOrigin(key); err != nil {
			return nil, err
		}
		b.origins[key] = o
	}
	b.origin = o
	return o, nil
}

func (b *summarizer[R]) newOrigin(key originKey) (*rowOrigin, error) {
	labels := model.Labels{Record: key.keys.keys, Scope: key.scope, Resource: key.resource}
	o := &rowOrigin{originKey: key, dimensions: make([]*labelCounter, len(b.of.dimensions))}
	for i, name := range b.of.dimensions {
		if _, isLabel := labels.Attribute(name); isLabel {
			continue
		}
		counter, err := b.counter(dimensionMark + name)
		if err != nil {
			return nil, err
		}
		o.dimensions[i] = counter
	}
	if key.keys.identifying {
		return o, nil
	}
	var err error
	if o.tally, err = b.summary.services.of(labels, b.of.signal); err != nil {
		return nil, err
	}
	o.service, o.kernel = o.tally.service.Name, fromKernel(labels)
	return o, nil
}

// keysOf returns the keys of a list of attributes, mostly those of the row before.
func (b *summarizer[R]) keysOf(list model.Attributes) (*keyList, error) {
	if b.latest != nil && b.latest.are(list) {
		return b.latest, nil
	}
	b.scratch = b.scratch[:0]
	for i := range list {
		b.scratch = append(binary.AppendUvarint(b.scratch, uint64(len(list[i].Key))), list[i].Key...)
	}
	keys, known := b.keys[string(b.scratch)]
	if !known {
		if len(b.keys) >= maxOrigins {
			if err := b.flush(); err != nil {
				return nil, err
			}
			clear(b.keys)
			clear(b.origins)
			b.origin = nil
		}
		var err error
		if keys, err = b.newKeys(list); err != nil {
			return nil, err
		}
		b.keys[string(b.scratch)] = keys
	}
	b.latest = keys
	return keys, nil
}

func (k *keyList) are(list model.Attributes) bool {
	if len(list) != len(k.keys) {
		return false
	}
	for i := range list {
		if !colenc.SameText(list[i].Key, k.keys[i].Key) {
			return false
		}
	}
	return true
}

func (b *summarizer[R]) newKeys(list model.Attributes) (*keyList, error) {
	keys := &keyList{keys: make(model.Attributes, len(list)), counters: make([]*labelCounter, len(list))}
	for i := range list {
		name := list[i].Key
		keys.keys[i].Key = name
		keys.identifying = keys.identifying || b.identifying[name]
		if name == "" || repeats(keys.keys[:i], name) {
			continue
		}
		counter, err := b.counter(name)
		if err != nil {
			return nil, err
		}
		keys.counters[i] = counter
		keys.keys[i].Key = counter.name // a copy: the row is not kept
	}
	return keys, nil
}

// counter returns the counter of a label.
func (b *summarizer[R]) counter(name string) (*labelCounter, error) {
	c, known := b.counters[name]
	if known {
		return c, nil
	}
	if err := b.account.Take(tallyBytes + int64(len(name))); err != nil {
		return nil, err
	}
	c = newLabelCounter(string([]byte(name)), b.block)
	b.counters[c.name] = c
	return c, nil
}

// flush counts the labels that the rows of an origin share.
func (b *summarizer[R]) flush() (err error) {
	for _, o := range b.origins {
		if o.rows == 0 {
			continue
		}
		eachShared(model.Labels{Record: o.keys.keys, Scope: o.scope, Resource: o.resource}, func(name string, value model.Value) {
			if err != nil {
				return
			}
			var counter *labelCounter
			if counter, err = b.counter(name); err == nil {
				err = b.account.Take(counter.addText(value.Text(), o.rows))
			}
		})
		if err != nil {
			return err
		}
		o.rows = 0
	}
	return nil
}

func (b *summarizer[R]) endBlock() error {
	if err := b.flush(); err != nil {
		return err
	}
	for _, c := range b.counters {
		c.endBlock()
	}
	b.block++
	return nil
}

// finish returns the summary, without what was only needed to count.
func (b *summarizer[R]) finish() *summary {
	s := b.snapshot()
	s.services.account, s.operations.account, s.lives.account = nil, nil, nil
	s.lives.latest = nil
	return s
}

// snapshot returns the summary of the blocks that ended. It changes as more is counted.
func (b *summarizer[R]) snapshot() *summary {
	s := b.summary
	s.labels.byName = make(map[string]*labelSummary, len(b.counters))
	for name, c := range b.counters {
		if c.records > 0 {
			s.labels.byName[name] = c.summary()
		}
	}
	s.bytes = s.size()
	return s
}
