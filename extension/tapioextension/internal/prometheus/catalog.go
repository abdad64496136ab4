// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"sync"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// maxCatalogBytes bounds what is remembered of series. Beyond it all is forgotten, and
// read again by the queries that follow.
const maxCatalogBytes = 32 << 20

// catalog remembers how the series of the store are translated, which takes much longer
// than to compare their labels.
type catalog struct {
	translation translation

	mu       sync.RWMutex
	bySlot   []known
	families map[string]*family     // by the packed metric
	infos    map[string]*targetInfo // by the packed resource
	bytes    int
}

// known is what is remembered of a slot.
type known struct {
	born uint64 // 0: nothing
	is   *translated
}

func newCatalog(t translation) *catalog {
	return &catalog{translation: t, families: map[string]*family{}, infos: map[string]*targetInfo{}}
}

// each calls use with every series of the selection and its translation.
func (c *catalog) each(ctx context.Context, sel query.SeriesSelection, use func(query.SeriesRef, *translated)) error {
	var found []*translated
	var missing []query.SeriesRef
	for refs := range sel.Refs() {
		if err := ctx.Err(); err != nil {
			return err
		}
		found, missing = c.lookUp(refs, found[:0], missing[:0])
		if len(missing) > 0 {
			c.learn(missing, sel.Load(missing))
			found, _ = c.lookUp(refs, found[:0], missing[:0])
		}
		for i, ref := range refs {
			if found[i] != nil {
				use(ref, found[i])
			}
		}
	}
	return nil
}

func (c *catalog) lookUp(refs []query.SeriesRef, found []*translated, missing []query.SeriesRef) ([]*translated, []query.SeriesRef) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, ref := range refs {
		var is *translated
		if int(ref.Slot) < len(c.bySlot) && c.bySlot[ref.Slot].born == ref.Born {
			is = c.bySlot[ref.Slot].is
		} else {
			missing = append(missing, ref)
		}
		found = append(found, is)
	}
	return found, missing
}

func (c *catalog) learn(refs []query.SeriesRef, series []*model.Series) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bytes > maxCatalogBytes {
		c.bySlot, c.bytes = nil, 0
		clear(c.families)
		clear(c.infos)
	}
	for i, s := range series {
		if s == nil {
			continue // evicted since
		}
		if more := int(refs[i].Slot) + 1 - len(c.bySlot); more > 0 {
			c.bySlot = append(c.bySlot, make([]known, more)...)
			c.bytes += more * knownBytes
		}
		is := c.translate(s)
		c.bySlot[refs[i].Slot] = known{born: refs[i].Born, is: is}
		c.bytes += seriesBytes + len(is.base.String()) + len(is.full.String())
	}
}

const (
	knownBytes  = 16
	seriesBytes = 96
)

func (c *catalog) translate(s *model.Series) *translated {
	f := c.familyOf(s.Metric)
	is := &translated{metric: f, base: c.translation.labels(s), info: c.infoOf(s.Resource)}
	if len(f.names) == 1 {
		is.full = withLabel(is.base, f.name, "", "")
	}
	return is
}

func (c *catalog) familyOf(m *model.Metric) *family {
	key := string(model.AppendMetric(nil, m))
	f, found := c.families[key]
	if !found {
		f = c.translation.family(m)
		c.families[key] = f
		c.bytes += 2*len(key) + seriesBytes
	}
	return f
}

func (c *catalog) infoOf(r *model.Resource) *targetInfo {
	key := string(model.AppendResource(nil, r))
	info, found := c.infos[key]
	if !found {
		info = c.translation.targetInfo(r)
		c.infos[key] = info
		c.bytes += 2*len(key) + seriesBytes
	}
	return info
}
