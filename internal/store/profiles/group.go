// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"cmp"
	"context"
	"slices"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
)

// What a group holds, and each function of it, with their places in maps.
const (
	groupBytes    = int64(unsafe.Sizeof(group{})) + 4*(3*stringSize+slotIndex)*slotShare/100
	functionBytes = (stringSize + 8 + slotIndex) * slotShare / 100
)

// groupKey is what the samples of a group have in common.
type groupKey struct {
	value string
	has   bool // the label is there
	trace model.TraceID
}

// group is the sum of the samples with one key.
type group struct {
	total     int64
	samples   uint64
	functions map[string]int64 // own costs by name
}

// grouper adds up samples by key.
type grouper struct {
	*merger
	query  *model.ProfileGroupQuery
	groups map[groupKey]*group
	total  int64
}

// Group returns the sums of the selected samples by label or by trace.
func (s *Store) Group(ctx context.Context, query model.ProfileGroupQuery, take Take) (model.ProfileGroups, error) {
	views := s.views()
	kind, newest, err := kindOf(ctx, views, &query.ProfileQuery)
	if err != nil {
		return model.ProfileGroups{}, err
	}
	g := &grouper{merger: &merger{take: take}, query: &query, groups: map[groupKey]*group{}}
	for i := range views {
		ofVolume := volumeNodeBytes*int64(views[i].nodes.len()) + namesSize(&views[i]) + nameFrames(&views[i], s.Resolve)
		if err := take(ofVolume); err != nil {
			return model.ProfileGroups{}, err
		}
		v := g.view(&views[i])
		err := entries(ctx, views[i:i+1], &query.ProfileQuery, func(s *selection, e *entry) {
			if g.err != nil || kind.IsInstant() && newest[s.series[e.series].key].profile != e.profile {
				return
			}
			v.count(s, e)
		})
		if err = cmp.Or(err, g.err); err != nil {
			return model.ProfileGroups{}, err
		}
		if err := take(-ofVolume); err != nil {
			return model.ProfileGroups{}, err
		}
	}
	return g.sorted(), nil
}

// grouped is a volume whose samples are added up.
type grouped struct {
	*grouper
	names  []string // by frame
	wanted []bool   // by node: the function of the query is on its stack; nil: all
	bySet  map[[2]uint32]groupKey
}

// namesSize is at most what the names of all frames take.
func namesSize(v *view) (size int64) {
	for i := range uint32(v.frames.len()) {
		size += stringSize
		if v.frames.lines.at(i) >= firstLine {
			head, rest := v.texts.parts(v.frames.functions.at(i))
			size += int64(len(head) + len(rest))
		}
	}
	return size
}

func (g *grouper) view(v *view) *grouped {
	of := &grouped{grouper: g, names: make([]string, v.frames.len()), bySet: map[[2]uint32]groupKey{}}
	for i := range of.names {
		f := v.frame(uint32(i))
		of.names[i] = f.Name()
	}
	if g.query.Function == "" {
		return of
	}
	of.wanted = make([]bool, v.nodes.len())
	for i := 1; i < len(of.wanted); i++ { // parents come before their children
		n := v.nodes.at(uint32(i))
		of.wanted[i] = of.wanted[n.parent] || of.names[n.frame] == g.query.Function
	}
	return of
}

func (v *grouped) count(s *selection, e *entry) {
	s.each(e, func(at uint32, count uint64, sum int64) bool {
		if v.wanted != nil && !v.wanted[at] {
			return true
		}
		key, counts := v.key(s, e)
		if !counts {
			return true
		}
		v.total = plus(v.total, sum)
		of := v.groups[key]
		if of == nil {
			of = &group{functions: map[string]int64{}}
			v.groups[key] = of
			v.charge(groupBytes + int64(len(key.value)))
		}
		of.total = plus(of.total, sum)
		of.samples += count
		if at == 0 { // no stack
			return v.err == nil
		}
		before := len(of.functions)
		name := v.names[s.nodes.frames.at(at)]
		of.functions[name] = plus(of.functions[name], sum)
		v.charge(functionBytes * int64(len(of.functions)-before))
		return v.err == nil
	})
}

// key returns what the current row is added up by; false: it does not count.
func (v *grouped) key(s *selection, e *entry) (groupKey, bool) {
	if v.query.By.Name() == "" {
		if s.row.link == unknown || s.links[s.row.link].trace.IsZero() {
			return groupKey{}, false
		}
		return groupKey{trace: s.links[s.row.link].trace}, true
	}
	at := [2]uint32{e.series, s.row.set}
	key, known := v.bySet[at]
	if !known {
		if value, found := s.labels(e.series, s.row.set).Get(v.query.By); found {
			key = groupKey{value: value.Text(), has: true}
		}
		v.bySet[at] = key
	}
	return key, true
}

func (g *grouper) sorted() model.ProfileGroups {
	all := model.ProfileGroups{Total: g.total, Groups: make([]model.ProfileGroup, 0, len(g.groups))}
	for key, of := range g.groups {
		row := model.ProfileGroup{
			Value: key.value, NoValue: !key.has && key.trace.IsZero(), TraceID: key.trace, Total: of.total, Samples: of.samples,
		}
		for name, self := range of.functions {
			if row.TopFunction == "" || self > row.TopSelf || self == row.TopSelf && name < row.TopFunction {
				row.TopFunction, row.TopSelf = name, self
			}
		}
		all.Groups = append(all.Groups, row)
	}
	slices.SortFunc(all.Groups, func(a, b model.ProfileGroup) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Value, b.Value), slices.Compare(a.TraceID[:], b.TraceID[:]))
	})
	return all
}
