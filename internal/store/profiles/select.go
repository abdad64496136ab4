// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"context"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// selection finds the samples of a query in one volume.
type selection struct {
	*view
	query *model.ProfileQuery
	// wanted is by series, with what is known of its labels without those of samples.
	wanted []bool
	// matches is by series and set.
	matches map[[2]uint32]bool
	traces  map[model.TraceID]bool // of the query; nil: all
	rowWise bool                   // labels or links of samples matter
	row     row
}

func newSelection(v *view, query *model.ProfileQuery) *selection {
	s := &selection{
		view: v, query: query, wanted: make([]bool, len(v.series)), matches: map[[2]uint32]bool{},
		rowWise: !query.TraceID.IsZero() || !query.SpanID.IsZero(),
	}
	if len(query.TraceIDs) > 0 {
		s.traces = make(map[model.TraceID]bool, len(query.TraceIDs))
		for _, id := range query.TraceIDs {
			s.traces[id] = true
		}
	}
	for i := range v.series {
		s.wanted[i] = len(query.Types) == 0 || slices.Contains(query.Types, v.kinds[v.series[i].kind].Name)
	}
	s.rowWise = s.rowWise || len(query.Filter.Selectors) > 0 || query.Filter.Text != "" ||
		len(query.Filter.Services) > 0 || len(query.Filter.Namespaces) > 0
	return s
}

// mayMatch reports whether a sample of the entry can be selected.
func (s *selection) mayMatch(e *entry) bool {
	return s.wanted[e.series] && s.query.Filter.Time.Overlaps(e.first, e.last) &&
		(len(s.query.IDs) == 0 || slices.Contains(s.query.IDs, e.id))
}

// holds reports whether the labels of a series with a set are selected.
func (s *selection) holds(series, set uint32) bool {
	key := [2]uint32{series, set}
	if known, found := s.matches[key]; found {
		return known
	}
	match := s.query.Filter.MatchProfile(s.kinds[s.series[series].kind].Name, s.labels(series, set))
	s.matches[key] = match
	return match
}

// labels are those of a series with a set.
func (s *selection) labels(series, set uint32) model.Labels {
	of := s.origin(series)
	labels := model.Labels{Record: of.attributes, Scope: of.scope, Resource: of.resource}
	if set != model.NoSet {
		labels.Record = slices.Concat(s.attributes(s.sets[set]), of.attributes)
	}
	return labels
}

// each calls use for every sample of the entry with a selected observation, with the
// number and the sum of these, until it returns false.
func (s *selection) each(e *entry, use func(node uint32, count uint64, sum int64) bool) {
	within := &s.query.Filter.Time
	if !e.timed && !within.Contains(e.time) {
		return
	}
	s.row.begin(e)
	for data := s.rows[e.from:e.to]; len(data) > 0; {
		data = s.row.decode(e, data)
		if !s.linked() || !s.holds(e.series, s.row.set) {
			continue
		}
		var count uint64
		var sum int64
		for i, value := range s.row.values {
			if i < len(s.row.times) && !within.Contains(s.row.times[i]) {
				continue
			}
			if len(s.row.times) == 0 && !within.Contains(e.time) {
				continue
			}
			count++
			sum = plus(sum, value)
		}
		if count > 0 && !use(s.stacks.at(s.row.stack), count, sum) {
			return
		}
	}
}

// linked reports whether the row is of the trace and span of the query.
func (s *selection) linked() bool {
	if !s.linkWanted() {
		return true
	}
	if s.row.link == unknown {
		return false
	}
	l := s.links[s.row.link]
	return (s.query.TraceID.IsZero() || l.trace == s.query.TraceID) && (s.query.SpanID.IsZero() || l.span == s.query.SpanID) &&
		(s.traces == nil || s.traces[l.trace])
}

// matchesAny reports whether the entry has a selected sample. A profile without
// samples is selected by its own labels and time.
func (s *selection) matchesAny(e *entry) (found bool) {
	if e.from == e.to {
		return !s.linkWanted() && s.query.Filter.Time.Contains(e.time) && s.holds(e.series, model.NoSet)
	}
	s.each(e, func(uint32, uint64, int64) bool {
		found = true
		return false
	})
	return found
}

func (s *selection) linkWanted() bool {
	return !s.query.TraceID.IsZero() || !s.query.SpanID.IsZero() || s.traces != nil
}

// checkEvery is how many entries are looked at between two looks at the context.
const checkEvery = 256

// entries calls use for each entry that may match, the oldest first.
func entries(ctx context.Context, views []view, query *model.ProfileQuery, use func(*selection, *entry)) error {
	looked := 0
	for i := range views {
		s := newSelection(&views[i], query)
		for all := views[i].from(0); all.more(); {
			if looked++; looked%checkEvery == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if e := all.next(); s.mayMatch(&e) {
				use(s, &e)
			}
		}
	}
	return ctx.Err()
}
