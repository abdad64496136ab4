// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"cmp"
	"maps"
	"slices"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// Query selects collectors.
type Query struct {
	Filter model.Filter // its time range does not apply
	States []tapiov1.Collector_State
	Order  Order
	Desc   bool
	Limit  int
	// After is the place of the last collector of the page before; 0: none.
	After uint64
	// Newest leaves out who registered after the first page was read; 0: now.
	Newest uint64
}

// Order is a field to sort by; ties are broken by the id.
type Order func(a, b *tapiov1.Collector) int

// ByID sorts by the id, which is how ties are broken too.
func ByID(a, b *tapiov1.Collector) int { return cmp.Compare(a.GetCollectorId(), b.GetCollectorId()) }

// ByNode sorts by the node.
func ByNode(a, b *tapiov1.Collector) int { return cmp.Compare(a.GetNode(), b.GetNode()) }

// ByLastSeen puts the one that was silent for longest first.
func ByLastSeen(a, b *tapiov1.Collector) int {
	return a.GetLastSeenAt().AsTime().Compare(b.GetLastSeenAt().AsTime())
}

// Page is one page of collectors.
type Page struct {
	Collectors []*tapiov1.Collector
	// After and Newest are for the next page; After is 0 on the last one.
	After, Newest uint64
	// States counts what the query selects, over all pages.
	States map[tapiov1.Collector_State]uint64
	// Statistics sum up what the query selects, over all pages.
	Statistics *tapiov1.FleetStatistics
}

type entry struct {
	born      uint64
	collector *tapiov1.Collector
	config    string // see configState
}

// List returns one page.
func (r *Registry) List(q Query) (Page, error) {
	entries, newest := r.selected(q)
	page := Page{States: map[tapiov1.Collector_State]uint64{}, Newest: newest, Statistics: statistics(entries)}
	for _, e := range entries {
		page.States[e.collector.GetState()]++
	}
	slices.SortFunc(entries, func(a, b entry) int {
		order := cmp.Or(q.Order(a.collector, b.collector), ByID(a.collector, b.collector))
		if q.Desc {
			return -order
		}
		return order
	})
	if q.After != 0 {
		at := slices.IndexFunc(entries, func(e entry) bool { return e.born == q.After })
		if at < 0 {
			return page, model.InvalidField("filter.page_token", "names a place that is gone, for its collector left: start again without it")
		}
		entries = entries[at+1:]
	}
	if len(entries) > q.Limit {
		entries = entries[:q.Limit]
		page.After = entries[q.Limit-1].born
	}
	for _, e := range entries {
		page.Collectors = append(page.Collectors, e.collector)
	}
	return page, nil
}

func (r *Registry) selected(q Query) ([]entry, uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	newest := cmp.Or(q.Newest, r.born)
	var entries []entry
	for _, m := range r.members {
		if m.born > newest {
			continue
		}
		c := r.view(m)
		if (len(q.States) == 0 || slices.Contains(q.States, c.GetState())) &&
			q.Filter.MatchLabels(c.GetCollectorId(), labelsOf(c)) {
			entries = append(entries, entry{born: m.born, collector: c, config: m.configState()})
		}
	}
	return entries, newest
}

// labelsOf are the attributes of a collector and its own fields; an attribute of
// the same name goes before.
func labelsOf(c *tapiov1.Collector) model.Attributes {
	labels := map[string]string{
		"collector_id": c.GetCollectorId(), "collector_type": c.GetCollectorType(),
		"version": c.GetVersion(), "node": c.GetNode(), "protocol": c.GetProtocol(),
	}
	maps.DeleteFunc(labels, func(_, value string) bool { return value == "" })
	maps.Copy(labels, c.GetAttributes())
	out := make(model.Attributes, 0, len(labels))
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, model.KeyValue{Key: key, Value: model.StringValue(labels[key])})
	}
	return out
}

// States counts the registered collectors by state.
func (r *Registry) States() map[tapiov1.Collector_State]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := map[tapiov1.Collector_State]uint64{}
	for _, m := range r.members {
		counts[r.state(m)]++
	}
	return counts
}
