// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"context"
	"math"
	"time"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
)

// Take charges a query for memory that it is about to hold, less than 0 to give back. It
// returns an error if the query may not have it.
type Take func(bytes int64) error

// What a merge holds for each node of a volume, and for each frame, node and profile of
// the sum, with their places in maps.
const (
	volumeNodeBytes = 9
	frameBytes      = 2*frameSize + (frameSize+slotIndex)*slotShare/100
	nodeBytes       = 2*int64(unsafe.Sizeof(model.CallNode{})) + (int64(unsafe.Sizeof(node{}))+slotIndex)*slotShare/100
	profileBytes    = 9 * slotShare / 100
	// takeStep is how many bytes are taken at once.
	takeStep = 64 << 10
)

// Merge returns the sum of the selected samples.
func (s *Store) Merge(ctx context.Context, query model.ProfileQuery, take Take) (*model.CallTree, error) {
	views := s.views()
	kind, newest, err := kindOf(ctx, views, &query)
	if err != nil {
		return nil, err
	}
	m := &merger{
		tree: model.CallTree{Type: kind}, frames: map[model.Frame]uint32{}, nodes: map[node]uint32{}, profiles: map[uint64]bool{}, take: take,
	}
	for i := range views {
		ofVolume := volumeNodeBytes*int64(views[i].nodes.len()) + nameFrames(&views[i], s.Resolve)
		if err := take(ofVolume); err != nil {
			return nil, err
		}
		self := make([]int64, views[i].nodes.len())
		used := make([]bool, views[i].nodes.len())
		err := entries(ctx, views[i:i+1], &query, func(s *selection, e *entry) {
			if kind.IsInstant() && newest[s.series[e.series].key].profile != e.profile {
				return
			}
			m.count(s, e, self, used)
		})
		if err != nil {
			return nil, err
		}
		m.add(&views[i], self, used)
		if m.err != nil {
			return nil, m.err
		}
		if err := take(-ofVolume); err != nil {
			return nil, err
		}
	}
	if m.magnitude > maxMagnitude {
		return nil, model.Exhausted("the values of the selected samples of %s add up to more than %d: narrow the filter or the time range",
			kind.Name, int64(maxMagnitude))
	}
	m.sum()
	return &m.tree, nil
}

// latest is the newest profile of a series.
type latest struct {
	time    model.Nanos
	profile uint64
}

// kindOf returns the type of the selected profiles and, if it is one of states at a
// moment, the newest profile of each series.
func kindOf(ctx context.Context, views []view, query *model.ProfileQuery) (kind model.ProfileType, newest map[seriesKey]latest, err error) {
	found := false
	var clash *model.FieldError
	newest = map[seriesKey]latest{}
	err = entries(ctx, views, query, func(s *selection, e *entry) {
		of := &s.series[e.series]
		if clash != nil || !s.matchesAny(e) {
			return
		}
		its := s.kinds[of.kind]
		if found && its.Unit != kind.Unit {
			clash = model.InvalidField("filter", "selects profiles of %s in %s and in %s, which do not add up: narrow it",
				kind.Name, kind.Unit, its.Unit)
		}
		kind, found = its, true
		if before := newest[of.key]; kind.IsInstant() && (e.time > before.time || before.profile == 0) {
			newest[of.key] = latest{e.time, e.profile}
		}
	})
	if err == nil && clash != nil {
		err = clash
	}
	return kind, newest, err
}

// merger puts the trees of volumes together.
type merger struct {
	tree     model.CallTree
	frames   map[model.Frame]uint32
	nodes    map[node]uint32
	profiles map[uint64]bool // by sequence, whose duration is counted
	// magnitude is the sum of the values without their signs.
	magnitude float64
	take      Take
	owed      int64 // bytes that are not taken yet
	err       error // of take; the sum is incomplete
}

// charge takes memory in steps.
func (m *merger) charge(bytes int64) {
	if m.owed += bytes; m.owed >= takeStep && m.err == nil {
		m.err = m.take(m.owed)
		m.owed = 0
	}
}

// maxMagnitude keeps all sums of a tree's costs within 64 bits.
const maxMagnitude = 1 << 62

// plus adds, and keeps to the largest and the smallest number.
func plus(a, b int64) int64 {
	switch sum := a + b; {
	case a > 0 && b > 0 && sum < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && sum >= 0:
		return math.MinInt64
	default:
		return sum
	}
}

// within is how much of the duration is in a time range: of profiles whose samples have
// times these are selected one by one.
func (e *entry) within(r *model.TimeRange) time.Duration {
	start, end := e.time, e.time+model.Nanos(e.duration)
	if start = max(start, r.Start); r.End != 0 {
		end = min(end, r.End)
	}
	if !e.timed || end <= start { // or its samples are not of the time that it names
		return e.duration
	}
	return time.Duration(end - start)
}

// count adds up the selected samples of an entry by node of its volume.
func (m *merger) count(s *selection, e *entry, self []int64, used []bool) {
	found := false
	s.each(e, func(at uint32, count uint64, sum int64) bool {
		found = true
		self[at] = plus(self[at], sum)
		m.magnitude += math.Abs(float64(sum))
		used[at] = true
		m.tree.Samples += count
		return true
	})
	if !found {
		return
	}
	if !m.profiles[e.profile] {
		m.profiles[e.profile] = true
		m.charge(profileBytes)
		m.tree.Profiles++
		m.tree.Duration = time.Duration(plus(int64(m.tree.Duration), int64(e.within(&s.query.Filter.Time))))
	}
	if m.tree.First == 0 || e.first < m.tree.First {
		m.tree.First = e.first
	}
	m.tree.Last = max(m.tree.Last, e.last)
}

// add brings the counted nodes of a volume, and those above them, into the tree.
func (m *merger) add(v *view, self []int64, used []bool) {
	for i := len(used) - 1; i > 0; i-- { // children come after their parents
		if used[i] {
			used[v.nodes.parents.at(uint32(i))] = true
		}
	}
	if !used[0] {
		return
	}
	if len(m.tree.Nodes) == 0 {
		m.tree.Nodes = append(m.tree.Nodes, model.CallNode{})
	}
	place := make([]uint32, len(used))
	m.tree.Nodes[0].Self += self[0]
	for i := 1; i < len(used) && m.err == nil; i++ {
		if used[i] {
			n := v.nodes.at(uint32(i))
			place[i] = m.node(place[n.parent], v.frame(n.frame))
			m.tree.Nodes[place[i]].Self += self[i]
		}
	}
}

func (m *merger) node(parent uint32, frame model.Frame) uint32 {
	f, found := m.frames[frame]
	if !found {
		f = add(&m.tree.Frames, m.frames, frame)
		m.charge(frameBytes + int64(len(frame.Function)+len(frame.File)))
	}
	n := node{parent, f}
	if i, found := m.nodes[n]; found {
		return i
	}
	m.charge(nodeBytes)
	i := uint32(len(m.tree.Nodes))
	m.tree.Nodes = append(m.tree.Nodes, model.CallNode{Parent: parent, Frame: f})
	m.nodes[n] = i
	return i
}

// sum adds up the totals.
func (m *merger) sum() {
	nodes := m.tree.Nodes
	for i := len(nodes) - 1; i >= 0; i-- {
		nodes[i].Total += nodes[i].Self
		if i > 0 {
			nodes[nodes[i].Parent].Total += nodes[i].Total
		}
	}
}
