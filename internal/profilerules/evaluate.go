// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// Bottleneck is what a rule found.
type Bottleneck struct {
	Rule Rule
	// Value is the cost of the stacks that match, Share their part of what the
	// threshold is a part of.
	Value int64
	Share float64
	// Functions are the outermost that matched of each stack, Callers what calls these,
	// the costliest first.
	Functions, Callers []Cost
}

// Cost is a function's part of a bottleneck.
type Cost struct {
	Name, File string
	Value      int64
	Share      float64
}

// mostListed bounds the functions and the callers of a bottleneck.
const mostListed = 10

// fewSamples is below how many samples a share is a rough estimate, and minSamples from
// how many on a rule reports.
const (
	fewSamples = 100
	minSamples = 5
)

// Find returns what the rules find in a tree, the largest share first. The tree gcThreads
// has the samples of those threads whose names match GCThreads; nil if NeedsThreads does
// not ask for it.
func Find(t, gcThreads *model.CallTree) (found []Bottleneck) {
	measure := measureOf(&t.Type)
	whole := wholeOf(t, measure)
	if measure == unknown || whole <= 0 {
		return nil
	}
	symbols := symbolsOf(t)
	samples, exact := samplesOf(t)
	for _, rule := range Rules() {
		if rule.Applies&measure == 0 {
			continue
		}
		b := evaluate(t, symbols, &rule, whole)
		if rule.ID == jvmGC().ID && gcThreads != nil {
			b = b.orThreads(gcThreads, whole)
		}
		observed := samples * float64(b.Value) / float64(max(t.Total(), 1))
		if b.Share > rule.Threshold && (!exact || observed >= minSamples) {
			found = append(found, b)
		}
	}
	slices.SortStableFunc(found, func(a, b Bottleneck) int { return cmp.Compare(b.Share, a.Share) })
	return found
}

// wholeOf is what shares are a part of: all cost or, of waiting, the profiled time, which
// is 0 if it is not known.
func wholeOf(t *model.CallTree, measure Measure) float64 {
	if measure == CPU {
		return float64(t.Total())
	}
	if unit := nanosecondsPer(t.Type.Unit); unit > 0 {
		return float64(t.Duration) / unit
	}
	return 0
}

// nanosecondsPer returns the length of a unit of time; 0 of other units.
func nanosecondsPer(unit string) float64 {
	return map[string]float64{"nanoseconds": 1, "microseconds": 1e3, "milliseconds": 1e6, "seconds": 1e9}[unit]
}

// samplesOf counts the samples that the profiler took; exact is false where files hold
// sums of them only.
func samplesOf(t *model.CallTree) (n float64, exact bool) {
	switch {
	case t.Type.Unit == "count" && measureOf(&t.Type) == CPU:
		return float64(t.Total()), true
	case t.Type.Period > 0 && t.Type.PeriodUnit == t.Type.Unit:
		return float64(t.Total()) / float64(t.Type.Period), true
	default:
		return float64(t.Samples), false
	}
}

// evaluate adds up what a rule matches.
func evaluate(t *model.CallTree, symbols []*symbol, rule *Rule, whole float64) Bottleneck {
	matched := matchFrames(symbols, rule.Frames)
	if !slices.Contains(matched, true) {
		return Bottleneck{Rule: *rule}
	}
	excepted := matchFrames(symbols, rule.Except)
	const none = 0
	outermost := make([]uint32, len(t.Nodes)) // the node of the stack that matched first
	innermost := make([]uint32, len(t.Nodes)) // the one that matched last
	left := make([]bool, len(t.Nodes))        // the stack does not count
	functions, callers := sums{}, sums{}
	b := Bottleneck{Rule: *rule}
	for i := 1; i < len(t.Nodes); i++ {
		n := &t.Nodes[i]
		left[i] = left[n.Parent] || excepted[n.Frame]
		if !rule.Leaf {
			outermost[i], innermost[i] = outermost[n.Parent], innermost[n.Parent]
		}
		if matched[n.Frame] {
			innermost[i] = uint32(i)
			if outermost[i] == none {
				outermost[i] = uint32(i)
			}
		}
		if outermost[i] == none || left[i] || n.Self == 0 {
			continue
		}
		b.Value += n.Self
		shown := outermost[i]
		if rule.Innermost {
			shown = innermost[i]
		}
		functions.add(&t.Frames[t.Nodes[shown].Frame], n.Self)
		if caller := callerOf(t, symbols, outermost[i]); caller != nil {
			callers.add(caller, n.Self)
		}
	}
	b.Share = float64(b.Value) / whole
	b.Functions, b.Callers = functions.list(whole), callers.list(whole)
	return b
}

// symbolsOf returns the symbol of each frame; the lines of one function share it.
func symbolsOf(t *model.CallTree) []*symbol {
	list := make([]*symbol, len(t.Frames))
	known := map[model.Frame]*symbol{}
	for i := range t.Frames {
		f := &t.Frames[i]
		key := model.Frame{Function: f.Function, File: f.File, Kind: f.Kind}
		if known[key] == nil {
			s := symbolOf(f)
			known[key] = &s
		}
		list[i] = known[key]
	}
	return list
}

// matchFrames reports for each frame whether it is one of these.
func matchFrames(symbols []*symbol, frames []Frames) []bool {
	list := make([]bool, len(symbols))
	if len(frames) == 0 {
		return list
	}
	known := map[*symbol]bool{}
	for i, s := range symbols {
		matches, found := known[s]
		if !found {
			matches = slices.ContainsFunc(frames, func(f Frames) bool { return f.match(s) })
			known[s] = matches
		}
		list[i] = matches
	}
	return list
}

// callerOf returns the frame that calls a node, functions of Go's runtime and kernel left
// out; nil if there is none.
func callerOf(t *model.CallTree, symbols []*symbol, node uint32) *model.Frame {
	for at := t.Nodes[node].Parent; at != 0; at = t.Nodes[at].Parent {
		s := symbols[t.Nodes[at].Frame]
		internal := strings.HasPrefix(s.name, "runtime.") || strings.HasPrefix(s.name, "internal/runtime/") || s.kind == "kernel"
		if !internal {
			return &t.Frames[t.Nodes[at].Frame]
		}
	}
	return nil
}

// sums are costs by name of function.
type sums map[string]*Cost

func (s sums) add(f *model.Frame, value int64) {
	name := f.Function
	switch {
	case name != "":
	case f.IsTruncated() || f.Mapping == "":
		return
	default:
		name = path.Base(f.Mapping) + " [unsymbolized]"
	}
	if s[name] == nil {
		s[name] = &Cost{Name: name, File: f.File}
	}
	s[name].Value += value
}

func (s sums) list(whole float64) []Cost {
	list := make([]Cost, 0, len(s))
	for _, c := range s {
		c.Share = float64(c.Value) / whole
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b Cost) int { return cmp.Or(cmp.Compare(b.Value, a.Value), cmp.Compare(a.Name, b.Name)) })
	return list[:min(len(list), mostListed)]
}
